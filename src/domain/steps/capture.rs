//! What is taken out of a step's answer for the steps behind it.

use serde_json::Value;

use super::super::template::{Context, RenderError, Text};
use super::awaited::{Awaited, stand_in};

/// No captured value is longer, in bytes of JSON.
pub const LONGEST: usize = 2 * 1024;

/// All that is captured for one delivery is no longer, in bytes of JSON.
pub const LONGEST_IN_ALL: usize = 8 * 1024;

/// A value to capture.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What templates know it by: `captured.NAME`.
    pub name: String,
    /// The list whose first fitting item is meant; `None`: the whole answer.
    pub list: Option<InList>,
    /// JSON Pointers (RFC 6901) into that; the first at which something stands. Empty: the whole of it.
    pub at: Vec<String>,
    /// An answer without it is as good.
    pub optional: bool,
}

/// Which item of a list is meant: the first that mentions something, in a text or a number, at any depth.
#[derive(Clone, Debug)]
pub struct InList {
    /// The list, by JSON Pointer.
    pub pointer: String,
    /// What it must mention.
    pub holds: Text,
    /// The text must be this and nothing else; capitals and what is blank around it make no difference. Whoever looks for
    /// an address or a number wants that one and not one that it is a part of.
    pub whole: bool,
}

/// What there is of an answer to find something in.
#[derive(Debug)]
pub enum Body {
    /// JSON, whole.
    Json(Value),
    /// Nothing, and said to be: 204.
    Empty,
    /// Something else, or more than is read.
    Other,
}

impl Body {
    /// Reads the body of an answer with this status.
    pub fn read(status: u16, bytes: &[u8]) -> Body {
        match serde_json::from_slice(bytes) {
            Ok(json) => Body::Json(json),
            // A 200 without anything in it is no answer to a question.
            Err(_) if status == 204 => Body::Empty,
            Err(_) => Body::Other,
        }
    }
}

/// A capture for one event: nothing in it has to be filled in any more.
#[derive(Clone, Debug)]
pub struct Want {
    name: String,
    list: Option<(String, Mention)>,
    at: Vec<String>,
    optional: bool,
}

/// What an item must mention.
#[derive(Clone, Debug)]
struct Mention {
    text: String,
    whole: bool,
}

impl Capture {
    /// Fills it in.
    ///
    /// # Errors
    /// What the list's item must hold cannot be evaluated.
    pub fn want(&self, context: &Context) -> Result<Want, RenderError> {
        let list = match &self.list {
            Some(InList { pointer, holds, whole: true }) => {
                let text = holds.render(context)?.trim().to_lowercase();
                Some((pointer.clone(), Mention { text, whole: true }))
            }
            Some(InList { pointer, holds, whole: false }) => {
                Some((pointer.clone(), Mention { text: holds.render(context)?, whole: false }))
            }
            None => None,
        };
        Ok(Want { name: self.name.clone(), list, at: self.at.clone(), optional: self.optional })
    }

    /// What there is to say of it where it cannot be filled in.
    pub(super) fn unread(&self, given: &[(String, String)]) -> Awaited {
        let own = given.iter().find(|(name, _)| *name == self.name).map(|(_, json)| json.clone());
        let stood_in = || (!self.optional).then(|| stand_in(&self.name));
        let list = self.list.as_ref().map(|list| (list.pointer.as_str(), "...", list.whole));
        Awaited {
            name: self.name.clone(),
            place: place(list, &self.at),
            optional: self.optional,
            given: own.is_some(),
            seen_as: own.or_else(stood_in),
        }
    }
}

fn place(list: Option<(&str, &str, bool)>, at: &[String]) -> String {
    let whole = |pointer: &str| if pointer.is_empty() { "the whole answer".to_owned() } else { pointer.to_owned() };
    let at = at.iter().map(|pointer| whole(pointer)).collect::<Vec<_>>().join(" or ");
    match list {
        None => at,
        Some((pointer, holds, is_whole)) => {
            let how = if is_whole { "in which a text is" } else { "that mentions" };
            let item = format!("the first item of {} {how} `{holds}`", whole(pointer));
            if at.is_empty() { item } else { format!("{at} of {item}") }
        }
    }
}

impl Want {
    /// What templates know it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether an answer without it is as good.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Where in an answer it stands, in words.
    pub fn place(&self) -> String {
        let list = self.list.as_ref().map(|(pointer, what)| (pointer.as_str(), what.text.as_str(), what.whole));
        place(list, &self.at)
    }

    /// The value in this answer as JSON text; `None`: the answer is as good without it.
    ///
    /// # Errors
    /// It is missing or too long, in words.
    pub fn take(&self, answer: &Body) -> Result<Option<String>, String> {
        self.taken(answer, self.may_lack_it(answer))
    }

    /// The same of an answer that says "no" and is taken for a good one: nothing of the kind need be in it.
    ///
    /// # Errors
    /// As [`Want::take`].
    pub fn take_if_any(&self, answer: &Body) -> Result<Option<String>, String> {
        self.taken(answer, true)
    }

    fn taken(&self, answer: &Body, may_lack_it: bool) -> Result<Option<String>, String> {
        let found = match answer {
            Body::Json(json) => self.find(json).filter(|value| !is_nothing(value)),
            Body::Empty | Body::Other => None,
        };
        let Some(found) = found else {
            return match self.optional && may_lack_it {
                true => Ok(None),
                false => Err(format!("the answer has no {} to capture", self.name)),
            };
        };
        let json = found.to_string();
        if json.len() > LONGEST {
            return Err(format!("{} is {} bytes long, and at most {LONGEST} are captured", self.name, json.len()));
        }
        Ok(Some(json))
    }

    /// Whether this answer, in which nothing was found, is one in which it could have been: it is said to be empty, as some
    /// say that they found nothing, or JSON of the form that is expected, as far as it goes. A proxy's page, or an error in
    /// place of a list, would else stand for "there is none".
    fn may_lack_it(&self, answer: &Body) -> bool {
        let Body::Json(json) = answer else { return matches!(answer, Body::Empty) };
        match &self.list {
            Some((pointer, what)) => match (ends_early(json, pointer), json.pointer(pointer)) {
                (true, _) | (_, Some(Value::Null)) => true,
                // An item that mentions it and has no such value is not what was expected.
                (_, Some(Value::Array(items))) => !items.iter().any(|item| what.is_in(item)),
                // PHP's empty list, written as an object.
                (_, Some(Value::Object(fields))) => fields.is_empty(),
                _ => false,
            },
            None => self.at.iter().any(|way| ends_early(json, way) || json.pointer(way).is_some_and(is_nothing)),
        }
    }

    fn find<'a>(&self, answer: &'a Value) -> Option<&'a Value> {
        let within = match &self.list {
            Some((pointer, what)) => answer.pointer(pointer)?.as_array()?.iter().find(|item| what.is_in(item))?,
            None => answer,
        };
        match self.at.as_slice() {
            [] => Some(within),
            pointers => pointers.iter().filter_map(|pointer| within.pointer(pointer)).find(|value| !is_nothing(value)),
        }
    }
}

/// Whether this says that there is nothing: no id is empty.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// Whether the way that this pointer goes ends before its end in a place where it may: behind the last item of a list, at a
/// null, or at a key that an object below the top does not have.
fn ends_early(json: &Value, pointer: &str) -> bool {
    let mut here = json;
    for (depth, part) in pointer.split('/').skip(1).enumerate() {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match here {
            Value::Null => return depth > 0,
            Value::Array(items) => match part.parse::<usize>() {
                Ok(n) if n >= items.len() => return true,
                Ok(n) => &items[n],
                // PHP's empty object, written as a list.
                Err(_) => return depth > 0 && items.is_empty(),
            },
            Value::Object(fields) => match fields.get(&part) {
                Some(next) => next,
                None => return depth > 0,
            },
            _ => return false,
        };
        here = next;
    }
    false
}

impl Mention {
    /// Whether a text or a number in there is it or holds it. Nothing is held by everything, and so would say nothing.
    fn is_in(&self, value: &Value) -> bool {
        !self.text.is_empty()
            && match value {
                Value::String(own) if self.whole => own.trim().to_lowercase() == self.text,
                Value::String(own) => own.contains(&self.text),
                Value::Number(number) => number.to_string() == self.text,
                Value::Array(items) => items.iter().any(|item| self.is_in(item)),
                Value::Object(fields) => fields.values().any(|field| self.is_in(field)),
                Value::Null | Value::Bool(_) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::template::Place;

    fn want(list: Option<(&str, &str)>, at: &[&str], optional: bool) -> Want {
        let list = list.map(|(pointer, holds)| InList {
            pointer: pointer.to_owned(),
            holds: Text::parse(holds, Place::Plain).expect("a template"),
            whole: false,
        });
        let at = at.iter().map(|pointer| (*pointer).to_owned()).collect();
        let capture = Capture { name: "x".to_owned(), list, at, optional };
        capture
            .want(&Context::of("evt_1", b"{\"data\":{\"lead\":{\"phone\":\"55119\"}}}").expect("a context"))
            .expect("filled in")
    }

    #[test]
    fn a_value_is_found_at_the_first_pointer_at_which_something_stands() {
        let answer = json!({"results": [{"id": "512"}], "id": null, "n": 9007199254740993u64});
        let taken = |at: &[&str]| want(None, at, false).take(&Body::Json(answer.clone()));
        assert_eq!(taken(&["/results/0/id"]), Ok(Some("\"512\"".into())));
        assert_eq!(taken(&["/id", "/nothing", "/results/0/id"]), Ok(Some("\"512\"".into())));
        assert_eq!(taken(&["/n"]), Ok(Some("9007199254740993".into())));
        assert_eq!(taken(&["/results/0"]), Ok(Some("{\"id\":\"512\"}".into())));
        assert_eq!(taken(&["/id"]), Err("the answer has no x to capture".into()));
        assert_eq!(want(None, &["/id"], true).take(&Body::Json(answer.clone())), Ok(None));
        assert_eq!(want(None, &["/id"], false).take(&Body::Empty), Err("the answer has no x to capture".into()));
    }

    #[test]
    fn the_first_item_that_mentions_it_is_meant() {
        let answer = json!({"data": [
            {"id": 1, "content": "something else"},
            {"id": 2, "content": {"html": ["<p>hello evt_1</p>"]}},
            {"id": 3, "content": "evt_1", "phone": 55119},
        ]});
        assert_eq!(
            want(Some(("/data", "{{ id }}")), &["/id"], false).take(&Body::Json(answer.clone())),
            Ok(Some("2".into()))
        );
        assert_eq!(
            want(Some(("/data", "{{ lead.phone }}")), &["/id"], false).take(&Body::Json(answer.clone())),
            Ok(Some("3".into()))
        );
        assert_eq!(want(Some(("/data", "evt_9")), &["/id"], true).take(&Body::Json(answer.clone())), Ok(None));
        // What an empty text would be found in is everything.
        assert_eq!(
            want(Some(("/data", "{{ lead.email }}")), &["/id"], true).take(&Body::Json(answer.clone())),
            Ok(None)
        );
    }

    #[test]
    fn that_there_is_none_is_believed_of_an_answer_that_looks_right() {
        let lacks =
            |want: &Want, body: &str| want.take(&Body::read(200, body.as_bytes())).is_ok_and(|found| found.is_none());
        let (value, item) = (want(None, &["/data/0/id"], true), want(Some(("/data", "evt_1")), &["/id"], true));
        for want in [&value, &item] {
            for body in ["{\"data\":[]}", "{\"data\":null}"] {
                assert!(lacks(want, body), "{body}");
            }
            for body in [
                "",
                " \n",
                "<html>",
                "{\"data\":[",
                "{\"data\":\"no\"}",
                "{\"data\":false}",
                "{}",
                "[]",
                "[{\"data\":[]}]",
                "{\"error\":\"busy\"}",
                "\"data\"",
                "null",
            ] {
                assert!(!lacks(want, body), "{body}");
            }
            assert_eq!(want.take(&Body::read(204, b"")), Ok(None));
        }
        assert!(lacks(&item, "{\"data\":{}}") && lacks(&item, "{\"data\":[{\"id\":1}]}"));
        assert!(!lacks(&item, "{\"data\":[{\"text\":\"evt_1\"}]}"), "the item is there, and its id is not");
        assert!(lacks(&want(None, &["/0/id"], true), "[]"));
        let deep = want(None, &["/result/CONTACT/0"], true);
        for body in ["{\"result\":[]}", "{\"result\":{}}", "{\"result\":{\"CONTACT\":[]}}", "{\"result\":null}"] {
            assert!(lacks(&deep, body), "{body}");
        }
        for body in
            ["{\"result\":[\"error: try later\"]}", "{\"result\":false}", "[1]", "{\"result\":{\"CONTACT\":\"no\"}}"]
        {
            assert!(!lacks(&deep, body), "{body}");
        }
    }

    #[test]
    fn an_item_may_have_to_mention_it_and_nothing_else() {
        let answer = json!({"data": [
            {"id": 1, "emails": ["ana.maria@example.com"], "key": "1234567"},
            {"id": 2, "emails": ["other@example.com", " Maria@Example.com"], "key": 123456},
        ]});
        for (is, found) in [
            ("maria@example.com", Some("2")),
            (" MARIA@example.com\n", Some("2")),
            ("123456", Some("2")),
            ("1234567", Some("1")),
            ("12345", None),
            ("", None),
        ] {
            let holds = Text::parse(is, Place::Plain).expect("a template");
            let list = Some(InList { pointer: "/data".to_owned(), holds, whole: true });
            let capture = Capture { name: "x".to_owned(), list, at: vec!["/id".to_owned()], optional: true };
            let want = capture.want(&Context::of("evt_1", b"{\"data\":{}}").expect("a context")).expect("filled in");
            assert_eq!(want.take(&Body::Json(answer.clone())), Ok(found.map(str::to_owned)), "{is}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let answer = json!({"a": "x".repeat(LONGEST)});
        assert!(want(None, &["/a"], true).take(&Body::Json(answer.clone())).is_err_and(|why| !why.contains("xx")));
    }
}
