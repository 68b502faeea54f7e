//! Ratings: what a person answered when asked how it was, read as a score.
//!
//! Nobody outside knows what WeClever's `csat.rating` looks like, so much is understood, and what is not clear stays
//! unknown: an unknown score wakes nobody, and a wrong one would wake the wrong people.
//!
//! ```text
//! text      what was written, in words, numbers, stars and faces; accents and case make no difference
//! lexicon   what words and faces mean, in Portuguese, English and Spanish
//! reading   the one thing that all of them together say, if there is one
//! ```

mod lexicon;
mod reading;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use lexicon::Words;
use reading::Reading;

/// A rating, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Csat {
    /// Always within the scale; `None` where nobody has rated, or the rating cannot be read.
    #[serde(serialize_with = "whole_where_it_is")]
    pub score: Option<f64>,
    /// Whether the score is low. Without a score it is not.
    pub low: bool,
    /// The rating as received: a text without its quotes, all else as JSON. `None` where nobody has rated.
    pub text: Option<String>,
}

impl Csat {
    /// Whether there is a rating, readable or not.
    pub fn is_rated(&self) -> bool {
        self.text.is_some()
    }

    /// Whether there is a rating that says nothing clear.
    pub fn is_unreadable(&self) -> bool {
        self.text.is_some() && self.score.is_none()
    }
}

/// 2 rather than 2.0: receivers in other languages take the one for a whole number, and the other not.
fn whole_where_it_is<S: Serializer>(score: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match score {
        Some(score) if score.fract() == 0.0 && score.abs() < 1e15 => to.serialize_some(&(*score as i64)),
        score => score.serialize(to),
    }
}

/// Which end of the scale is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// The highest score is the best.
    #[default]
    Up,
    /// The lowest score is the best, as in school marks.
    Down,
}

/// The scores that there are, both ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The lowest.
    pub from: i32,
    /// The highest; more than `from`.
    pub to: i32,
}

impl Scale {
    /// Whether this score is one of the scale's.
    pub fn holds(self, score: f64) -> bool {
        (f64::from(self.from)..=f64::from(self.to)).contains(&score)
    }
}

/// `[csat]`: how a rating is read.
#[derive(Clone, Debug, PartialEq)]
pub struct CsatRules {
    /// A score outside of it is unknown.
    pub scale: Scale,
    /// A score up to this is low. With [`Direction::Down`] it is counted from the other end: on a scale from 1 to 5 with
    /// a `low_max` of 2, 4 and 5 are low.
    pub low_max: f64,
    /// Which end is the good one.
    pub direction: Direction,
    words: Words,
}

impl Default for CsatRules {
    fn default() -> CsatRules {
        CsatRules::on(Scale { from: 1, to: 5 }, 2.0, Direction::Up)
    }
}

impl CsatRules {
    /// The rules for this scale, without words of a user's own.
    pub fn on(scale: Scale, low_max: f64, direction: Direction) -> CsatRules {
        CsatRules { scale, low_max, direction, words: Words::default() }
    }

    /// Adds words of the user's own. What is built in keeps its place where it is on the same side already; any other
    /// word is the worst of the scale, or the best. A word may be several, or a face.
    pub fn with_words<T: AsRef<str>>(mut self, low: &[T], high: &[T]) -> CsatRules {
        for (words, is_low, end) in [(low, true, 1), (high, false, 5)] {
            for word in words {
                let built_in = lexicon::level(word.as_ref());
                let stands = built_in.filter(|level| *level != 3 && self.is_low(self.place(*level)) == is_low);
                self.words.add(word.as_ref(), stands.unwrap_or(end));
            }
        }
        self
    }

    /// Whether two words are one where accents, capitals and punctuation make no difference.
    pub fn same_word(one: &str, other: &str) -> bool {
        lexicon::key(one) == lexicon::key(other)
    }

    /// Whether nothing is left of this without punctuation.
    pub fn is_no_word(text: &str) -> bool {
        lexicon::key(text).is_empty()
    }

    /// Reads a rating as it came: text, number or null; `None` where there is none.
    ///
    /// Nothing, null, blanks and an empty list or object mean that nobody has rated yet.
    pub fn read(&self, rating: Option<&RawValue>) -> Csat {
        let Some(raw) = rating.map(|rating| rating.get().trim()) else { return Csat::default() };
        if raw.starts_with('"') {
            // RawValue holds JSON that was parsed before; a lone surrogate is the one thing that is still no text.
            return serde_json::from_str::<String>(raw).map_or_else(|_| unreadable(raw), |text| self.read_text(&text));
        }
        match raw {
            "null" => Csat::default(),
            _ if is_empty(raw) => Csat::default(),
            _ => match raw.parse::<f64>() {
                Ok(n) if self.scale.holds(n) => self.scored(n, raw),
                _ => unreadable(raw),
            },
        }
    }

    /// Reads a rating that is text. Blanks mean that nobody has rated yet.
    pub fn read_text(&self, text: &str) -> Csat {
        if text.trim().is_empty() {
            return Csat::default();
        }
        let score = reading::read(text, &self.words).and_then(|(reading, word)| {
            let score = match reading {
                Reading::Number(n) => n,
                Reading::OutOf(n, of) => self.rescaled(n, of)?,
                Reading::Stars(n, None) => self.stars(n)?,
                Reading::Stars(n, Some(of)) => self.as_seen(self.rescaled(n, of)?),
                Reading::Level(level) => self.place(level),
            };
            word.is_none_or(|level| self.agree(score, level)).then_some(score)
        });
        match score.filter(|score| self.scale.holds(*score)) {
            Some(score) => self.scored(score, text),
            None => unreadable(text),
        }
    }

    /// Whether this score is low.
    pub fn is_low(&self, score: f64) -> bool {
        match self.direction {
            Direction::Up => score <= self.low_max,
            Direction::Down => score >= self.low_from(),
        }
    }

    /// With [`Direction::Down`], the score from which on all are low.
    pub fn low_from(&self) -> f64 {
        f64::from(self.scale.from) + f64::from(self.scale.to) - self.low_max
    }

    fn scored(&self, score: f64, text: &str) -> Csat {
        // A negative zero would be written as -0.0.
        Csat { score: Some(score + 0.0), low: self.is_low(score), text: Some(text.to_owned()) }
    }

    /// Where a level, from 1 for the worst to 5 for the best, lies on the scale.
    fn place(&self, level: u8) -> f64 {
        let share = (f64::from(level) - 1.0) / 4.0;
        self.at(match self.direction {
            Direction::Up => share,
            Direction::Down => 1.0 - share,
        })
    }

    /// Whether a score and a word can mean the same: they do not lie on two sides of the middle.
    fn agree(&self, score: f64, level: u8) -> bool {
        let middle = self.place(3);
        (score - middle) * (self.place(level) - middle) >= 0.0
    }

    /// "8/10" on a scale from 1 to 5: 8 on a scale from 1 to 10, whose ends are laid upon the ends of ours.
    fn rescaled(&self, n: f64, of: f64) -> Option<f64> {
        let from = f64::from(self.scale.from);
        let own = from..=of;
        if of == f64::from(self.scale.to) {
            return Some(n);
        }
        (of > 0.0 && of > from && own.contains(&n)).then(|| self.at((n - from) / (of - from)))
    }

    /// Stars without hollow ones beside them. On a scale beyond five nobody knows whether five are all that can be given,
    /// so there so few say nothing.
    fn stars(&self, n: f64) -> Option<f64> {
        let clear = self.scale.to <= 5 || n > 5.0;
        clear.then(|| self.as_seen(n))
    }

    /// More stars are better, whatever the scale's direction.
    fn as_seen(&self, n: f64) -> f64 {
        match self.direction {
            Direction::Up => n,
            Direction::Down => f64::from(self.scale.from) + f64::from(self.scale.to) - n,
        }
    }

    /// The score at this share of the way from the scale's lowest to its highest, in hundredths.
    fn at(&self, share: f64) -> f64 {
        let (from, to) = (f64::from(self.scale.from), f64::from(self.scale.to));
        ((from + share * (to - from)) * 100.0).round() / 100.0
    }
}

/// Whether this JSON is a list or an object with nothing in it.
fn is_empty(raw: &str) -> bool {
    [('[', ']'), ('{', '}')].into_iter().any(|(open, close)| {
        raw.strip_prefix(open).and_then(|raw| raw.strip_suffix(close)).is_some_and(|inside| inside.trim().is_empty())
    })
}

fn unreadable(text: &str) -> Csat {
    Csat { score: None, low: false, text: Some(text.to_owned()) }
}
