//! `${NAME}`, `${file:/path}` and `$${` in the file's texts.

use std::ops::Range;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it stands.
    Text(&'a str),
    /// `${NAME}`
    Variable(&'a str),
    /// `${file:PATH}`
    File(&'a str),
    /// `${` with something behind it that is neither.
    Wrong(&'static str),
}

/// The pieces of a text, in order, each with its place.
pub(super) fn pieces(text: &str) -> Vec<(Range<usize>, Piece<'_>)> {
    let mut pieces = Vec::new();
    let (mut plain, mut i) = (0, 0);
    while let Some(found) = text[i..].find('$') {
        let at = i + found;
        let rest = &text[at..];
        if rest.starts_with("$${") {
            // Its first `$` is left out, the rest stands for itself.
            pieces.push((plain..at, Piece::Text(&text[plain..at])));
            pieces.push((at..at + 3, Piece::Text(&text[at + 1..at + 3])));
            i = at + 3;
            plain = i;
        } else if let Some(inner) = rest.strip_prefix("${") {
            pieces.push((plain..at, Piece::Text(&text[plain..at])));
            let (length, piece) = match inner.find('}') {
                Some(end) => (end + 3, reference(&inner[..end])),
                None => (rest.len(), Piece::Wrong("`${` is never closed with `}`")),
            };
            pieces.push((at..at + length, piece));
            i = at + length;
            plain = i;
        } else {
            i = at + 1;
        }
    }
    pieces.push((plain..text.len(), Piece::Text(&text[plain..])));
    pieces
}

fn reference(inner: &str) -> Piece<'_> {
    match inner.strip_prefix("file:") {
        Some("") => Piece::Wrong("`${file:}` names no file"),
        Some(path) => Piece::File(path),
        None if is_variable(inner) => Piece::Variable(inner),
        None => Piece::Wrong("what stands between `${` and `}` is no variable's name"),
    }
}

fn is_variable(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// Whether anything in the text is replaced by what stands elsewhere.
pub(super) fn refers(text: &str) -> bool {
    pieces(text).iter().any(|(_, piece)| !matches!(piece, Piece::Text(_)))
}

/// Where the text refers to a variable or a file.
pub(super) fn placeholders(text: &str) -> Vec<Range<usize>> {
    pieces(text)
        .into_iter()
        .filter(|(_, piece)| matches!(piece, Piece::Variable(_) | Piece::File(_)))
        .map(|(span, _)| span)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<Piece<'_>> {
        pieces(text).into_iter().map(|(_, piece)| piece).filter(|piece| *piece != Piece::Text("")).collect()
    }

    #[test]
    fn finds_every_form() {
        use Piece::{File, Text, Variable, Wrong};
        for (text, expected) in [
            ("", vec![]),
            ("plain $5 $ $$ } {", vec![Text("plain $5 $ $$ } {")]),
            ("${A}", vec![Variable("A")]),
            ("x${A_1}y${_b}", vec![Text("x"), Variable("A_1"), Text("y"), Variable("_b")]),
            ("${file:/run/secrets/x y}", vec![File("/run/secrets/x y")]),
            ("$${A}", vec![Text("${"), Text("A}")]),
            ("$$${A}", vec![Text("$"), Text("${"), Text("A}")]),
            ("$${${A}", vec![Text("${"), Variable("A")]),
            ("é${A}é", vec![Text("é"), Variable("A"), Text("é")]),
            ("a${", vec![Text("a"), Wrong("`${` is never closed with `}`")]),
            ("${}", vec![Wrong("what stands between `${` and `}` is no variable's name")]),
            ("${1A}", vec![Wrong("what stands between `${` and `}` is no variable's name")]),
            ("${A:-b}", vec![Wrong("what stands between `${` and `}` is no variable's name")]),
            ("${file:}", vec![Wrong("`${file:}` names no file")]),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn tells_what_is_only_text() {
        assert!(!refers("$${A} costs $5") && refers("${A}") && refers("${"));
    }

    proptest::proptest! {
        #[test]
        fn spans_cover_the_text_without_a_gap(text in "[$a{}é:]*") {
            let mut end = 0;
            for (span, _) in pieces(&text) {
                proptest::prop_assert_eq!(span.start, end);
                end = span.end;
            }
            proptest::prop_assert_eq!(end, text.len());
        }
    }
}
