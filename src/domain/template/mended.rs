//! JSON that is well formed and still holds what no value can be made of.

use std::ops::RangeInclusive;

const FIRST_HALF: RangeInclusive<u16> = 0xD800..=0xDBFF;
const SECOND_HALF: RangeInclusive<u16> = 0xDC00..=0xDFFF;

/// The same JSON with U+FFFD for half of a surrogate pair, which a text cut in the middle of an emoji ends with, and null
/// for a number beyond all that are counted with. Everything else stays as it is and where it is.
pub(super) fn mended(json: &[u8]) -> Vec<u8> {
    let mut mended = json.to_vec();
    let mut in_text = false;
    let mut at = 0;
    while let Some(&first) = json.get(at) {
        let (length, instead) = match first {
            b'\\' if in_text => escape(&json[at..]),
            b'-' | b'0'..=b'9' if !in_text => number(&json[at..]),
            _ => (1, None),
        };
        in_text ^= first == b'"';
        if let Some(instead) = instead {
            mended[at..at + length].fill(b' ');
            // No number of fewer than five bytes is beyond all, and an escape has as many as another.
            mended[at..at + instead.len()].copy_from_slice(instead.as_bytes());
        }
        at += length;
    }
    mended
}

/// How long the escape is that this begins with, and what to write instead.
fn escape(rest: &[u8]) -> (usize, Option<&'static str>) {
    match unit(rest) {
        None => (2, None),
        Some(first) if FIRST_HALF.contains(&first) => match unit(&rest[6..]) {
            Some(second) if SECOND_HALF.contains(&second) => (12, None),
            _ => (6, Some("\\ufffd")),
        },
        Some(second) if SECOND_HALF.contains(&second) => (6, Some("\\ufffd")),
        Some(_) => (6, None),
    }
}

/// What `\u1234` at the beginning says.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// How long the number is that this begins with, and what to write instead.
fn number(rest: &[u8]) -> (usize, Option<&'static str>) {
    let part = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|b| !part(b)).unwrap_or(rest.len());
    let read = std::str::from_utf8(&rest[..length]).ok().and_then(|text| text.parse::<f64>().ok());
    (length, read.is_some_and(f64::is_infinite).then_some("null"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(json: &str) -> String {
        String::from_utf8(mended(json.as_bytes())).expect("UTF-8")
    }

    #[test]
    fn halves_and_numbers_beyond_all_are_mended() {
        for (json, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""Oi \uD83D!""#, r#""Oi \ufffd!""#),
            (r#""\ude00\ud83d\ude00\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00\ufffd\ud83d\ude00""#),
            (r#""\ud83d\n\ud83d\u0041""#, r#""\ufffd\n\ufffd\u0041""#),
            (r#"{"\udfff":1}"#, r#"{"\ufffd":1}"#),
            (r#""\\ud83d \"\\\ud83d""#, r#""\\ud83d \"\\\ufffd""#),
            (r#"[1e400,-1E+999,"1e400",1e308,-0,1.5e-400]"#, r#"[null ,null   ,"1e400",1e308,-0,1.5e-400]"#),
        ] {
            assert_eq!(text(json), expected, "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok(), "{expected}");
        }
        assert_eq!(text(&format!("[{}]", "9".repeat(400))), format!("[null{}]", " ".repeat(396)));
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        for json in ["", "\"", "\"\\", "\"\\u", "\"\\ud83", "-", "1e", "--1", "\\ud83d", "\"\\ud8+d\""] {
            assert_eq!(text(json), json);
        }
        assert_eq!(mended(b"\"\xff\""), b"\"\xff\"");
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            "[\\\\\"u0-9a-fD]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_can_be_read_stays_as_it_is(json in json(), written in any::<String>()) {
            for json in [json.to_string(), format!("{json:#}")] {
                prop_assert_eq!(text(&json), json);
            }
            let escaped: String = written.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let escaped = format!("\"{escaped}\"");
            prop_assert_eq!(text(&escaped), escaped);
        }

        #[test]
        fn any_halves_can_be_read_when_mended(units in prop::collection::vec(prop_oneof![0xD7F0u16..0xE010, any::<u16>()], 0..12)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
            let read: String = serde_json::from_str(&text(&format!("\"{escaped}\""))).expect("JSON");
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
