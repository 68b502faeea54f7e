//! A rating's text in pieces.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A piece of a rating's text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// In small letters and without accents; for all but words and numbers, the sign itself.
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Nothing stands between it and the word or number before.
    pub(super) glued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Word,
    Number(f64),
    /// Full ones and hollow ones, in this order.
    Stars(u32, u32),
    /// A sign that may be a face, or whatever else the lexicon knows.
    Sign,
    /// Parts what stands before it from what stands behind it.
    Mark,
    Slash,
    /// Puts all around it in doubt: a question mark, a per cent sign, a number struck through.
    Doubt,
}

const FULL: [char; 6] = ['★', '⭐', '🌟', '✪', '✭', '✯'];
const HOLLOW: [char; 3] = ['☆', '✩', '✰'];

/// Smileys of punctuation, which would else be taken apart. The longer stand first.
const SMILEYS: [&str; 14] = [":-)", ":-(", ":'(", ":-d", ":-/", ":)", ":(", ":d", ":/", "=)", "=(", ";)", "=d", "<3"];

/// The pieces of this text. What only shapes the picture of a sign, as the skin of a thumb, is no part of them.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let chars = plain(text);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c.is_whitespace() {
            // A line's end parts as a dash does.
            if c == '\n' && !pieces.last().is_none_or(|last| last.kind == Kind::Mark) {
                pieces.push(Piece { text: "\n".to_owned(), kind: Kind::Mark, glued: false });
            }
            i += 1;
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| chars.get(i)).copied();
        // Between two letters a dash makes one word of two, which mean what they mean with a blank between them.
        let joins = is_dash(c)
            && before.is_some_and(char::is_alphabetic)
            && chars.get(i + 1).is_some_and(|next| next.is_alphabetic());
        if joins || is_quote(c) {
            i += 1;
            continue;
        }
        let glued = before.is_some_and(char::is_alphanumeric);
        let (len, kind) = piece(&chars[i..], before);
        let text: String = chars[i..i + len].iter().filter(|c| !is_apostrophe(**c)).collect();
        i += len;
        if let (Kind::Stars(full, hollow), Some(Piece { kind: last, .. })) = (kind, pieces.last_mut())
            && let Kind::Stars(f, h) = last
        {
            // Hollow stars stand behind the full ones; the other way round it is some ornament.
            *last = if *h > 0 && full > 0 { Kind::Doubt } else { Kind::Stars(*f + full, *h + hollow) };
            continue;
        }
        pieces.push(Piece { text, kind, glued });
    }
    pieces
}

/// How many characters the first piece of these has, and what it is.
fn piece(chars: &[char], before: Option<char>) -> (usize, Kind) {
    let c = chars[0];
    let next = chars.get(1).copied().unwrap_or(' ');
    if let Some(smiley) = SMILEYS.into_iter().find(|smiley| starts_with(chars, smiley)) {
        // "nota:(5)" has none.
        let behind = chars.get(smiley.len()).copied();
        if !behind.is_some_and(char::is_alphanumeric) {
            return (smiley.len(), Kind::Sign);
        }
    }
    let is_signed = is_dash(c) && next.is_ascii_digit() && before.is_none_or(char::is_whitespace);
    if c.is_ascii_digit() || is_signed {
        return number(chars, usize::from(is_signed));
    }
    if c.is_alphabetic() {
        return (word(chars), Kind::Word);
    }
    let kind = match c {
        _ if FULL.contains(&c) => Kind::Stars(1, 0),
        _ if HOLLOW.contains(&c) => Kind::Stars(0, 1),
        '/' => Kind::Slash,
        '.' | ',' | ';' | ':' | '!' | '¡' | '…' | '(' | ')' | '[' | ']' | '|' | '=' | '•' => Kind::Mark,
        _ if is_dash(c) => Kind::Mark,
        '¿' => Kind::Doubt,
        _ if c.is_ascii() || c.is_control() || c.is_numeric() => Kind::Doubt,
        _ => Kind::Sign,
    };
    (1, kind)
}

/// Digits, perhaps with a decimal point or comma. Thousands have no separators: no scale goes so far.
fn number(chars: &[char], sign: usize) -> (usize, Kind) {
    let digits = |from: usize| chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut len = sign + digits(sign);
    if matches!(chars.get(len), Some('.' | ',')) && digits(len + 1) > 0 {
        len += 1 + digits(len + 1);
    }
    let written: String = chars[sign..len].iter().map(|c| if *c == ',' { '.' } else { *c }).collect();
    match written.parse::<f64>() {
        Ok(n) if n.is_finite() => (len, Kind::Number(if sign > 0 { -n } else { n })),
        _ => (len, Kind::Doubt),
    }
}

/// Letters, and apostrophes between them.
fn word(chars: &[char]) -> usize {
    let inside = |i: usize| {
        chars[i].is_alphabetic()
            || (is_apostrophe(chars[i]) && chars.get(i + 1).is_some_and(|next| next.is_alphabetic()))
    };
    (0..chars.len()).find(|i| !inside(*i)).unwrap_or(chars.len())
}

fn starts_with(chars: &[char], text: &str) -> bool {
    let mut chars = chars.iter();
    text.chars().all(|c| chars.next() == Some(&c))
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '–' | '—' | '−')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '´' | '`')
}

fn is_quote(c: char) -> bool {
    is_apostrophe(c) || matches!(c, '"' | '“' | '”' | '«' | '»' | '*' | '_')
}

/// Small letters without accents, plain digits, and nothing invisible. A number that is struck through keeps its stroke.
fn plain(text: &str) -> Vec<char> {
    let mut plain = Vec::new();
    for c in text.nfd() {
        match c {
            // A full-width form, a digit in a circle, a keycap of ten: each is the number that it shows.
            '０'..='９' => plain.extend(char::from_digit(c as u32 - '０' as u32, 10)),
            '①'..='⑨' => plain.extend(char::from_digit(c as u32 - '①' as u32 + 1, 10)),
            '❶'..='❾' => plain.extend(char::from_digit(c as u32 - '❶' as u32 + 1, 10)),
            '⓪' => plain.push('0'),
            '🔟' => plain.extend(['1', '0']),
            '\u{334}'..='\u{338}' => plain.push('\u{336}'),
            '\u{1f3fb}'..='\u{1f3ff}' | '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}' => {}
            // Accents, the keycap around a digit, and what asks for a coloured picture.
            _ if is_combining_mark(c) => {}
            '\r' => plain.push('\n'),
            _ => plain.extend(c.to_lowercase()),
        }
    }
    plain
}
