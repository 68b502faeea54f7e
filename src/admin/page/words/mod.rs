//! Every text of the page, in each language. A new page brings a table of its own beside these.
//!
//! A text may hold `{name}`, for which something stands in; numbers are written as the language has it. Where a text is given
//! `n` and there is a key with `.one` behind it, that one is taken for exactly one: `dead.count` and `dead.count.one`.

mod dead;
mod destination;
mod frame;
mod overview;
mod reason;
mod sign_in;
mod story;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::language::Language;

/// A key, and its text in English and in Portuguese.
pub(super) type Word = (&'static str, [&'static str; Language::ALL.len()]);

const TABLES: [&[Word]; 7] =
    [frame::WORDS, overview::WORDS, sign_in::WORDS, dead::WORDS, destination::WORDS, story::WORDS, reason::WORDS];

fn all() -> &'static HashMap<&'static str, [&'static str; Language::ALL.len()]> {
    static ALL: OnceLock<HashMap<&'static str, [&'static str; Language::ALL.len()]>> = OnceLock::new();
    ALL.get_or_init(|| TABLES.into_iter().flatten().copied().collect())
}

/// The text under this key; `None` where there is none.
pub(super) fn word(key: &str, language: Language) -> Option<&'static str> {
    all().get(key).map(|texts| texts[language as usize])
}

/// The keys that begin so.
pub(super) fn with_prefix(beginning: &'static str) -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().flatten().map(|(key, _)| *key).filter(move |key| key.starts_with(beginning))
}

/// The text under this key with what stands in for its names. `n`: the number that it speaks of, if it does.
pub(super) fn say(key: &str, n: Option<u64>, given: &[(&str, String)], language: Language) -> Option<String> {
    let one = (n == Some(1)).then(|| word(&format!("{key}.one"), language)).flatten();
    let text = one.or_else(|| word(key, language))?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // In one pass: what stands in may hold braces of its own.
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        out.push_str(before);
        match given.iter().find(|(given, _)| *given == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_every_language_once_and_with_the_same_names() {
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
            names.sort();
            names
        };
        let mut seen = std::collections::BTreeSet::new();
        for (key, texts) in TABLES.into_iter().flatten() {
            assert!(seen.insert(*key), "{key} stands there twice");
            for text in texts {
                assert!(!text.trim().is_empty(), "{key} has no text in one language");
                assert_eq!(names(text), names(texts[0]), "{key}");
            }
        }
    }

    /// `t("...")` in a template, with the whole key written out.
    #[test]
    fn every_text_that_a_template_asks_for_is_there() {
        let mut seen = 0;
        for (name, text) in crate::admin::page::frame::TEMPLATES {
            for (at, _) in text.match_indices("t(\"") {
                // asset("..."), part("...")
                if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                    continue;
                }
                let asked = &text[at + 3..];
                let (key, after) = asked.split_once('"').expect("a key ends");
                // Put together of pieces: `t("state." ~ state)`.
                if after.trim_start().starts_with('~') {
                    continue;
                }
                assert!(word(key, Language::English).is_some(), "{name} asks for {key}, of which there is no text");
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} texts are asked for: this test no longer understands the templates");
    }

    #[test]
    fn what_stands_in_is_put_in_once_and_one_is_one() {
        let given = [("query", "{n} <b>".to_owned()), ("n", "1".to_owned())];
        assert_eq!(
            say("search.nothing", None, &given, Language::English).as_deref(),
            Some("“{n} <b>” is no lead's number and no id.")
        );
        assert_eq!(say("no.such.key", None, &[], Language::English), None);
    }
}
