//! The addresses of WeClever's three answers.

use url::Url;

use crate::domain::lead::LeadId;

/// Builds addresses under one base.
///
/// Paths are written out here, already encoded: the setters of `Url` would turn `%2B` into `%252B` or drop a segment.
pub(super) struct Addresses {
    base: Url,
    prefix: String,
    encode_plus: bool,
}

impl Addresses {
    pub(super) fn new(mut base: Url, encode_plus: bool) -> Addresses {
        // User info would be sent as Basic authentication with every request.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        let prefix = base.path().trim_end_matches('/').to_owned();
        Addresses { base, prefix, encode_plus }
    }

    /// Scheme, host and port, for people.
    pub(super) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// # Errors
    /// Where no path can hold this platform: `.` and `..` mean something else there, however they are encoded.
    pub(super) fn token(&self, platform: &str, time: Option<&str>) -> Result<Url, String> {
        if matches!(platform, "" | "." | "..") {
            return Err(format!("`platform_id` in [source] cannot be \"{platform}\""));
        }
        let mut url = self.under(&format!("solution/token/basic/{}", encode(platform, b"")));
        if let Some(time) = time {
            url.set_query(Some(&format!("time={}", encode(time, b""))));
        }
        Ok(url)
    }

    pub(super) fn list(&self, first: &str, last: &str) -> Url {
        self.list_as(first, last, self.encode_plus)
    }

    /// The same, with the `+` in the dates as it is, or as `%2B`.
    pub(super) fn list_as(&self, first: &str, last: &str, encode_plus: bool) -> Url {
        let kept: &[u8] = if encode_plus { b":" } else { b":+" };
        self.under(&format!("lead/find/finalized/{}/{}", encode(first, kept), encode(last, kept)))
    }

    pub(super) fn lead(&self, id: LeadId) -> Url {
        self.under(&format!("lead/find/weclever_id/{id}"))
    }

    fn under(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.prefix));
        url
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters and those in `kept`.
fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(base: &str, encode_plus: bool) -> Addresses {
        Addresses::new(Url::parse(base).expect("a URL"), encode_plus)
    }

    #[test]
    fn a_plus_stays_a_plus_unless_told() {
        let list = |encode_plus| {
            under("https://api.weclever.co", encode_plus).list("2026-11-24+00:00:00", "2026-11-25+23:59:59").to_string()
        };
        let plain = "https://api.weclever.co/lead/find/finalized/2026-11-24+00:00:00/2026-11-25+23:59:59";
        assert_eq!(list(false), plain);
        assert_eq!(list(true), plain.replace('+', "%2B"));
    }

    #[test]
    fn a_prefix_stays_and_the_rest_of_the_base_goes() {
        for base in ["http://u:p@h:8080/a%20b/v1", "http://h:8080/a%20b/v1//?x=1#y"] {
            let addresses = under(base, false);
            assert_eq!(
                addresses.lead(LeadId(u64::MAX)).as_str(),
                "http://h:8080/a%20b/v1/lead/find/weclever_id/18446744073709551615"
            );
            assert_eq!(addresses.origin(), "http://h:8080");
        }
    }

    #[test]
    fn the_platform_is_one_segment_and_time_is_passed_on() {
        let addresses = under("https://h", false);
        let token = |platform: &str, time| addresses.token(platform, time).map(String::from);
        assert_eq!(token("my-platform", None).as_deref(), Ok("https://h/solution/token/basic/my-platform"));
        assert_eq!(
            token("a/b?c#d%2F é\\..", Some("1 h+&é")).as_deref(),
            Ok("https://h/solution/token/basic/a%2Fb%3Fc%23d%252F%20%C3%A9%5C..?time=1%20h%2B%26%C3%A9")
        );
        assert!(token(".", None).is_err() && token("..", None).is_err() && token("", None).is_err());
        assert_eq!(token("...", None).as_deref(), Ok("https://h/solution/token/basic/..."));
    }
}
