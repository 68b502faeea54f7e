//! Making an event smaller by leaving out its oldest messages: the end of a conversation tells how it went.

use super::raw;

const MESSAGES: [&str; 4] = ["data", "lead", "chats", "messages"];

/// How many messages an envelope holds.
pub fn messages(envelope: &[u8]) -> usize {
    items(envelope).map_or(0, |items| items.len())
}

/// The envelope with its newest messages alone, and `data.cut.messages`, the number of those left out.
pub fn keep_newest(envelope: &[u8], keep: usize) -> Vec<u8> {
    let (Some(items), Ok(text)) = (items(envelope), std::str::from_utf8(envelope)) else { return envelope.to_vec() };
    let left_out = items.len().saturating_sub(keep);
    if left_out == 0 {
        return envelope.to_vec();
    }
    let kept: Vec<&str> = items[left_out..].iter().map(|item| item.get()).collect();
    let shorter = raw::replaced(text, &MESSAGES, &format!("[{}]", kept.join(",")));
    let Some(data) = raw::at(&shorter, &["data"]).and_then(raw::members) else { return shorter.into_bytes() };
    let mark = format!(r#"{{"messages":{left_out}}}"#);
    let members = data.iter().map(|(name, value)| (name.as_str(), value.get())).filter(|(name, _)| *name != "cut");
    let data = raw::object(members.chain([("cut", mark.as_str())]));
    raw::replaced(&shorter, &["data"], &data).into_bytes()
}

fn items(envelope: &[u8]) -> Option<Vec<&serde_json::value::RawValue>> {
    raw::items(raw::at(std::str::from_utf8(envelope).ok()?, &MESSAGES)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &[u8] = br#"{"type":"lead.finalized","data":{"weclever_lead_id":18446744073709551615,"lead":{"chats":{"metrics":{},"messages":[{"body":"a"},{"body":"b"},{"body":"c"}]},"x":1.50}}}"#;

    #[test]
    fn the_newest_stay_and_the_others_are_counted() {
        assert_eq!(messages(ENVELOPE), 3);
        let cut = String::from_utf8(keep_newest(ENVELOPE, 1)).expect("text");
        assert_eq!(
            cut,
            r#"{"type":"lead.finalized","data":{"weclever_lead_id":18446744073709551615,"lead":{"chats":{"metrics":{},"messages":[{"body":"c"}]},"x":1.50},"cut":{"messages":2}}}"#
        );
        assert_eq!(messages(&keep_newest(ENVELOPE, 0)), 0);
        assert_eq!(keep_newest(ENVELOPE, 3), ENVELOPE);
        assert_eq!(keep_newest(ENVELOPE, 9), ENVELOPE);
    }

    #[test]
    fn what_has_no_messages_stays_as_it_is() {
        for envelope in [&b"{}"[..], b"nonsense", br#"{"data":{"lead":{"chats":null}}}"#, b"\xff"] {
            assert_eq!((messages(envelope), keep_newest(envelope, 0)), (0, envelope.to_vec()));
        }
    }
}
