//! Who is signed in on the page: in memory alone, so that a restart signs everyone out, and never as the secret itself.
//!
//! Codes and sessions are 256 random bits and are kept under their SHA-256: looking one up compares digests, and how long
//! that takes tells nothing about what would have been right.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::clock;
use crate::domain::lead::LeadId;

/// How long a link of `leadhook page` can be used.
pub(super) const CODE_LIVES: Duration = Duration::from_secs(5 * 60);

/// A session that nobody has used for so long has ended ...
pub(super) const IDLE_END: Duration = Duration::from_secs(12 * 3600);

/// ... and every one does after so long.
pub(super) const ABSOLUTE_END: Duration = Duration::from_secs(7 * 86_400);

/// How long a lead's personal data is shown after it was asked for.
pub(super) const SHOWN_FOR: Duration = Duration::from_secs(10 * 60);

/// More sessions than people who look after one service; the one that was idle for longest goes first.
const MOST_SESSIONS: usize = 64;

/// More links than anyone asks for in five minutes; the oldest goes first.
const MOST_CODES: usize = 16;

/// What is kept in the place of a secret.
pub(super) type Key = [u8; 32];

/// Codes that were handed out and sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    codes: HashMap<Key, Timestamp>,
    open: HashMap<Key, Session>,
}

struct Session {
    began: Timestamp,
    used: Timestamp,
    forgery: String,
    shown: HashMap<LeadId, Timestamp>,
}

/// A session, as one request sees it.
#[derive(Clone)]
pub(super) struct Visit {
    key: Key,
    forgery: String,
}

impl Visit {
    /// What every form must carry, so that no other site can fill it in.
    pub(super) fn forgery(&self) -> &str {
        &self.forgery
    }

    /// Whether this is what a form of this session carries. Compared in constant time.
    pub(super) fn is_own_form(&self, given: &str) -> bool {
        given.as_bytes().ct_eq(self.forgery.as_bytes()).into()
    }

    /// What log lines call it: enough to tell two apart, and nothing that opens one.
    pub(super) fn label(&self) -> String {
        self.key[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Sessions {
    /// A code for one sign-in.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(super) fn hand_out(&mut self, now: Timestamp) -> std::io::Result<String> {
        self.codes.retain(|_, made| clock::elapsed(*made, now) < CODE_LIVES);
        while self.codes.len() >= MOST_CODES {
            let Some(oldest) = self.codes.iter().min_by_key(|(_, made)| **made).map(|(key, _)| *key) else { break };
            self.codes.remove(&oldest);
        }
        let code = random()?;
        self.codes.insert(key_of(&code), now);
        Ok(code)
    }

    /// Takes a code, which is then used up; `false`: it is none, or too old.
    pub(super) fn take_code(&mut self, code: &str, now: Timestamp) -> bool {
        self.codes.remove(&key_of(code)).is_some_and(|made| clock::elapsed(made, now) < CODE_LIVES)
    }

    /// Opens a session, always a new one: nobody can be led into one that someone else has begun. The text is for the
    /// cookie alone.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(super) fn open(&mut self, now: Timestamp) -> std::io::Result<(String, Visit)> {
        self.open.retain(|_, session| session.is_open(now));
        while self.open.len() >= MOST_SESSIONS {
            let idle = self.open.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key);
            let Some(idle) = idle else { break };
            self.open.remove(&idle);
        }
        let (secret, forgery) = (random()?, random()?);
        let visit = Visit { key: key_of(&secret), forgery: forgery.clone() };
        self.open.insert(visit.key, Session { began: now, used: now, forgery, shown: HashMap::new() });
        Ok((secret, visit))
    }

    /// The open session of this cookie; it counts as used.
    pub(super) fn find(&mut self, secret: &str, now: Timestamp) -> Option<Visit> {
        let key = key_of(secret);
        let session = self.open.get_mut(&key)?;
        if !session.is_open(now) {
            self.open.remove(&key);
            return None;
        }
        session.used = now;
        Some(Visit { key, forgery: session.forgery.clone() })
    }

    /// Ends a session.
    pub(super) fn close(&mut self, visit: &Visit) {
        self.open.remove(&visit.key);
    }

    /// Shows this lead's personal data in this session for a while.
    pub(super) fn show(&mut self, visit: &Visit, lead: LeadId, now: Timestamp) {
        if let Some(session) = self.open.get_mut(&visit.key) {
            session.shown.retain(|_, since| clock::elapsed(*since, now) < SHOWN_FOR);
            session.shown.insert(lead, now);
        }
    }

    /// Hides it again.
    pub(super) fn hide(&mut self, visit: &Visit, lead: LeadId) {
        if let Some(session) = self.open.get_mut(&visit.key) {
            session.shown.remove(&lead);
        }
    }

    /// Whether it is shown.
    pub(super) fn shows(&self, visit: &Visit, lead: LeadId, now: Timestamp) -> bool {
        let since = self.open.get(&visit.key).and_then(|session| session.shown.get(&lead));
        since.is_some_and(|since| clock::elapsed(*since, now) < SHOWN_FOR)
    }
}

impl Session {
    fn is_open(&self, now: Timestamp) -> bool {
        clock::elapsed(self.used, now) < IDLE_END && clock::elapsed(self.began, now) < ABSOLUTE_END
    }
}

/// 256 random bits, as a cookie, a form and a URL can hold them.
pub(super) fn random() -> std::io::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn key_of(secret: &str) -> Key {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(after: Duration) -> Timestamp {
        clock::after(Timestamp::UNIX_EPOCH, after)
    }

    #[test]
    fn a_code_opens_once_and_not_for_long() {
        let mut sessions = Sessions::default();
        let code = sessions.hand_out(at(MINUTE)).expect("a code");
        assert!(!sessions.take_code("", at(MINUTE)));
        assert!(!sessions.take_code(&code[1..], at(MINUTE)));
        assert!(sessions.take_code(&code, at(MINUTE)));
        assert!(!sessions.take_code(&code, at(MINUTE)), "it is used up");
        let late = sessions.hand_out(at(MINUTE)).expect("a code");
        assert!(!sessions.take_code(&late, at(6 * MINUTE)));
        assert!(!sessions.take_code(&late, at(MINUTE)), "nor after it was tried too late");
        let codes: Vec<String> = (0..40).map(|n| sessions.hand_out(at(n * MINUTE / 60)).expect("a code")).collect();
        let good = codes.iter().filter(|code| sessions.take_code(code, at(MINUTE))).count();
        assert_eq!(good, MOST_CODES);
    }

    #[test]
    fn a_session_ends_when_idle_and_after_a_week_and_when_it_is_closed() {
        let mut sessions = Sessions::default();
        let (secret, visit) = sessions.open(at(Duration::ZERO)).expect("a session");
        assert_ne!(secret, visit.forgery());
        assert!(sessions.find("", at(MINUTE)).is_none());
        assert!(sessions.find(visit.forgery(), at(MINUTE)).is_none());
        let mut now = Duration::ZERO;
        while now + 11 * 60 * MINUTE < ABSOLUTE_END {
            now += 11 * 60 * MINUTE;
            assert!(sessions.find(&secret, at(now)).is_some(), "{now:?}");
        }
        assert!(sessions.find(&secret, at(ABSOLUTE_END)).is_none(), "a week is over");
        assert!(sessions.find(&secret, at(now)).is_none(), "and it does not come back");

        let (secret, _) = sessions.open(at(now)).expect("a session");
        assert!(sessions.find(&secret, at(now + IDLE_END)).is_none(), "nobody used it");

        let (secret, visit) = sessions.open(at(now)).expect("a session");
        sessions.close(&visit);
        assert!(sessions.find(&secret, at(now)).is_none());
    }

    #[test]
    fn there_are_not_more_sessions_than_fit_and_the_idle_one_goes() {
        let mut sessions = Sessions::default();
        let open: Vec<String> =
            (0..=MOST_SESSIONS as u32).map(|n| sessions.open(at(n * MINUTE)).expect("one").0).collect();
        let now = at(MINUTE * MOST_SESSIONS as u32);
        assert!(sessions.find(&open[0], now).is_none());
        assert!(open[1..].iter().all(|secret| sessions.find(secret, now).is_some()));
    }

    #[test]
    fn personal_data_is_shown_for_one_lead_in_one_session_for_ten_minutes() {
        let mut sessions = Sessions::default();
        let (_, asks) = sessions.open(at(MINUTE)).expect("a session");
        let (_, other) = sessions.open(at(MINUTE)).expect("a session");
        sessions.show(&asks, LeadId(7), at(MINUTE));
        assert!(sessions.shows(&asks, LeadId(7), at(10 * MINUTE)));
        assert!(!sessions.shows(&asks, LeadId(7), at(11 * MINUTE)));
        assert!(!sessions.shows(&asks, LeadId(8), at(MINUTE)));
        assert!(!sessions.shows(&other, LeadId(7), at(MINUTE)));
        sessions.hide(&asks, LeadId(7));
        assert!(!sessions.shows(&asks, LeadId(7), at(MINUTE)));
    }

    #[test]
    fn a_form_is_of_its_own_session() {
        let mut sessions = Sessions::default();
        let (_, one) = sessions.open(at(MINUTE)).expect("a session");
        let (_, other) = sessions.open(at(MINUTE)).expect("a session");
        assert!(one.is_own_form(one.forgery()));
        assert!(!one.is_own_form(other.forgery()) && !one.is_own_form("") && !one.is_own_form(&one.forgery()[1..]));
        assert_ne!(one.label(), other.label());
        assert!(!one.forgery().contains(&one.label()));
    }
}
