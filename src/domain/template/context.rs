//! What a template can name: the event, and the settings of its destination.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;
use serde::de::DeserializeSeed;

use super::mended::mended;
use super::present::Present;

/// An event and settings, as templates see them. Made once for an event; giving it settings is cheap.
///
/// Keys that are null are left out, so that a null and a missing field are the same: undefined.
#[derive(Clone)]
pub struct Context {
    root: Value,
}

/// An envelope that no template can be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event's JSON cannot be read by templates: {0}")]
pub struct NoEvent(String);

#[derive(Clone, Debug)]
struct Root {
    id: Value,
    event: Value,
    data: Value,
    settings: Value,
    step: Option<Step>,
}

/// A step's own names, made.
#[derive(Clone, Debug)]
struct Step {
    id: Value,
    captured: Value,
    unknown: Value,
}

/// What the templates of one of several steps know beside the event.
#[derive(Clone, Debug)]
pub struct InStep<'a> {
    /// `step_id`: the call's own id.
    pub step_id: String,
    /// `captured`: what earlier steps took out of their answers, as names and JSON texts.
    pub captured: Vec<(&'a str, &'a str)>,
    /// `unknown`: the steps of whose last try nobody knows whether it got through.
    pub unknown: &'a [String],
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "id" => Some(self.id.clone()),
            "type" | "timestamp" => defined(self.event.get_attr(key)),
            "settings" => Some(self.settings.clone()),
            "step_id" | "captured" | "unknown" if let Some(step) = &self.step => Some(match key {
                "step_id" => step.id.clone(),
                "captured" => step.captured.clone(),
                _ => step.unknown.clone(),
            }),
            _ => defined(self.data.get_attr(key)),
        }
    }
}

fn defined(looked_up: Result<Value, minijinja::Error>) -> Option<Value> {
    looked_up.ok().filter(|value| !value.is_undefined())
}

fn read(json: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Present.deserialize(&mut reader)?;
    reader.end()?;
    Ok(read)
}

impl Context {
    /// The event with this id and envelope, without settings.
    ///
    /// # Errors
    /// Where the envelope is not a JSON object that can be read, or its nesting is too deep. Half of a surrogate pair and a
    /// number beyond any number are no reason: templates see U+FFFD and nothing. What is sent as it came stays as it came.
    pub fn of(event_id: &str, envelope: &[u8]) -> Result<Context, NoEvent> {
        let event = read(envelope)
            // Hardly one in a million, so that all others need not wait for it.
            .or_else(|_| read(&mended(envelope)))
            // Where it breaks off, and nothing of what stands there.
            .map_err(|error| NoEvent(format!("line {}, column {}", error.line(), error.column())))?;
        let data = defined(event.get_attr("data")).unwrap_or_else(|| Value::from(BTreeMap::<String, Value>::new()));
        let settings = Value::from(BTreeMap::<String, Value>::new());
        Ok(Context { root: Value::from_object(Root { id: Value::from(event_id), event, data, settings, step: None }) })
    }

    /// The same event, for a destination with these settings.
    pub fn with_settings(&self, settings: &BTreeMap<String, String>) -> Context {
        let settings = Value::from_pairs(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.changed(|root| root.settings = settings)
    }

    /// The same event, for one of several steps.
    pub fn in_step(&self, step: &InStep<'_>) -> Context {
        // Every captured value was JSON when it was captured.
        let captured = step.captured.iter().filter_map(|(name, json)| Some((*name, read(json.as_bytes()).ok()?)));
        let made = Step {
            id: Value::from(step.step_id.as_str()),
            captured: Value::from_pairs(captured),
            unknown: step.unknown.iter().map(String::as_str).collect(),
        };
        self.changed(|root| root.step = Some(made))
    }

    fn changed(&self, change: impl FnOnce(&mut Root)) -> Context {
        let Some(root) = self.root.downcast_object_ref::<Root>() else { return self.clone() };
        let mut root = root.clone();
        change(&mut root);
        Context { root: Value::from_object(root) }
    }

    pub(super) fn root(&self) -> Value {
        self.root.clone()
    }

    /// The value at a path such as `lead.csat.rating`; undefined where there is none. `None`: the path goes through the
    /// items of a list, so that there are many.
    pub(super) fn look_up(&self, path: &str) -> Option<Value> {
        if path.contains("[]") {
            return None;
        }
        let step = |value: Value, key: &str| value.get_attr(key).unwrap_or(Value::UNDEFINED);
        Some(path.split('.').fold(self.root(), step))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A lead's data, and settings that may be secret.
        f.write_str("Context(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::domain::template::{Condition, Judged, Place, Text};

    /// Panics when it is looked at first.
    #[derive(Debug)]
    struct Broken(AtomicBool);

    impl Object for Broken {
        fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
            assert!(self.0.swap(true, Ordering::Relaxed), "looked at Maria");
            None
        }
    }

    #[test]
    fn what_no_value_can_be_made_of_spoils_nothing_else() {
        let envelope = br#"{"type":"lead.rated","data":{"lead":{"name":"Ana \ud83d","visits":1e400,"state":"SP"}}}"#;
        let context = Context::of("evt_1", envelope).expect("an event");
        let text = Text::parse("{{ lead.name }}, {{ lead.state }}, {{ lead.visits | default('?') }}", Place::Plain);
        assert_eq!(text.expect("a text").render(&context).expect("rendered"), "Ana \u{fffd}, SP, ?");
        assert_eq!(Condition::parse("lead.state == 'SP'").expect("a condition").judge(&context), Judged::Yes);
        let error = Context::of("evt_1", b"{\"a\":\"\\ud83d\",}").expect_err("no JSON");
        assert_eq!(error.to_string(), "the event's JSON cannot be read by templates: line 1, column 15");
    }

    #[test]
    fn a_panic_is_this_one_programs_error() {
        let broken = || Context { root: Value::from_object(Broken(AtomicBool::new(false))) };
        let Judged::CannotTell(why) = Condition::parse("lead.name").expect("a condition").judge(&broken()) else {
            panic!("it is judged");
        };
        assert!(why.contains("a filter failed unexpectedly") && !why.contains("Maria"), "{why}");
        let error =
            Text::parse("{{ lead.name }}!", Place::Plain).expect("a text").render(&broken()).expect_err("a panic");
        assert!(error.message.contains("a filter failed unexpectedly") && !error.message.contains("Maria"), "{error}");
    }
}
