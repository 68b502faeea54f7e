//! What Redis' answers mean.

use ::redis::Value;

use crate::domain::outcome::{Answer, Refusal};

const WANTS_PASSWORD: &str = "it wants a password; write it into `url`: redis://USER:PASSWORD@host";

/// An id, a type: whatever is text.
pub fn text(said: &Value) -> Option<String> {
    match said {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// The value of a setting that was asked for, in bytes.
pub fn longest(said: &Value) -> Option<u64> {
    match said {
        Value::Array(pair) => text(pair.get(1)?)?.parse().ok(),
        _ => None,
    }
}

/// What an error means. Its code is the first word that the server says; what follows may repeat what was asked, and with it
/// a lead's data, so it is told only where it is known not to.
pub fn refused(code: &str, said: &str) -> Answer {
    let (why, detail) = match code {
        "WRONGTYPE" => {
            (Refusal::NotThere, "what has this name is no stream; name another `stream` in `url`, or delete it".into())
        }
        "NOAUTH" => (Refusal::Denied, WANTS_PASSWORD.into()),
        "WRONGPASS" => (Refusal::Denied, "it knows no such user and password; look at both in `url`".into()),
        "NOPERM" => (
            Refusal::Denied,
            "this user may not do it; allow `+xadd` and the stream, as `~leads`, by ACL SETUSER".into(),
        ),
        "OOM" => (Refusal::Busy, "its memory is full (`maxmemory`); trim the stream with `maxlen` in `url`".into()),
        "LOADING" => (Refusal::Busy, "it still loads its data".into()),
        "READONLY" => (Refusal::Busy, "it is a replica; `url` must lead to the master".into()),
        "MASTERDOWN" => (Refusal::Busy, "it is a replica without its master".into()),
        "NOREPLICAS" => (Refusal::Busy, "it has too few replicas to write (`min-replicas-to-write`)".into()),
        "MISCONF" => (Refusal::Busy, "it cannot write to its disk, and takes nothing until it can".into()),
        "BUSY" => (Refusal::Busy, "a script keeps it busy".into()),
        "TRYAGAIN" | "CLUSTERDOWN" => (Refusal::Busy, "its cluster is not whole".into()),
        "MOVED" | "ASK" => {
            (Refusal::NotThere, "another node of its cluster has this stream; `url` must lead to that one".into())
        }
        "ERR" => general(said),
        // A word of Redis' own; anything else may be what it was sent.
        code if code.len() <= 12 && code.chars().all(|c| c.is_ascii_uppercase()) => {
            (Refusal::Other, format!("it says {code}"))
        }
        _ => (Refusal::Other, "it says no, and not why in a known word".to_owned()),
    };
    Answer::Refused { why, detail }
}

/// Errors without a word of their own.
fn general(said: &str) -> (Refusal, String) {
    let said = said.to_ascii_lowercase();
    let says = |words: &str| said.contains(words);
    // Before it knows who asks, it takes only what is short.
    if says("unauthenticated") {
        return (Refusal::Denied, WANTS_PASSWORD.to_owned());
    }
    if says("invalid bulk length") {
        return (Refusal::TooLarge, "it is longer than `proto-max-bulk-len`".to_owned());
    }
    if says("without any password") || says("no password is set") {
        return (Refusal::Denied, "it has no password for the user `default`; take the one in `url` out".to_owned());
    }
    if says("invalid password") {
        return (Refusal::Denied, "it has another password; look at the one in `url`".to_owned());
    }
    if says("db index is out of range") || says("invalid db index") || says("select is not allowed") {
        return (Refusal::NotThere, "it has no database of the number in `url`".to_owned());
    }
    if says("unknown command") {
        return (Refusal::Other, "it knows no streams: they came with Redis 5".to_owned());
    }
    if says("max number of clients") {
        return (Refusal::Busy, "it has as many connections as it takes (`maxclients`)".to_owned());
    }
    (Refusal::Other, "it says ERR".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(code: &str, said: &str) -> Refusal {
        match refused(code, said) {
            Answer::Refused { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn codes_mean_what_can_be_done_about_them() {
        for (code, expected) in [
            ("WRONGTYPE", Refusal::NotThere),
            ("NOAUTH", Refusal::Denied),
            ("WRONGPASS", Refusal::Denied),
            ("NOPERM", Refusal::Denied),
            ("OOM", Refusal::Busy),
            ("BUSY", Refusal::Busy),
            ("LOADING", Refusal::Busy),
            ("READONLY", Refusal::Busy),
            ("MASTERDOWN", Refusal::Busy),
            ("NOREPLICAS", Refusal::Busy),
            ("MISCONF", Refusal::Busy),
            ("MOVED", Refusal::NotThere),
            ("UNHEARDOF", Refusal::Other),
        ] {
            assert_eq!(why(code, "whatever"), expected, "{code}");
        }
    }

    #[test]
    fn the_general_error_is_told_apart_by_its_words() {
        for (said, expected) in [
            ("Protocol error: invalid bulk length", Refusal::TooLarge),
            ("Client sent AUTH, but no password is set", Refusal::Denied),
            ("AUTH <password> called without any password configured for the default user.", Refusal::Denied),
            ("invalid password", Refusal::Denied),
            ("DB index is out of range", Refusal::NotThere),
            ("SELECT is not allowed in cluster mode", Refusal::NotThere),
            ("max number of clients reached", Refusal::Busy),
            ("something new", Refusal::Other),
        ] {
            assert_eq!(why("ERR", said), expected, "{said}");
        }
    }

    #[test]
    fn what_was_asked_is_not_repeated() {
        let said = "unknown command 'XADD', with args beginning with: 'leads' '*' 'body' '{\"name\":\"Maria\"}'";
        let Answer::Refused { detail, .. } = refused("ERR", said) else { panic!() };
        assert!(!detail.contains("Maria"), "{detail}");
    }

    #[test]
    fn a_setting_is_read_where_it_was_told() {
        let pair = |value: &str| Value::Array(vec![Value::BulkString(b"x".to_vec()), Value::BulkString(value.into())]);
        assert_eq!(longest(&pair("1048576")), Some(1 << 20));
        assert_eq!(longest(&pair("much")), None);
        assert_eq!(longest(&Value::Array(Vec::new())), None);
    }
}
