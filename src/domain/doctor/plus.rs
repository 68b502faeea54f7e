//! How a `+` in a date has to be written, and whether times of day count at all.
//!
//! A server may refuse a date that it cannot read, list nothing, or take the day and leave the time out of account. So a
//! day that has leads is asked for in two parts, in each spelling, and the parts are held against the day.

use std::collections::BTreeSet;

use super::{About, Finding, Fits};
use crate::domain::lead::LeadId;

/// What came of asking for a part of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These leads.
    Listed(BTreeSet<LeadId>),
    /// A status that is no success.
    Refused(u16),
    /// No use: no answer, or one that cannot be read.
    Failed(String),
}

/// What becomes of a spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// It is read as it is meant.
    Read,
    /// The day is read, and its time of day left out of account.
    DayAlone,
    /// It is taken, and whether it is read as it is meant cannot be told.
    Taken,
    /// It is refused or misread: how.
    Wrong(String),
    /// The requests failed: how.
    Failed(String),
}

/// What the two parts of a day say of the spelling in which they were asked for. `day`: what the day lists, asked for
/// without a time.
pub fn judge(day: &BTreeSet<LeadId>, morning: &Reply, rest: &Reply) -> Spelling {
    for reply in [morning, rest] {
        match reply {
            Reply::Refused(status) => return Spelling::Wrong(format!("status {status}")),
            Reply::Failed(how) => return Spelling::Failed(how.clone()),
            Reply::Listed(_) => {}
        }
    }
    let (Reply::Listed(morning), Reply::Listed(rest)) = (morning, rest) else {
        return Spelling::Taken;
    };
    if day.is_empty() {
        return Spelling::Taken;
    }
    if day.is_disjoint(morning) && day.is_disjoint(rest) {
        return Spelling::Wrong("nothing listed".to_owned());
    }
    // A lead was finalized once, in one part of the day.
    if morning == rest { Spelling::DayAlone } else { Spelling::Read }
}

/// Whether to write `%2B`, given what becomes of both spellings; the file's stays where neither is better.
pub fn choose(plain: &Spelling, escaped: &Spelling, file_escapes: bool) -> bool {
    match worth(escaped).cmp(&worth(plain)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => file_escapes,
    }
}

fn worth(spelling: &Spelling) -> u8 {
    match spelling {
        Spelling::Read => 4,
        Spelling::DayAlone => 3,
        Spelling::Taken => 2,
        Spelling::Failed(_) => 1,
        Spelling::Wrong(_) => 0,
    }
}

/// What follows.
pub fn verdict(plain: &Spelling, escaped: &Spelling, file_escapes: bool) -> Finding {
    let why = format!("`+`: {}; `%2B`: {}", words(plain), words(escaped));
    let escapes = choose(plain, escaped, file_escapes);
    let (best, other) = if escapes { (escaped, plain) } else { (plain, escaped) };
    let spelled = |escapes: bool| if escapes { "`%2B`" } else { "`+`" };
    let found = match (best, other) {
        (Spelling::Read, Spelling::Read) => {
            return Finding::sure(About::Plus, "either", "a `+` in a date may be sent as it is or as `%2B`", why);
        }
        (Spelling::Wrong(_) | Spelling::Failed(_), _) => {
            let said = "dates with a time of day are read in neither spelling; leadhook cannot work with that";
            return Finding::unknown(About::Plus, said, why, Fits::Look);
        }
        (Spelling::Taken, Spelling::Taken | Spelling::Failed(_)) => {
            let said = "whether a `+` in a date is read as it is meant cannot be told without leads in a list";
            return Finding::unknown(About::Plus, said, why, Fits::Look);
        }
        (Spelling::DayAlone, Spelling::DayAlone) => {
            let said = "times of day are left out of account, however they are written: a list is of whole days";
            return Finding::sure(About::Plus, "either", said, why).only_likely().to_look_at();
        }
        (Spelling::DayAlone, _) => {
            let said =
                format!("a `+` is taken as {}, and the time of day behind it left out of account", spelled(escapes));
            Finding::sure(About::Plus, name(escapes), said, why).only_likely().to_look_at()
        }
        (Spelling::Taken, _) => {
            let said = format!("a `+` in a date has to be sent as {}", spelled(escapes));
            Finding::sure(About::Plus, name(escapes), said, why + "; there was no lead to see whether it is read right")
                .only_likely()
        }
        (Spelling::Read, other) => {
            let said = format!("a `+` in a date has to be sent as {}", spelled(escapes));
            let finding = Finding::sure(About::Plus, name(escapes), said, why);
            if matches!(other, Spelling::Failed(_)) { finding.only_likely() } else { finding }
        }
    };
    if escapes == file_escapes { found } else { found.differs([format!("encode_plus = {escapes}")]) }
}

fn name(escapes: bool) -> &'static str {
    if escapes { "escaped" } else { "plain" }
}

fn words(spelling: &Spelling) -> &str {
    match spelling {
        Spelling::Read => "read as it is meant",
        Spelling::DayAlone => "the time of day is left out of account",
        Spelling::Taken => "taken",
        Spelling::Wrong(how) | Spelling::Failed(how) => how,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Certainty;
    use super::*;

    fn ids(ids: &[u64]) -> BTreeSet<LeadId> {
        ids.iter().copied().map(LeadId).collect()
    }

    fn listed(of: &[u64]) -> Reply {
        Reply::Listed(ids(of))
    }

    #[test]
    fn the_parts_of_a_day_tell_how_it_is_read() {
        let day = ids(&[1, 2]);
        assert_eq!(judge(&day, &listed(&[1]), &listed(&[2])), Spelling::Read);
        assert_eq!(judge(&day, &listed(&[]), &listed(&[1, 2, 3])), Spelling::Read);
        assert_eq!(judge(&ids(&[1]), &listed(&[1]), &listed(&[])), Spelling::Read);
        // A list that is cut shows others in the parts than in the day.
        assert_eq!(judge(&ids(&[1]), &listed(&[1]), &listed(&[7])), Spelling::Read);
        assert_eq!(judge(&day, &listed(&[1, 2]), &listed(&[1, 2])), Spelling::DayAlone);
        assert_eq!(judge(&day, &listed(&[]), &listed(&[])), Spelling::Wrong("nothing listed".into()));
        assert_eq!(judge(&day, &listed(&[1]), &Reply::Refused(400)), Spelling::Wrong("status 400".into()));
        assert_eq!(judge(&day, &Reply::Failed("x".into()), &listed(&[])), Spelling::Failed("x".into()));
        assert_eq!(judge(&ids(&[]), &listed(&[]), &listed(&[])), Spelling::Taken);
        assert_eq!(judge(&ids(&[]), &Reply::Refused(500), &listed(&[])), Spelling::Wrong("status 500".into()));
    }

    #[test]
    fn what_follows_for_each_pair() {
        use Spelling::{DayAlone, Read, Taken};
        let wrong = || Spelling::Wrong("status 400".into());
        let (sure, likely, unknown) = (Certainty::Sure, Certainty::Likely, Certainty::Unknown);
        for (plain, escaped, found, certainty, fits_plain, fits_escaped) in [
            (Read, Read, Some("either"), sure, Fits::Yes, Fits::Yes),
            (Read, wrong(), Some("plain"), sure, Fits::Yes, Fits::No),
            (wrong(), Read, Some("escaped"), sure, Fits::No, Fits::Yes),
            (DayAlone, Read, Some("escaped"), sure, Fits::No, Fits::Yes),
            (Taken, Taken, None, unknown, Fits::Look, Fits::Look),
            (Taken, wrong(), Some("plain"), likely, Fits::Yes, Fits::No),
            (wrong(), Taken, Some("escaped"), likely, Fits::No, Fits::Yes),
            (wrong(), wrong(), None, unknown, Fits::Look, Fits::Look),
            (DayAlone, DayAlone, Some("either"), likely, Fits::Look, Fits::Look),
            (DayAlone, wrong(), Some("plain"), likely, Fits::Look, Fits::No),
        ] {
            for (file_escapes, fits) in [(false, fits_plain), (true, fits_escaped)] {
                let finding = verdict(&plain, &escaped, file_escapes);
                let case = format!("{plain:?} {escaped:?} {file_escapes}");
                assert_eq!(
                    (finding.found.as_deref(), finding.certainty, finding.fits),
                    (found, certainty, fits),
                    "{case}"
                );
                assert_eq!(finding.lines.is_empty(), fits != Fits::No, "{case}");
            }
        }
        assert_eq!(verdict(&wrong(), &Read, false).lines, ["encode_plus = true"]);
    }
}
