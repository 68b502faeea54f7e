//! Which status a good answer with a lead has: the API's page prints 500.

use super::{About, Finding, Fits};

/// What follows. `good`: the statuses of answers that held a lead; `bad`: why others did not.
pub fn verdict(good: &[u16], bad: &[String]) -> Finding {
    let mut seen = good.to_vec();
    seen.sort_unstable();
    seen.dedup();
    let found: Vec<String> = seen.iter().map(u16::to_string).collect();
    let count = good.len();
    let finding = match seen.as_slice() {
        [] => {
            let why = if bad.is_empty() { "there was no lead to ask for".to_owned() } else { bad.join("; ") };
            let fits = if bad.is_empty() { Fits::Yes } else { Fits::Look };
            return Finding::unknown(About::Status, "the status of a good answer with a lead is not known", why, fits);
        }
        [500] => Finding::sure(
            About::Status,
            "500",
            "a lead comes with status 500, as the API's page has it; leadhook takes such answers as good",
            format!("{count} of {count} answers that held a lead"),
        ),
        [one] => Finding::sure(
            About::Status,
            one.to_string(),
            format!("a lead comes with status {one}, whatever the API's page says"),
            format!("{count} of {count} answers that held a lead"),
        ),
        _ => Finding::sure(
            About::Status,
            found.join(", "),
            format!("a lead comes with status {}; leadhook takes all of them as good", found.join(" or ")),
            format!("{count} answers that held a lead"),
        ),
    };
    if bad.is_empty() { finding } else { Finding { why: format!("{}; {}", finding.why, bad.join("; ")), ..finding } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_said() {
        for (good, bad, found, fits) in [
            (vec![200, 200], vec![], Some("200"), Fits::Yes),
            (vec![500], vec![], Some("500"), Fits::Yes),
            (vec![500, 200, 500], vec![], Some("200, 500"), Fits::Yes),
            (vec![], vec![], None, Fits::Yes),
            (vec![], vec!["status 404".to_owned()], None, Fits::Look),
        ] {
            let finding = verdict(&good, &bad);
            assert_eq!((finding.found.as_deref(), finding.fits), (found, fits), "{good:?}");
        }
    }
}
