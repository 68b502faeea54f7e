//! How a text is made to mean nothing in each place.
//!
//! In a chat room's place, what a lead says must be readable as well: links stay links, and a telephone number or an email
//! address can be copied as it is. So characters are escaped where they mean something, and not wherever they stand.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::char::is_combining_mark;

/// Shown as nothing, and parts what would be read as one thing.
const ZERO_WIDTH: char = '\u{200b}';

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn url(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

pub(super) fn form(text: &str) -> Cow<'_, str> {
    let encoded: String = ::url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    if encoded == text { Cow::Borrowed(text) } else { Cow::Owned(encoded) }
}

/// No line end and no other control character, which would end the header or be refused by whoever reads it.
pub(super) fn header(text: &str) -> Cow<'_, str> {
    each(text, |Here { c, .. }, out| out.push(if c.is_control() { ' ' } else { c }))
}

pub(super) fn xml(text: &str) -> Cow<'_, str> {
    each(text, |Here { c, .. }, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        // A bare one would be read back as a line feed, and either as a space in an attribute.
        '\r' => out.push_str("&#13;"),
        '\n' => out.push_str("&#10;"),
        '\t' => out.push_str("&#9;"),
        ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
        // XML 1.0 has no way to write the rest.
        _ => {}
    })
}

/// The three that Slack's page asks for; `*`, `_`, `~` and `` ` `` cannot be escaped there.
pub(super) fn slack(text: &str) -> Cow<'_, str> {
    each(text, |here, out| entities(here.c, out))
}

fn entities(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    }
}

pub(super) fn discord(text: &str) -> Cow<'_, str> {
    each(text, |here, out| match here.c {
        // A space, since Discord takes zero-width ones out before it looks for mentions; and mentions are notified by the
        // server, which knows no backslash.
        '@' if may_begin(here.rest, &["everyone", "here"]) => out.push_str("@ "),
        '<' if may_begin(here.rest, &["@", "#"]) => out.push_str("\\< "),
        '-' | '_' | '~' | '#' if here.in_link => out.push(here.c),
        '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '-' | ':' if means(&here) => {
            out.push('\\');
            out.push(here.c);
        }
        c => out.push(c),
    })
}

/// Whether one of Discord's characters means something where it stands.
fn means(here: &Here<'_>) -> bool {
    match here.c {
        // Headings, small print and lists are at the beginning of a line.
        '#' | '-' => here.begins_line,
        // `:smile:`; a time or a link's colon is none.
        ':' => here.rest.starts_with(|c: char| c.is_ascii_alphabetic()),
        _ => true,
    }
}

/// The subset of Markdown that a TextBlock has: bold, italic, lists and links; and dates in double braces. Some of Teams'
/// clients have shown backslashes, so they stand only where they are needed.
pub(super) fn teams(text: &str) -> Cow<'_, str> {
    each(text, |here, out| match here.c {
        '\\' | '*' | '~' | '`' | '[' | ']' => {
            out.push('\\');
            out.push(here.c);
        }
        '_' if here.at_edge() => out.push_str("\\_"),
        '-' | '+' | '#' if here.begins_line => {
            out.push('\\');
            out.push(here.c);
        }
        // `1. ` begins a numbered list.
        '.' | ')' if here.numbers_line => {
            out.push('\\');
            out.push(here.c);
        }
        '{' if may_begin(here.rest, &["{"]) => out.extend(['{', ZERO_WIDTH]),
        c => entities(c, out),
    })
}

/// Google Chat has no way to escape, so what would mean something is parted: nobody is mentioned, no link hides its
/// address, and text stays plain in either of its two syntaxes as far as that can be.
pub(super) fn google_chat(text: &str) -> Cow<'_, str> {
    each(text, |here, out| match here.c {
        // A space, which surely is not taken out before mentions are looked for.
        '<' if may_begin(here.rest, &["users/"]) => out.push_str("< "),
        '<' => out.extend(['<', ZERO_WIDTH]),
        ']' if may_begin(here.rest, &["(", "["]) => out.extend([']', ZERO_WIDTH]),
        '*' | '_' | '~' | '`' if here.at_edge() && !here.in_link => out.extend([here.c, ZERO_WIDTH]),
        '-' | '+' | '#' if here.begins_line => out.extend([here.c, ZERO_WIDTH]),
        c => out.push(c),
    })
}

/// Whether `rest` begins with one of these, or may yet do so with what the template puts behind it. Capitals make no
/// difference, and neither does what is not seen: some chat rooms take it out before they look for mentions.
fn may_begin(rest: &str, begins: &[&str]) -> bool {
    let unseen = |c: char| {
        is_combining_mark(c)
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    begins.iter().any(|begin| {
        let seen = rest.chars().filter(|c| !unseen(*c)).map(|c| c.to_ascii_lowercase());
        seen.zip(begin.chars()).all(|(a, b)| a == b)
    })
}

/// A character of a text.
struct Here<'a> {
    c: char,
    before: Option<char>,
    rest: &'a str,
    /// The first of its line but for blanks. What the template has before it is not known, so the first of all is one.
    begins_line: bool,
    /// Behind nothing but digits in its line.
    numbers_line: bool,
    /// In an address that a chat room makes a link of by itself.
    in_link: bool,
}

impl Here<'_> {
    /// At the beginning or the end of a word, where emphasis begins and ends.
    fn at_edge(&self) -> bool {
        let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !(within(self.before) && within(self.rest.chars().next()))
    }
}

/// Writes each character anew.
fn each<'a>(text: &'a str, write: impl Fn(Here<'a>, &mut String)) -> Cow<'a, str> {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut before, mut in_link) = (None, false);
    let (mut begins_line, mut digits, mut only_digits) = (true, 0, true);
    for (i, c) in text.char_indices() {
        let from_here = &text[i..];
        in_link = match c {
            c if c.is_whitespace() || c == '<' => false,
            'h' if from_here.starts_with("http://") || from_here.starts_with("https://") => true,
            _ => in_link,
        };
        let numbers_line = only_digits && digits > 0;
        write(Here { c, before, rest: &text[i + c.len_utf8()..], begins_line, numbers_line, in_link }, &mut out);
        before = Some(c);
        match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => (begins_line, digits, only_digits) = (true, 0, true),
            c if c.is_whitespace() => only_digits &= digits == 0,
            c => {
                begins_line = false;
                only_digits &= c.is_ascii_digit();
                digits += 1;
            }
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}
