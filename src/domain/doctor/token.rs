//! How long a token lives. A JWT says so in its middle part, which everyone can read; other tokens tell nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

use super::{About, Certainty, Finding, Fits};
use crate::domain::secret::Secret;
use crate::domain::{clock, span};

/// A token in the file that ends within so long should be replaced before it does.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// What a JWT says of its time. Nothing else of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    issued: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl Claims {
    /// Reads them; `None` for a token that is no JWT.
    pub fn read(token: &Secret) -> Option<Claims> {
        #[derive(Deserialize)]
        struct Wire {
            iat: Option<f64>,
            exp: Option<f64>,
        }
        let [_, claims, _] = token.expose().split('.').collect::<Vec<_>>().try_into().ok()?;
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let wire: Wire = serde_json::from_slice(&claims).ok()?;
        let at = |seconds: Option<f64>| Timestamp::from_second(seconds? as i64).ok();
        Some(Claims { issued: at(wire.iat), ends: at(wire.exp) })
    }
}

/// What follows. `asked_for`: whether leadhook asks for tokens itself, and so gets new ones.
pub fn verdict(claims: Option<Claims>, asked_for: bool, now: Timestamp) -> Finding {
    let renewal = if asked_for { "leadhook asks for another when one is refused" } else { "it cannot be renewed" };
    let Some(claims) = claims else {
        let why = format!("it is no JWT, and only a JWT tells; {renewal}");
        return Finding::unknown(About::Token, "how long the token lives cannot be seen", why, Fits::Yes);
    };
    let Some(ends) = claims.ends else {
        let why = format!("it is a JWT without an end; {renewal}");
        return Finding {
            certainty: Certainty::Likely,
            ..Finding::sure(About::Token, "for ever", "the token does not end by itself", why)
        };
    };
    let left = clock::elapsed(now, ends);
    if left.is_zero() {
        let said = format!("the token ended {:.0}", ends);
        let finding = Finding::sure(About::Token, "0s", said, format!("its `exp` says so; {renewal}"));
        return if asked_for { finding.to_look_at() } else { Finding { fits: Fits::No, ..finding } };
    }
    // What was asked for just now has most of its life before it, whatever its `iat` says.
    let life = claims.issued.map_or(left, |issued| clock::elapsed(issued, ends));
    let (found, said) = if asked_for {
        (life, format!("a token lives for {}", span::format(life)))
    } else {
        (left, format!("the token ends in {}, {:.0}", span::format(whole(left)), ends))
    };
    let finding =
        Finding::sure(About::Token, span::format(whole(found)), said, format!("its `exp` says so; {renewal}"));
    if !asked_for && left < SOON { finding.to_look_at() } else { finding }
}

fn whole(long: Duration) -> Duration {
    Duration::from_secs(long.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> Secret {
        Secret::new(format!("{}.{}.c2lnbmVk", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims)))
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_000_000).expect("a time")
    }

    fn told(token: &Secret, asked_for: bool) -> (Option<String>, Certainty, Fits) {
        let finding = verdict(Claims::read(token), asked_for, now());
        assert!(!format!("{finding:?}").contains("c2lnbmVk"));
        (finding.found, finding.certainty, finding.fits)
    }

    #[test]
    fn a_jwt_tells_and_other_tokens_do_not() {
        let hour = jwt(r#"{"iat":1795000000,"exp":1795003600.5}"#);
        assert_eq!(told(&hour, true), (Some("1h".into()), Certainty::Sure, Fits::Yes));
        assert_eq!(told(&hour, false), (Some("1h".into()), Certainty::Sure, Fits::Look));
        let year = jwt(r#"{"exp":1826536000}"#);
        assert_eq!(told(&year, false), (Some("365d".into()), Certainty::Sure, Fits::Yes));
        assert_eq!(told(&jwt(r#"{"sub":"x"}"#), true), (Some("for ever".into()), Certainty::Likely, Fits::Yes));
        for other in ["", "abc", "a.b.c", "a.e30.c.d", "..", &"x".repeat(64)] {
            assert_eq!(told(&Secret::new(other), true), (None, Certainty::Unknown, Fits::Yes), "{other}");
        }
    }

    #[test]
    fn a_token_that_has_ended_is_worth_a_look() {
        let ended = jwt(r#"{"iat":1,"exp":1794999999}"#);
        assert_eq!(told(&ended, false), (Some("0s".into()), Certainty::Sure, Fits::No));
        assert_eq!(told(&ended, true).2, Fits::Look);
    }
}
