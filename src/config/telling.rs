//! What is wrong or doubtful about a template of the file, told at its place in it.

use super::text::Text;
use crate::domain::template::{Name, Wrong, check_names};

/// What a template knows beside what every event has.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// The destination's settings.
    pub(super) settings: &'a [&'a str],
    /// Names of its own, whole.
    pub(super) also: &'a [&'a str],
}

impl<'a> Known<'a> {
    /// The destination's settings alone.
    pub(super) fn settings(settings: &'a [&'a str]) -> Known<'a> {
        Known { settings, also: &[] }
    }
}

/// Says which names of a template exist in no event. Below `lead` that is a warning: the API may send more than its page
/// says.
pub(super) fn doubt<'n>(text: &Text<'_>, names: impl IntoIterator<Item = &'n Name>, known: Known<'_>) {
    for doubt in check_names(names, known.settings, known.also) {
        let part = text.value.get(doubt.at.clone()).unwrap_or_default();
        let spot = text.spot.clone().within(text.reading, part, doubt.at.start);
        if doubt.may_exist {
            let message = match text.shows(&doubt.path) {
                true => format!("WeClever's page knows no `{}`", doubt.path),
                false => format!("WeClever's page does not know what stands here for `{}`", text.references()),
            };
            let help = doubt.help.unwrap_or_else(|| "it prints as nothing where a lead does not have it".to_owned());
            text.reading.warn(&spot, message, Some(help));
        } else {
            let help = doubt
                .help
                .unwrap_or_else(|| "names are id, type, timestamp, and what an event has under data".to_owned());
            let captured = doubt.path.strip_prefix("captured.").filter(|_| known.also.contains(&"captured"));
            let message = match captured {
                _ if !text.shows(&doubt.path) => format!("no event has what stands here for `{}`", text.references()),
                Some(name) => format!("no step before this one captures `{name}`"),
                None => format!("no event has `{}`", doubt.path),
            };
            text.reading.mistake(&spot, message, Some(help));
        }
    }
}

/// Says what is wrong with a template, at the place in it.
pub(super) fn tell(text: &Text<'_>, wrong: &Wrong) {
    tell_with(text, wrong, "write for example {{ lead.name }}");
}

/// The same, with what to write where the template's own error does not say it.
pub(super) fn tell_with(text: &Text<'_>, wrong: &Wrong, example: &str) {
    let part = text.value.get(wrong.at.clone()).unwrap_or_default();
    let spot = text.spot.clone().within(text.reading, part, wrong.at.start);
    let help = wrong.help.clone().unwrap_or_else(|| example.to_owned());
    // The message may quote what it is about.
    let message = match text.shows(part) {
        true => wrong.message.clone(),
        false => format!("does not fit together with what stands here for `{}`", text.references()),
    };
    text.reading.mistake(&spot, message, Some(help));
}
