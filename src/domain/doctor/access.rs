//! Which header carries the token.

use http::{HeaderName, header};

use super::{About, Finding, Fits};

/// A header and what stands before the token in it; empty: the bare token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The header.
    pub header: HeaderName,
    /// The word before the token.
    pub scheme: String,
}

/// What came of asking for a list in some way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A list.
    Listed,
    /// Anything else, in a few words: `status 401`.
    Refused(String),
}

/// What was tried.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Without any token, which is tried only where some way worked.
    pub without: Option<Reply>,
    /// Each way and what came of it. The file's is the first; nothing was tried after the first that worked.
    pub ways: Vec<(Way, Reply)>,
}

impl Way {
    fn of(header: HeaderName, scheme: &str) -> Way {
        Way { header, scheme: scheme.to_owned() }
    }

    /// `Authorization: Bearer`, `x-access-token`.
    pub fn text(&self) -> String {
        match (self.header.as_str(), self.scheme.as_str()) {
            // As the file and everyone else writes it.
            ("authorization", "") => "Authorization".to_owned(),
            ("authorization", scheme) => format!("Authorization: {scheme}"),
            (header, "") => header.to_owned(),
            (header, scheme) => format!("{header}: {scheme}"),
        }
    }
}

/// The ways to try: the file's, then those that APIs use most.
pub fn ways(file: &Way) -> Vec<Way> {
    let named = |name: &'static str| Way::of(HeaderName::from_static(name), "");
    let usual = [
        Way::of(header::AUTHORIZATION, "Bearer"),
        Way::of(header::AUTHORIZATION, ""),
        named("token"),
        named("x-access-token"),
        named("x-auth-token"),
        named("x-api-key"),
        named("access-token"),
        Way::of(header::AUTHORIZATION, "Token"),
        Way::of(header::AUTHORIZATION, "JWT"),
    ];
    let mut ways = vec![file.clone()];
    ways.extend(usual.into_iter().filter(|way| way != file));
    ways
}

/// What follows.
pub fn verdict(tried: &Tried) -> Finding {
    let Some((file, _)) = tried.ways.first() else {
        return Finding::unknown(About::Access, "nothing was asked", "there was no token to ask with", Fits::Look);
    };
    let Some((found, _)) = tried.ways.iter().find(|(_, reply)| *reply == Reply::Listed) else {
        let replies: Vec<String> =
            tried.ways.iter().map(|(way, reply)| format!("{}: {}", way.text(), words(reply))).collect();
        return Finding::unknown(
            About::Access,
            "no list was given, however the token was sent; ask WeClever which header it belongs in",
            replies.join("; "),
            Fits::Look,
        );
    };
    if tried.without == Some(Reply::Listed) {
        return Finding::unknown(
            About::Access,
            "lists are given without any token, so that nobody can tell which header it belongs in",
            "the same list came with the token and without it",
            Fits::Yes,
        );
    }
    let without = match &tried.without {
        Some(Reply::Refused(how)) => format!("without the token: {how}"),
        _ => "without the token nothing was asked".to_owned(),
    };
    let said = format!("the token belongs in `{}`", found.text());
    if found == file {
        return Finding::sure(About::Access, found.text(), said, format!("a list came; {without}"));
    }
    let refused: Vec<String> = tried
        .ways
        .iter()
        .take_while(|(way, _)| way != found)
        .map(|(way, reply)| format!("{}: {}", way.text(), words(reply)))
        .collect();
    let mut lines = Vec::new();
    if found.header != file.header {
        let header = if found.header == header::AUTHORIZATION { "Authorization" } else { found.header.as_str() };
        lines.push(format!("auth_header = {header:?}"));
    }
    if found.scheme != file.scheme {
        lines.push(format!("auth_scheme = {:?}", found.scheme));
    }
    let why = format!("a list came; {without}; {}", refused.join("; "));
    Finding::sure(About::Access, found.text(), said, why).differs(lines)
}

fn words(reply: &Reply) -> &str {
    match reply {
        Reply::Listed => "a list",
        Reply::Refused(how) => how,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Certainty;
    use super::*;

    fn bearer() -> Way {
        Way::of(header::AUTHORIZATION, "Bearer")
    }

    fn refused() -> Reply {
        Reply::Refused("status 401".into())
    }

    /// Tries the ways in order until this one.
    fn tried(file: &Way, right: Option<&Way>, without: Reply) -> Tried {
        let mut tried = Tried::default();
        for way in ways(file) {
            let reply = if Some(&way) == right { Reply::Listed } else { refused() };
            let done = reply == Reply::Listed;
            tried.ways.push((way, reply));
            if done {
                tried.without = Some(without);
                break;
            }
        }
        tried
    }

    #[test]
    fn the_files_way_comes_first_and_no_way_twice() {
        let mine = Way::of(HeaderName::from_static("x-api-key"), "");
        let ways = ways(&mine);
        assert_eq!((ways.len(), &ways[0]), (9, &mine));
        assert_eq!(ways.iter().filter(|way| **way == mine).count(), 1);
    }

    #[test]
    fn every_way_is_found_from_every_file() {
        for file in ways(&bearer()) {
            for right in ways(&bearer()) {
                let finding = verdict(&tried(&file, Some(&right), refused()));
                assert_eq!((finding.found, finding.certainty), (Some(right.text()), Certainty::Sure));
                assert_eq!(finding.fits == Fits::Yes, file == right);
                let header = finding.lines.iter().any(|line| line.starts_with("auth_header"));
                let scheme = finding.lines.iter().any(|line| line.starts_with("auth_scheme"));
                assert_eq!((header, scheme), (file.header != right.header, file.scheme != right.scheme));
            }
        }
    }

    #[test]
    fn what_nobody_checks_or_nobody_takes_is_unknown() {
        let open = verdict(&tried(&bearer(), Some(&bearer()), Reply::Listed));
        assert_eq!((open.found, open.certainty, open.fits), (None, Certainty::Unknown, Fits::Yes));
        let none = verdict(&tried(&bearer(), None, refused()));
        assert_eq!((none.found, none.certainty, none.fits), (None, Certainty::Unknown, Fits::Look));
        assert!(none.why.contains("x-api-key: status 401"), "{}", none.why);
        assert_eq!(verdict(&Tried::default()).fits, Fits::Look);
    }
}
