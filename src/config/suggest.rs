//! "Did you mean": the known name that is nearest to a misspelt one.

/// The nearest of the known names, if any is near enough that a slip of the finger explains it.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' ', '.'], "_");
    let written = plain(written);
    let allowed = (written.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to write instead of an unknown name: the nearest one, or else the choice.
pub(super) fn instead(written: &str, known: &[&str]) -> Option<String> {
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (!all.is_empty()).then(|| format!("there is {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_near_and_far_is_nothing() {
        let known = ["platform_id", "poll_every", "overlap", "rate"];
        for (written, found) in [
            ("platfrom_id", Some("platform_id")),
            ("PollEvery", Some("poll_every")),
            ("poll-every", Some("poll_every")),
            ("rates", Some("rate")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), found, "{written}");
        }
    }
}
