//! How a text is made to mean nothing in each place.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shown as nothing, and breaks what a chat room would read as one word.
const ZERO_WIDTH: char = '\u{200b}';

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn url(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

pub(super) fn form(text: &str) -> Cow<'_, str> {
    match url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>() {
        same if same == text => Cow::Borrowed(text),
        encoded => Cow::Owned(encoded),
    }
}

/// No line end and no other control character, which would end the header or be refused by whoever reads it.
pub(super) fn header(text: &str) -> Cow<'_, str> {
    each(text, |c, _, out| match c {
        c if c.is_control() => out.push(' '),
        c => out.push(c),
    })
}

pub(super) fn xml(text: &str) -> Cow<'_, str> {
    each(text, |c, _, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        // A bare one is read back as a line feed.
        '\r' => out.push_str("&#13;"),
        '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
        // XML 1.0 has no way to write the rest.
        _ => {}
    })
}

pub(super) fn slack(text: &str) -> Cow<'_, str> {
    each(text, |c, _, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}

pub(super) fn discord(text: &str) -> Cow<'_, str> {
    each(text, |c, rest, out| match c {
        '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '(' | ')' | '>' | '#' | '-' => {
            out.push('\\');
            out.push(c);
        }
        // Mentions, channels, commands and emoji; a backslash alone is not known to stop the notification.
        '<' => out.extend(['\\', '<', ZERO_WIDTH]),
        '@' if mentions(rest) => out.extend(['@', ZERO_WIDTH]),
        c => out.push(c),
    })
}

/// Whether what follows an `@` is, or may become with what the template puts behind it, a mention of everyone.
fn mentions(rest: &str) -> bool {
    ["everyone", "here"].iter().any(|all| rest.starts_with(all) || all.starts_with(rest))
}

pub(super) fn teams(text: &str) -> Cow<'_, str> {
    each(text, |c, _, out| match c {
        '\\' | '*' | '_' | '~' | '`' | '[' | ']' | '(' | ')' | '#' | '-' | '+' | '!' => {
            out.push('\\');
            out.push(c);
        }
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}

pub(super) fn google_chat(text: &str) -> Cow<'_, str> {
    each(text, |c, _, out| match c {
        '<' | '*' | '_' | '~' | '`' => out.extend([c, ZERO_WIDTH]),
        c => out.push(c),
    })
}

/// Writes each character anew; `rest` is what follows it.
fn each<'a>(text: &'a str, write: impl Fn(char, &'a str, &mut String)) -> Cow<'a, str> {
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in text.char_indices() {
        write(c, &text[i + c.len_utf8()..], &mut out);
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}
