//! What a reading of a lead brings that was not known.

use sha2::{Digest, Sha256};

use super::csat::Csat;
use super::watched::{Marks, Watch, Watched};

/// Where a lead's rating stands in its details, and all that came with it.
const RATING: &str = "/csat/rating";
const WITH_THE_RATING: &str = "/csat";

/// What is known of the lead from its last reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct Last<'a> {
    /// [`rating_mark`] of its rating; `None` where there was none.
    pub rating: Option<u32>,
    /// Its watched fields; `None` where they were not kept.
    pub marks: Option<&'a Marks>,
}

/// One thing that happened; `changes` are JSON Pointers into the lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Its conversation was finished, for the first time or again.
    Finalized,
    /// It has a rating that it did not have.
    Rated {
        /// The rating, and the comment that came with it.
        changes: Vec<String>,
    },
    /// Watched fields differ.
    Updated {
        /// Those.
        changes: Vec<String>,
    },
}

/// What a reading brings, in the order in which it is told. `finalized`: it was made because the lead was.
///
/// Who hears that a lead was finalized gets the whole of it anew, so that nothing is told of what changed with it. A
/// rating is told with what else changed about `csat`; what changed beside it is told on its own.
pub fn news(finalized: bool, last: Last<'_>, csat: &Csat, watch: &Watch, watched: &Watched) -> Vec<News> {
    let mut news = Vec::new();
    let mut changes = match last.marks {
        Some(marks) if !finalized => watch.changes(marks, &watched.marks),
        _ => Vec::new(),
    };
    if finalized {
        news.push(News::Finalized);
    }
    let rating = rating_mark(csat);
    if rating.is_some() && rating != last.rating {
        let (with, beside) = changes.into_iter().partition(|pointer| is_with_the_rating(pointer));
        changes = beside;
        let rating = std::iter::once(RATING.to_owned());
        let with: Vec<String> = with;
        news.push(News::Rated {
            changes: rating.chain(with.into_iter().filter(|pointer| pointer != RATING)).collect(),
        });
    }
    if !changes.is_empty() {
        news.push(News::Updated { changes });
    }
    news
}

fn is_with_the_rating(pointer: &str) -> bool {
    pointer.strip_prefix(WITH_THE_RATING).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Four bytes that tell one rating from another; `None` where there is none.
pub fn rating_mark(csat: &Csat) -> Option<u32> {
    let text = csat.text.as_ref().filter(|_| csat.is_rated())?;
    Sha256::digest(text.as_bytes()).first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::domain::lead::Lead;

    fn csat(text: Option<&str>) -> Csat {
        Csat { text: text.map(str::to_owned), ..Csat::default() }
    }

    fn lead(name: &str, message: &str) -> Lead {
        let json = format!(r#"{{"name":"{name}","csat":{{"message":"{message}"}}}}"#);
        Lead::from_raw(RawValue::from_string(json).expect("JSON")).expect("an object")
    }

    fn told(finalized: bool, last: Option<&str>, now: Option<&str>, lead_now: &Lead) -> Vec<News> {
        let watch = Watch::default();
        let before = watch.look(&lead("Ana", "")).marks;
        let last = Last { rating: rating_mark(&csat(last)), marks: Some(&before) };
        news(finalized, last, &csat(now), &watch, &watch.look(lead_now))
    }

    fn changes<const N: usize>(pointers: [&str; N]) -> Vec<String> {
        pointers.map(str::to_owned).to_vec()
    }

    #[test]
    fn each_thing_is_told_once() {
        let same = lead("Ana", "");
        let rated = |changes| News::Rated { changes };
        let updated = |changes| News::Updated { changes };
        assert_eq!(told(false, None, None, &same), []);
        assert_eq!(told(true, None, None, &same), [News::Finalized]);
        assert_eq!(told(true, None, Some("2"), &same), [News::Finalized, rated(changes(["/csat/rating"]))]);
        assert_eq!(told(false, None, Some("2"), &same), [rated(changes(["/csat/rating"]))]);
        // The same rating again, another one, and none any more.
        assert_eq!(told(true, Some("2"), Some("2"), &same), [News::Finalized]);
        assert_eq!(told(true, Some("2"), Some("5"), &same), [News::Finalized, rated(changes(["/csat/rating"]))]);
        assert_eq!(told(false, Some("2"), None, &same), []);
        assert_eq!(told(false, None, Some(" "), &same).len(), usize::from(csat(Some(" ")).is_rated()));
        // What changed with it.
        assert_eq!(told(false, None, None, &lead("Bia", "")), [updated(changes(["/name"]))]);
        assert_eq!(told(false, None, None, &lead("Ana", "!")), [updated(changes(["/csat/message"]))]);
        assert_eq!(
            told(false, None, Some("2"), &lead("Ana", "!")),
            [rated(changes(["/csat/rating", "/csat/message"]))]
        );
        assert_eq!(
            told(false, None, Some("2"), &lead("Bia", "!")),
            [rated(changes(["/csat/rating", "/csat/message"])), updated(changes(["/name"]))]
        );
        assert_eq!(told(true, None, None, &lead("Bia", "!")), [News::Finalized]);
    }

    #[test]
    fn what_was_not_kept_cannot_differ() {
        let watch = Watch::default();
        let watched = watch.look(&lead("Bia", "!"));
        assert_eq!(news(false, Last::default(), &csat(None), &watch, &watched), []);
    }
}
