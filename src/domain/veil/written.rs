//! The forms in which a request or an answer may hold a value.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use url::form_urlencoded::byte_serialize;

/// What `encodeURIComponent` leaves as it is, beyond letters and digits.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');

/// What RFC 3986 lets stand anywhere.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A value in base64, alone and wherever it stands in something longer: of that, the digits that are the value's alone.
pub(super) fn in_base64(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in [&STANDARD, &URL_SAFE] {
        forms.push(engine.encode(value));
        for (before, digits_before) in [(0, 0), (1, 2), (2, 3)] {
            let bytes = [&[0; 2][..before], value.as_bytes()].concat();
            forms.push(engine.encode(&bytes)[digits_before..bytes.len() * 8 / 6].to_owned());
        }
    }
    forms
}

/// A value in hexadecimal, with small letters.
pub(super) fn in_hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A value in every form in which a request or an answer may hold it.
pub(super) fn written(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    let quoted = serde_json::Value::from(value).to_string();
    let json = &quoted[1..quoted.len() - 1];
    forms.extend([json.to_owned(), json.replace('/', "\\/"), ascii(json), ascii(&json.replace('/', "\\/"))]);

    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quotes = xml.replace('"', "&quot;");
    for apostrophe in ["&apos;", "&#39;", "&#x27;"] {
        let whole = quotes.replace('\'', apostrophe);
        forms.extend([whole.replace('/', "&#x2f;"), whole]);
    }
    forms.extend([xml, quotes]);

    let percent = |set: &'static AsciiSet| utf8_percent_encode(value, set).to_string();
    let mut encoded = vec![percent(NON_ALPHANUMERIC), percent(UNRESERVED), percent(COMPONENT)];
    encoded.push(byte_serialize(value.as_bytes()).collect());
    // As it is encoded where it stands in the path or in the query of a URL in the file.
    for before in ["https://h/", "https://h/?"] {
        let url = Url::parse(&format!("{before}{value}"));
        encoded.extend(url.ok().and_then(|url| url.as_str().strip_prefix(before).map(str::to_owned)));
    }
    // A whole URL is written as its parts are, not as the file has it.
    if let Ok(mut url) = Url::parse(value)
        && url.has_host()
    {
        encoded.push(url.to_string());
        // Cannot fail for a URL with a host.
        let _ = (url.set_username(""), url.set_password(None));
        encoded.push(url.to_string());
    }
    forms.extend(encoded.iter().map(|form| small_digits(form)));
    forms.extend(encoded);
    forms
}

/// JSON that holds nothing but ASCII, as some write it.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

/// `%2f` for `%2F`.
fn small_digits(encoded: &str) -> String {
    let mut digits = 0;
    let small = |c: char| {
        let is_digit = digits > 0;
        digits = if c == '%' { 2 } else { digits.max(1) - 1 };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(small).collect()
}
