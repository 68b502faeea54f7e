//! What is remembered of tokens, when a new one is due, and with which refresh token it is asked for.

use std::time::Duration;

use jiff::Timestamp;

use super::OAuth2;
use super::answer::{Granted, Then};
use crate::domain::clock;
use crate::domain::secret::Secret;

/// A token is renewed so long before its end, or a tenth of its life before it, whichever is shorter.
pub const AHEAD: Duration = Duration::from_secs(60);

/// All that is remembered under one key.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The token that is sent, if there is one.
    pub access: Option<Access>,
    /// What the next one is asked for with.
    pub refresh: Option<Secret>,
    /// The one before, for when the newest is refused: an answer may tell of a token that its own server has forgotten.
    pub previous: Option<Secret>,
    /// The digest of the file's refresh token with which, or beside which, this began: another one in the file begins anew.
    pub given: Option<[u8; 16]>,
    /// Since when, and why, a person is needed.
    pub refused: Option<Refused>,
}

/// A token as it is sent.
#[derive(Clone, Debug)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// When it was asked for.
    pub got: Timestamp,
    /// When its life ends; `None`: nobody said.
    pub expires: Option<Timestamp>,
    /// What else its answer said, by JSON Pointer.
    pub texts: Vec<(String, String)>,
}

/// A refusal that only a person can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// What was answered.
    pub said: String,
    /// Whether signing in helps; else it is the file.
    pub sign_in: bool,
}

/// How it stands with a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It can be sent.
    Good,
    /// It can be sent, and a new one should be had.
    Ending,
    /// It has ended.
    Over,
}

impl Access {
    /// How it stands with it now. Where the clock was set back behind its beginning, it may be older than it looks.
    pub fn life(&self, now: Timestamp) -> Life {
        let Some(expires) = self.expires else { return Life::Good };
        let whole = clock::elapsed(self.got, expires);
        if now >= expires {
            Life::Over
        } else if now < self.got || now >= clock::before(expires, AHEAD.min(whole / 10)) {
            Life::Ending
        } else {
            Life::Good
        }
    }

    /// What its answer said there.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.texts.iter().find(|(its, _)| its == pointer).map(|(_, text)| text.as_str())
    }
}

impl Kept {
    /// With today's file: another refresh token in it begins anew, and nothing of before is used again, for it may be
    /// another account's.
    pub fn under(self, oauth2: &OAuth2) -> Kept {
        match oauth2.given_digest() {
            Some(given) if self.given != Some(given) => {
                Kept { refresh: oauth2.refresh_token.clone(), given: Some(given), ..Kept::default() }
            }
            _ => self,
        }
    }

    /// The refresh tokens to try, in this order.
    pub fn to_try(&self) -> Vec<Secret> {
        self.refresh.iter().chain(&self.previous).cloned().collect()
    }

    /// After tokens were given at `asked`, for this refresh token where it was one.
    pub fn after(self, granted: Granted, by: Option<&Secret>, oauth2: &OAuth2, asked: Timestamp) -> Kept {
        let lives = granted.lives.or(oauth2.expires_in);
        let expires = lives.map(|lives| clock::after(asked, lives));
        let access = Some(Access { token: granted.access, got: asked, expires, texts: granted.texts });
        let is = |one: &Option<Secret>, other: &Secret| one.as_ref().is_some_and(|one| one.expose() == other.expose());
        let (refresh, previous) = match (granted.refresh, by) {
            // The one that has just proved good is the one to fall back on.
            (Some(new), Some(by)) if new.expose() != by.expose() => (Some(new), Some(by.clone())),
            (_, Some(by)) if is(&self.refresh, by) => (self.refresh, self.previous),
            // The newest was refused.
            (_, Some(by)) => (Some(by.clone()), None),
            (new, None) => (new, None),
        };
        Kept { access, refresh, previous, given: self.given, refused: None }
    }

    /// After a person has signed in: what was before is another sign-in's, and the file's own token is not to replace this.
    pub fn after_sign_in(self, granted: Granted, oauth2: &OAuth2, asked: Timestamp) -> Kept {
        let given = oauth2.given_digest().or(self.given);
        Kept { given, ..Kept::default() }.after(granted, None, oauth2, asked)
    }

    /// After all that there is to try was refused. What is there stays: it may have been refused by mistake.
    pub fn refused(self, then: Then, said: String, now: Timestamp) -> Kept {
        let at = self.refused.as_ref().map_or(now, |before| before.at);
        Kept { refused: Some(Refused { at, said, sign_in: then == Then::SignIn }), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed_in;
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).expect("a time")
    }

    fn granted(access: &str, lives: Option<u64>, refresh: Option<&str>) -> Granted {
        Granted {
            access: Secret::new(access),
            lives: lives.map(Duration::from_secs),
            refresh: refresh.map(Secret::new),
            texts: Vec::new(),
        }
    }

    fn tried(kept: &Kept) -> Vec<String> {
        kept.to_try().iter().map(|token| token.expose().to_owned()).collect()
    }

    #[test]
    fn a_token_is_renewed_ahead_of_its_end() {
        let life = |lives: Option<u64>, now: i64| {
            let kept = Kept::default().after(granted("a", lives, None), None, &signed_in(), at(0));
            kept.access.expect("a token").life(at(now))
        };
        for (lives, now, is) in [
            (Some(3600), 0, Life::Good),
            (Some(3600), 3539, Life::Good),
            (Some(3600), 3540, Life::Ending),
            (Some(3600), 3599, Life::Ending),
            (Some(3600), 3600, Life::Over),
            (Some(3600), -1, Life::Ending),
            (Some(100), 89, Life::Good),
            (Some(100), 90, Life::Ending),
            (None, 1_000_000, Life::Good),
        ] {
            assert_eq!(life(lives, now), is, "{lives:?} at {now}");
        }
        let file = OAuth2 { expires_in: Some(Duration::from_secs(600)), ..signed_in() };
        let kept =
            |lives| Kept::default().after(granted("a", lives, None), None, &file, at(0)).access.expect("a token");
        assert_eq!(kept(None).expires, Some(at(600)));
        assert_eq!(kept(Some(60)).expires, Some(at(60)));
    }

    #[test]
    fn the_one_before_is_tried_when_the_newest_is_refused() {
        let file = OAuth2 { refresh_token: Some(Secret::new("r1")), ..signed_in() };
        let kept = Kept::default().under(&file);
        assert_eq!(tried(&kept), ["r1"]);
        let kept = kept.after(granted("a", None, Some("r2")), Some(&Secret::new("r1")), &file, at(0));
        assert_eq!(tried(&kept), ["r2", "r1"]);
        // r2 was refused, and r1 was good.
        let fell_back = kept.clone().after(granted("a", None, Some("r3")), Some(&Secret::new("r1")), &file, at(0));
        assert_eq!(tried(&fell_back), ["r3", "r1"]);
        let fell_back = kept.clone().after(granted("a", None, None), Some(&Secret::new("r1")), &file, at(0));
        assert_eq!(tried(&fell_back), ["r1"]);
        // Who does not rotate says the same again, or nothing.
        for same in [None, Some("r2")] {
            let kept = kept.clone().after(granted("a", None, same), Some(&Secret::new("r2")), &file, at(0));
            assert_eq!(tried(&kept), ["r2", "r1"]);
        }
    }

    #[test]
    fn another_token_in_the_file_begins_anew_and_the_same_does_not() {
        let file = |token: Option<&str>| OAuth2 { refresh_token: token.map(Secret::new), ..signed_in() };
        let one = file(Some("r1"));
        let kept = Kept::default().under(&one);
        let kept = kept.after(granted("a", None, Some("r2")), Some(&Secret::new("r1")), &one, at(0));
        for same in [Some("r1"), None] {
            let kept = kept.clone().under(&file(same));
            assert_eq!(tried(&kept), ["r2", "r1"], "{same:?}");
            assert!(kept.access.is_some());
        }
        let anew = kept.clone().under(&file(Some("r9")));
        assert_eq!(tried(&anew), ["r9"]);
        assert!(anew.access.is_none() && anew.refused.is_none());
        // Taken out and put back, it is still the old one.
        assert_eq!(tried(&kept.clone().under(&file(None)).under(&one)), ["r2", "r1"]);
        // A sign-in by hand counts for more than what the file had by then.
        let by_hand = kept.after_sign_in(granted("b", None, Some("s1")), &one, at(1));
        assert_eq!(tried(&by_hand.clone().under(&one)), ["s1"]);
        assert_eq!(tried(&by_hand.under(&file(Some("r9")))), ["r9"]);
    }

    #[test]
    fn a_refusal_takes_nothing_away_and_keeps_its_date() {
        let kept = Kept { refresh: Some(Secret::new("r")), ..Kept::default() };
        let kept = kept.refused(Then::SignIn, "invalid_grant".into(), at(0)).refused(Then::MendFile, "x".into(), at(9));
        assert_eq!(kept.refused, Some(Refused { at: at(0), said: "x".into(), sign_in: false }));
        assert_eq!(tried(&kept), ["r"]);
        let again = kept.after(granted("a", None, None), Some(&Secret::new("r")), &signed_in(), at(10));
        assert!(again.refused.is_none());
    }

    proptest! {
        /// A server that rotates, and at times loses its newest token, or the answer that told of it: as long as it takes
        /// what it took last, there is always one among those tried that it takes.
        #[test]
        fn the_line_of_refresh_tokens_never_breaks(steps in prop::collection::vec(0u8..4, 1..60)) {
            let file = OAuth2 { refresh_token: Some(Secret::new("r0")), ..signed_in() };
            let mut kept = Kept::default().under(&file);
            // What the server takes: the newest, and the one before until the newest was used.
            let (mut newest, mut before) = ("r0".to_owned(), None::<String>);
            for (n, step) in steps.into_iter().enumerate() {
                let taken = tried(&kept).into_iter().find(|token| *token == newest || Some(token) == before.as_ref());
                let Some(taken) = taken else {
                    return Err(TestCaseError::fail(format!("{:?}, and it takes {newest}, {before:?}", tried(&kept))));
                };
                let new = format!("r{}", n + 1);
                match step {
                    // It rotates, and the answer arrives.
                    0 | 1 => {
                        kept = kept.after(granted("a", None, Some(&new)), Some(&Secret::new(taken.clone())), &file, at(0));
                        (newest, before) = (new, Some(taken));
                    }
                    // The answer is lost.
                    2 => (newest, before) = (new, Some(taken)),
                    // The answer arrives, and the server forgets what it told.
                    _ => {
                        kept = kept.after(granted("a", None, Some(&new)), Some(&Secret::new(taken.clone())), &file, at(0));
                        (newest, before) = (taken, None);
                    }
                }
            }
        }
    }
}
