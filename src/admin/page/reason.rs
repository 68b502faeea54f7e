//! What came back of an attempt, as far as leadhook itself has said it, in the reader's language. What others said of it, behind
//! a colon, stays as it is.

use super::language::Language;
use super::words::{self, word};

/// The text with its fixed beginning in this language.
pub(super) fn in_words(said: &str, language: Language) -> String {
    let known = words::with_prefix("reason.").find_map(|key| {
        let rest = said.strip_prefix(word(key, Language::English)?)?;
        (rest.is_empty() || rest.starts_with(": ")).then(|| Some(format!("{}{rest}", word(key, language)?)))?
    });
    known.unwrap_or_else(|| said.to_owned())
}

/// What a reader of this language looks for, as it is kept.
pub(super) fn as_kept(text: &str, language: Language) -> String {
    words::with_prefix("reason.").fold(text.to_owned(), |text, key| {
        match (word(key, language), word(key, Language::English)) {
            (Some(told), Some(kept)) => text.replace(told, kept),
            _ => text,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::{NoAnswer, Refusal};

    #[test]
    fn every_reason_of_ours_is_told_in_every_language() {
        use NoAnswer::*;
        let nothing = [Timeout, Dns, NotAllowed, Connect, Tls, Reset, Protocol, Interrupted, NoToken, NoFiles];
        let nothing = nothing.map(|why| (why.as_str(), why.to_string()));
        use Refusal as No;
        let refused = [No::NotThere, No::Denied, No::TooLarge, No::Busy, No::Unfit, No::Other];
        let refused = refused.map(|why| (why.as_str(), why.to_string()));
        for (key, sentence) in nothing.into_iter().chain(refused) {
            assert_eq!(word(&format!("reason.{key}"), Language::English), Some(sentence.as_str()));
            let detailed = format!("{sentence}: detail");
            assert_eq!(in_words(&detailed, Language::English), detailed);
            let shown = in_words(&detailed, Language::Portuguese);
            assert!(shown.ends_with(": detail") && !shown.starts_with(&sentence), "{shown}");
            assert_eq!(as_kept(&shown, Language::Portuguese), detailed);
        }
    }

    #[test]
    fn what_others_said_stays() {
        for said in ["HTTP 503", "no tokens left", "the broker refused it all", ""] {
            assert_eq!(in_words(said, Language::Portuguese), said);
        }
    }
}
