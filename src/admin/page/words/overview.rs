//! The first page.

use super::Word;

pub(super) const WORDS: &[Word] = &[("overview.title", ["Overview", "Visão geral"])];
