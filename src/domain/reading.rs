//! A text as its readers see it, with where each character stands in what was written: what is to be hidden is looked for in the
//! one and covered in the other. An answer may hold JSON in JSON, a form's pairs, a page that quotes both.

use std::ops::Range;

/// Escapes within escapes are followed so far: JSON in JSON in JSON, encoded for a URL.
const LAYERS: usize = 5;

/// Fewer characters at a text's end begin too much to be told from anything else.
const SHORTEST_BEGIN: usize = 3;

/// What stands for a character that cannot be known.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// Letters as PHP's `htmlentities` writes them, small ones; a capital's name begins with one.
const LETTERS: [(&str, char); 19] = [
    ("aacute", 'á'),
    ("agrave", 'à'),
    ("acirc", 'â'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("ccedil", 'ç'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("iacute", 'í'),
    ("iuml", 'ï'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("uacute", 'ú'),
    ("uuml", 'ü'),
];

/// A text in one of its readings.
#[derive(Default)]
pub(super) struct Reading {
    /// The text as it reads.
    pub(super) text: String,
    /// For each byte of it, where what stands for its character begins and ends in what was written.
    written: Vec<(usize, usize)>,
}

impl Reading {
    /// The text as it is written, and then each time with one layer more of its escapes undone, while there are any.
    pub(super) fn all(text: &str) -> Vec<Reading> {
        let mut first = Reading::default();
        text.char_indices().for_each(|(at, c)| first.push(c, (at, at + c.len_utf8())));
        let mut all = vec![first];
        while all.len() <= LAYERS
            && let Some(next) = all.last().and_then(Reading::unescaped)
        {
            all.push(next);
        }
        all
    }

    fn push(&mut self, c: char, written: (usize, usize)) {
        self.text.push(c);
        self.written.extend(std::iter::repeat_n(written, c.len_utf8()));
    }

    /// Without one layer of escapes; `None` where there is none.
    fn unescaped(&self) -> Option<Reading> {
        let mut plain = Reading::default();
        let (mut at, mut is_same) = (0, true);
        while let Some(c) = self.text[at..].chars().next() {
            let (c, length) = match escaped(&self.text[at..]) {
                Some(meant) => {
                    is_same = false;
                    meant
                }
                None => (c, c.len_utf8()),
            };
            let written = self.written(at..at + length);
            plain.push(c, (written.start, written.end));
            at += length;
        }
        (!is_same).then_some(plain)
    }

    /// The same as [`fold`] makes of its text.
    pub(super) fn folded(&self, any_case: bool) -> Reading {
        let mut folded = Reading::default();
        for (at, c) in self.text.char_indices() {
            fold_each(c, any_case, &mut |c| folded.push(c, self.written[at]));
        }
        folded
    }

    /// Where this piece of its text, which is not empty, stands in what was written.
    pub(super) fn written(&self, piece: Range<usize>) -> Range<usize> {
        self.written[piece.start].0..self.written[piece.end - 1].1
    }
}

/// What a text has in common with itself as others write it: any white space is a space, and so is the `+` of a form; and, if
/// the case does not matter, no letter is a capital.
pub(super) fn fold(text: &str, any_case: bool) -> String {
    let mut folded = String::with_capacity(text.len());
    text.chars().for_each(|c| fold_each(c, any_case, &mut |c| folded.push(c)));
    folded
}

fn fold_each(c: char, any_case: bool, push: &mut dyn FnMut(char)) {
    if c == '+' || c.is_whitespace() {
        push(' ');
    } else if any_case {
        // By way of its capital, for letters that have no capital of their own: ß is SS, and then ss.
        c.to_uppercase().flat_map(char::to_lowercase).for_each(push);
    } else {
        push(c);
    }
}

/// A text without any of its escapes.
pub(super) fn plain(text: &str) -> String {
    Reading::all(text).pop().map(|last| last.text).unwrap_or_default()
}

/// Where the longest beginning of `own` starts with which `text` ends: it was cut within it. A character or an escape that
/// was itself cut does not count. `alone`: it is not to begin within a word.
pub(super) fn cut_begin(text: &str, own: &str, alone: bool) -> Option<usize> {
    let shortest = own.char_indices().nth(SHORTEST_BEGIN)?.0;
    let is_right = |at: usize| !(alone && text[..at].ends_with(char::is_alphanumeric));
    let begins = |end: usize| {
        let lengths = own.char_indices().rev().map(|(length, _)| length).take_while(|length| *length >= shortest);
        let ends_with = |length: &usize| text[..end].ends_with(&own[..*length]);
        lengths.filter(ends_with).map(|length| end - length).find(|at| is_right(*at))
    };
    begins(text.len()).or_else(|| begins(whole_end(text)))
}

/// Where a text ends that was cut, without what was cut of a character or of an escape.
pub(super) fn whole_end(text: &str) -> usize {
    let mut whole = text;
    loop {
        let mut less = whole.trim_end_matches(UNKNOWN);
        if let Some(at) = less.rfind(['\\', '%', '&'])
            && is_unfinished(&less[at..])
        {
            less = &less[..at];
        }
        if less.len() == whole.len() {
            return whole.len();
        }
        whole = less;
    }
}

/// Whether this, from its mark on, may be the beginning of an escape.
fn is_unfinished(escape: &str) -> bool {
    let (mark, behind) = escape.split_at(1);
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    match mark {
        "%" => behind.len() < 2 && are_digits(behind),
        "&" => behind.len() < LONGEST_ENTITY && behind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#'),
        _ => behind.is_empty() || behind.strip_prefix('u').is_some_and(|digits| digits.len() < 4 && are_digits(digits)),
    }
}

/// What an escape at the beginning of this stands for, and its length in bytes.
fn escaped(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().first()? {
        b'\\' => behind_backslash(text),
        b'&' => entity(text),
        b'%' => behind_percent(text),
        _ => None,
    }
}

/// As in JSON, and in JavaScript's own strings.
fn behind_backslash(text: &str) -> Option<(char, usize)> {
    let simple = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        own @ (b'"' | b'\'' | b'\\' | b'/') => char::from(*own),
        b'x' => return Some((char::from_u32(hexadecimal(text.get(2..4)?)?)?, 4)),
        b'u' => {
            let unit = |text: &str| u16::try_from(hexadecimal(text.strip_prefix("\\u")?.get(..4)?)?).ok();
            let first = unit(text)?;
            let both = [first, text.get(6..).and_then(unit).unwrap_or_default()];
            let c = char::decode_utf16(both).next()?.unwrap_or(UNKNOWN);
            return Some((c, 6 * c.len_utf16()));
        }
        _ => return None,
    };
    Some((simple, 2))
}

/// Longer names, and numbers with more zeros before them, are not looked for.
const LONGEST_ENTITY: usize = 10;

/// As in XML and HTML.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(LONGEST_ENTITY).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let c = match (name, name.strip_prefix('#')) {
        ("amp", _) => '&',
        ("lt", _) => '<',
        ("gt", _) => '>',
        ("quot", _) => '"',
        ("apos", _) => '\'',
        ("nbsp", _) => ' ',
        (_, Some(number)) => char::from_u32(match number.strip_prefix(['x', 'X']) {
            Some(digits) => hexadecimal(digits)?,
            None => number.parse().ok()?,
        })?,
        _ => {
            let is_it = |known: &&(&str, char)| known.0.eq_ignore_ascii_case(name) && known.0[1..] == name[1..];
            let small = LETTERS.iter().find(is_it)?.1;
            if name.starts_with(|c: char| c.is_ascii_uppercase()) { small.to_uppercase().next()? } else { small }
        }
    };
    Some((c, end + 1))
}

/// As in a URL or in a form: the bytes of UTF-8, or of Latin-1, which older programs write.
fn behind_percent(text: &str) -> Option<(char, usize)> {
    let byte = |n: usize| u8::try_from(hexadecimal(text.get(3 * n..)?.strip_prefix('%')?.get(..2)?)?).ok();
    let bytes: Vec<u8> = (0..4).map_while(byte).collect();
    let first = *bytes.first()?;
    let chunk = bytes.utf8_chunks().next()?;
    if let Some(c) = chunk.valid().chars().next() {
        return Some((c, 3 * c.len_utf8()));
    }
    let encoded = 3 * bytes.len();
    let is_incomplete = std::str::from_utf8(&bytes).is_err_and(|error| error.error_len().is_none());
    // What was cut within a character is no letter of Latin-1.
    if is_incomplete && text.len() - encoded < 3 { Some((UNKNOWN, encoded)) } else { Some((char::from(first), 3)) }
}

/// Digits alone: a sign is none.
fn hexadecimal(digits: &str) -> Option<u32> {
    let are_digits = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if are_digits { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_escape_is_undone() {
        for (written, read) in [
            (r#"\u002B\u003c\u003E\u0026\u0027\"\/\\"#, r#"+<>&'"/\"#),
            (r"Zo\u00e9 \ud83d\ude00 \xe9", "Zoé 😀 é"),
            ("&amp;&lt;&gt;&quot;&apos;&#60;&#x3C;&#39;&Eacute;&ccedil;&nbsp;", "&<>\"'<<'Éç "),
            ("a%20b%2Bc%2b%C3%A9%e9% x", "a b+c+éé% x"),
            (r#"{\"a\":\"{\\\"b\\\":\\\"\\u00e9%2526\\\"}\"}"#, r#"{"a":"{"b":"é&"}"}"#),
            (
                "100% & more; \\d \\u12 %zz &#; &#xffffff; \\ud800x",
                "100% & more; \\d \\u12 %zz &#; &#xffffff; \u{FFFD}x",
            ),
        ] {
            assert_eq!(plain(written), read, "{written}");
        }
    }

    #[test]
    fn what_was_read_is_found_where_it_was_written() {
        let text = r#"x Zo\u00e9%20da&#x20;Silva y"#;
        let reading = Reading::all(text).pop().expect("a reading").folded(true);
        let own = fold("ZOÉ+DA SILVA", true);
        let at = reading.text.find(&own).expect("it is there");
        assert_eq!(&text[reading.written(at..at + own.len())], &text[2..text.len() - 2]);
    }

    #[test]
    fn the_beginning_of_a_text_is_known_at_the_end_of_another() {
        for (text, begin) in [
            ("a bsecZZ33SECRE", Some(2)),
            ("a bsec", Some(2)),
            ("a bse", Some(2)),
            ("a bs", None),
            ("a bsecZZ33SECRET", None),
            ("a bsecZZ\u{FFFD}", Some(2)),
            ("a bsecZZ\\u00", Some(2)),
            ("a bsecZZ\\\\", Some(2)),
            ("a bsecZZ%C", Some(2)),
            ("a bsecZZ&#x3", Some(2)),
            ("a bsec b", None),
        ] {
            assert_eq!(cut_begin(text, "bsecZZ33SECRET", false), begin, "{text}");
        }
        assert_eq!(cut_begin("a&bc", "a&bcdef", false), Some(0));
        assert_eq!(cut_begin("joana ana", "ana ana b", false), Some(2));
        assert_eq!(cut_begin("joana ana", "ana ana b", true), Some(6));
        assert_eq!(plain("Zo%C3"), "Zo\u{FFFD}");
        assert_eq!(plain("Zo%E2%82"), "Zo\u{FFFD}");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"([\\%&;#ux"é😀]|[0-9a-fA-F]{1,4}|amp;|\PC){0,40}"#, own in r"\PC{0,12}") {
            for reading in Reading::all(&text) {
                prop_assert_eq!(reading.written.len(), reading.text.len());
                for (begin, end) in &reading.written {
                    prop_assert!(text.get(*begin..*end).is_some());
                }
                if let Some(at) = cut_begin(&reading.text, &own, true) {
                    prop_assert!(reading.text.is_char_boundary(at));
                }
            }
        }
    }
}
