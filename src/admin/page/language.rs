//! Which language a browser asks for.

/// A language that the page speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::admin) enum Language {
    /// Where nothing else is asked for.
    English,
    /// As it is written in Brazil.
    Portuguese,
}

impl Language {
    /// All of them, in the order of the columns of [`words`](super::words).
    pub(super) const ALL: [Language; 2] = [Language::English, Language::Portuguese];

    /// What is asked for most, of what there is. `header`: `Accept-Language`, such as `pt-BR,pt;q=0.9,en;q=0.8`.
    pub(super) fn asked_for(header: &str) -> Language {
        let mut best = (Language::English, 0.0);
        for wish in header.split(',') {
            let mut parts = wish.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f64>);
            let Some(weight) = weight.ok().filter(|weight| (0.0..=1.0).contains(weight)) else { continue };
            // The first of two that are wished for alike.
            if let Some(language) = Language::of_tag(&tag).filter(|_| weight > best.1) {
                best = (language, weight);
            }
        }
        best.0
    }

    fn of_tag(tag: &str) -> Option<Language> {
        match tag.split('-').next() {
            Some("pt") => Some(Language::Portuguese),
            Some("en" | "*") => Some(Language::English),
            _ => None,
        }
    }

    /// As `lang` has it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Portuguese => "pt-BR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, English, Portuguese};

    #[test]
    fn the_heaviest_wish_wins_and_what_is_not_there_is_passed_over() {
        for (header, expected) in [
            ("", English),
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", Portuguese),
            ("en-US,en;q=0.9,pt;q=0.8", English),
            ("de-DE,de;q=0.9", English),
            ("de, pt-PT;q=0.4, en;q=0.3", Portuguese),
            ("en;q=0.1 , PT-br ; q=0.2", Portuguese),
            ("pt;q=0", English),
            ("pt;q=0, *;q=0.1", English),
            ("pt;q=nonsense", English),
            ("pt;q=7", English),
            ("ptx", English),
            ("*", English),
            ("pt,en", Portuguese),
            (";;,,;q=1", English),
        ] {
            assert_eq!(Language::asked_for(header), expected, "{header}");
        }
    }
}
