//! What was found out, how sure it is, and whether it fits the file.

use serde::Serialize;

/// One answer to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The question.
    pub about: About,
    /// The answer in a word, for programs: `-03:00`, `escaped`, `100`; `None`: it could not be found out.
    pub found: Option<String>,
    /// The answer in a sentence.
    pub said: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// On what that rests, or what would make it sure.
    pub why: String,
    /// Whether it is as the file has it.
    pub fits: Fits,
    /// What to write under `[source]`, where it is not.
    pub lines: Vec<String>,
}

/// The questions, in the order in which a person would read the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Whether a token is to be had, and how long it lives.
    Token,
    /// Which header carries it.
    Access,
    /// How a `+` in a date is written.
    Plus,
    /// The zone of the dates.
    Zone,
    /// Whether a list includes its ends.
    Ends,
    /// Whether a list is cut.
    Cap,
    /// The status of a good answer with a lead.
    Status,
    /// Whether the clocks agree.
    Clock,
}

/// How sure an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It cannot be told.
    Unknown,
    /// All speaks for it, and something else is possible.
    Likely,
    /// Nothing else explains what was answered.
    Sure,
}

/// Whether an answer is as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fits {
    /// It is, or it makes no difference.
    Yes,
    /// It is not.
    No,
    /// Somebody should look.
    Look,
}

impl About {
    /// As it stands in front of an answer.
    pub fn label(self) -> &'static str {
        match self {
            About::Token => "token",
            About::Access => "header",
            About::Plus => "plus",
            About::Zone => "zone",
            About::Ends => "ends",
            About::Cap => "cap",
            About::Status => "status",
            About::Clock => "clock",
        }
    }
}

impl Certainty {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Certainty::Unknown => "unknown",
            Certainty::Likely => "likely",
            Certainty::Sure => "sure",
        }
    }
}

impl Finding {
    /// An answer that fits the file.
    pub fn sure(about: About, found: impl Into<String>, said: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding {
            about,
            found: Some(found.into()),
            said: said.into(),
            certainty: Certainty::Sure,
            why: why.into(),
            fits: Fits::Yes,
            lines: Vec::new(),
        }
    }

    /// No answer.
    pub fn unknown(about: About, said: impl Into<String>, why: impl Into<String>, fits: Fits) -> Finding {
        Finding {
            about,
            found: None,
            said: said.into(),
            certainty: Certainty::Unknown,
            why: why.into(),
            fits,
            lines: Vec::new(),
        }
    }

    /// The same, less sure.
    pub fn only_likely(self) -> Finding {
        Finding { certainty: Certainty::Likely, ..self }
    }

    /// The same; somebody should look at it.
    pub fn to_look_at(self) -> Finding {
        Finding { fits: Fits::Look, ..self }
    }

    /// The same; these lines make the file fit.
    pub fn differs(self, lines: impl IntoIterator<Item = String>) -> Finding {
        Finding { fits: Fits::No, lines: lines.into_iter().collect(), ..self }
    }
}
