//! What a person should look at, each with what to do. The commands say it in a sentence; the page in its reader's language.

use std::fmt;

use jiff::Timestamp;

use crate::domain::lead::LeadId;

use super::status::{DestinationStatus, Parked, SourceStatus, State};

/// Something that needs a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing new is read for want of room.
    Full {
        /// Why, and what to do.
        why: String,
    },
    /// No poll has succeeded for longer than `stale_after`.
    Silent {
        /// The last that did.
        since: Timestamp,
    },
    /// The last reading of the source failed.
    Unread {
        /// Why.
        error: String,
    },
    /// A list was full, and its window could not be made shorter.
    MayBeMissing {
        /// Which, in a sentence.
        what: String,
    },
    /// Rows of its lists cannot be read, and the lists count without them.
    MalformedRows {
        /// How many.
        rows: u64,
        /// Why, for the one that was listed last.
        reason: String,
    },
    /// Leads whose status changes with nearly every list.
    Flapping {
        /// One of them.
        lead: LeadId,
        /// When that one is read again.
        due: Timestamp,
        /// How many there are.
        leads: u64,
    },
    /// It does not look at the time that it is asked for.
    Heedless {
        /// Since when that is known.
        since: Timestamp,
    },
    /// Leads whose details were given up on.
    UnreadableLeads {
        /// How many.
        leads: u64,
    },
    /// A destination's token cannot be had or renewed.
    Token {
        /// Whose.
        destination: String,
        /// Whether there is one that is good for a while yet.
        has_token: bool,
        /// Why.
        trouble: String,
    },
    /// It answered 410.
    Disabled {
        /// Which.
        destination: String,
    },
    /// It failed so often in a row that only probes are sent.
    Failing {
        /// Which.
        destination: String,
        /// What it said last; empty where that is not known.
        said: String,
    },
    /// Deliveries that were given up on.
    DeadLetters {
        /// Where.
        destination: String,
        /// How many.
        dead: u64,
    },
    /// Deliveries whose destination or route has left the file.
    Parked(Parked),
    /// The file could not be taken over when it was last read again.
    NotTakenOver {
        /// When that was.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// The file says something of these keys that holds only after a restart.
    NeedsRestart {
        /// Which, with commas between them.
        keys: String,
    },
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Look::Full { why } => f.write_str(why),
            Look::Silent { since } => {
                write!(f, "no poll has succeeded since {since:.0}: nothing new is heard of until one does")
            }
            Look::Unread { error } => write!(f, "the source cannot be read: {error}"),
            Look::MayBeMissing { what } => write!(f, "leads may be missing, {what}"),
            Look::MalformedRows { rows, reason } => {
                let (rows, are) = if *rows == 1 { ("a row".to_owned(), "is") } else { (format!("{rows} rows"), "are") };
                write!(
                    f,
                    "{rows} of WeClever's list cannot be read ({reason}) and {are} set aside: nobody hears of the conversation until WeClever lists it as it should; tell them, `leadhook status --json` says when it was"
                )
            }
            Look::Flapping { lead, due, leads } => {
                let others = match leads.saturating_sub(1) {
                    0 => String::new(),
                    others => format!(", and so do {others} more (`leadhook status --json`)"),
                };
                write!(
                    f,
                    "lead {lead} changes its status with nearly every list{others}: each change is an event, so that it is read again only at {due:.0}, with the status that it has by then; tell WeClever, `leadhook explain {lead}` tells more"
                )
            }
            Look::Heedless { since } => write!(
                f,
                "WeClever lists the same conversations whatever time is asked for, since {since:.0}: one that is finalized again with the same status is not told, new ones and other statuses are; `leadhook doctor` tells more, and it ends by itself once WeClever looks at the time"
            ),
            Look::UnreadableLeads { leads } => write!(f, "{leads} leads could not be read: see `leadhook dead list`"),
            Look::Token { destination, has_token, trouble } => {
                let what = if *has_token { "cannot renew its token" } else { "has no token, and its deliveries wait" };
                write!(f, "{destination} {what}: {trouble}")
            }
            Look::Disabled { destination } => write!(
                f,
                "{destination} said that it is gone and is disabled: mend it, then `leadhook destination resume {destination}`"
            ),
            Look::Failing { destination, said } => {
                write!(
                    f,
                    "{destination} keeps failing ({said}); its deliveries wait, and one at a time finds out when it is back; `leadhook destination resume {destination}` tries now"
                )
            }
            Look::DeadLetters { destination, dead } => {
                write!(f, "{destination} has {dead} dead letters: see `leadhook dead list --destination {destination}`")
            }
            Look::Parked(parked) => write!(f, "{} deliveries are parked: {}", parked.pending, parked.why),
            Look::NotTakenOver { at, error } => write!(
                f,
                "the file was not taken over at {at:.0}, and the one before is in force: {error}; mend it, then run `leadhook reload`"
            ),
            Look::NeedsRestart { keys } => {
                write!(f, "the file says something new of {keys}: that holds once leadhook is started again")
            }
        }
    }
}

/// All that needs a look, the source first.
pub(super) fn looks(source: &SourceStatus, destinations: &[DestinationStatus], parked: &[Parked]) -> Vec<Look> {
    let mut looks = Vec::new();
    looks.extend(source.stale_since.map(|since| Look::Silent { since }));
    looks.extend(source.trouble.as_ref().map(|trouble| Look::Unread { error: trouble.error.clone() }));
    if source.cap.is_some()
        && let Some(last) = source.unchecked.last()
    {
        looks.push(Look::MayBeMissing { what: last.what.clone() });
    }
    if let Some(last) = source.malformed_rows.iter().max_by_key(|row| row.last_seen) {
        looks.push(Look::MalformedRows { rows: source.malformed_rows.len() as u64, reason: last.reason.clone() });
    }
    if let Some(flapping) = source.flapping.first() {
        let (lead, due, leads) = (flapping.weclever_lead_id, flapping.due, source.flapping.len() as u64);
        looks.push(Look::Flapping { lead, due, leads });
    }
    looks.extend(source.heedless_since.map(|since| Look::Heedless { since }));
    if source.unreadable > 0 {
        looks.push(Look::UnreadableLeads { leads: source.unreadable });
    }
    for d in destinations {
        let destination = || d.name.clone();
        if let Some((token, trouble)) = d.token.as_ref().and_then(|token| Some((token, token.trouble.as_ref()?))) {
            let (has_token, trouble) = (token.has_token, trouble.to_string());
            looks.push(Look::Token { destination: destination(), has_token, trouble });
        }
        if d.state == State::Disabled {
            looks.push(Look::Disabled { destination: destination() });
        }
        if d.state == State::Failing {
            let said = d.trouble.as_ref().map_or(String::new(), |trouble| trouble.error.clone());
            looks.push(Look::Failing { destination: destination(), said });
        }
        if d.dead > 0 {
            looks.push(Look::DeadLetters { destination: destination(), dead: d.dead });
        }
    }
    looks.extend(parked.iter().cloned().map(Look::Parked));
    looks
}
