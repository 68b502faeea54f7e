//! What a request would give away, hidden where a person looks at it.

use std::fmt;

use http::HeaderName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::secret::{Secret, SecretUrl};

/// Shorter values are no secrets, and would be found in every other word.
const SHORTEST: usize = 6;

/// In the place of what the file itself holds, without naming where it comes from.
const HIDDEN: &str = "***";

/// Parts of names that say: what follows is a secret.
const TELLING: [&str; 11] =
    ["auth", "token", "secret", "key", "password", "passwd", "cookie", "credential", "session", "sig", "code"];

/// Hosts whose whole path is the secret: whoever has the URL may post.
const SECRET_PATHS: [&str; 10] = [
    "hooks.slack.com",
    "discord.com",
    "discordapp.com",
    "hooks.zapier.com",
    ".make.com",
    ".logic.azure.com",
    ".powerplatform.com",
    ".webhook.office.com",
    ".m.pipedream.net",
    ".bitrix24.com.br",
];

/// Knows what was put in for `${NAME}` and `${file:...}`, and shows the reference in its place.
#[derive(Clone, Default)]
pub struct Veil(Vec<(Secret, String)>);

impl Veil {
    /// From values and the references that stand for them.
    pub fn new(values: impl IntoIterator<Item = (Secret, String)>) -> Veil {
        let mut values: Vec<(Secret, String)> =
            values.into_iter().filter(|(value, _)| value.expose().len() >= SHORTEST).collect();
        // A longer one may hold a shorter one.
        values.sort_by(|a, b| b.0.expose().len().cmp(&a.0.expose().len()).then_with(|| a.1.cmp(&b.1)));
        values.dedup_by(|a, b| a.0.expose() == b.0.expose());
        Veil(values)
    }

    /// The text with every known value replaced, also where it stands encoded for JSON or for a URL.
    pub fn text(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for (value, reference) in &self.0 {
            let value = value.expose();
            let quoted = serde_json::Value::from(value).to_string();
            let json = &quoted[1..quoted.len() - 1];
            let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            for form in [value, json, encoded.as_str()] {
                if form.len() >= SHORTEST && shown.contains(form) {
                    shown = shown.replace(form, reference);
                }
            }
        }
        shown
    }

    /// A header's value: hidden where its name says that it is a secret and nothing shows where it comes from.
    pub fn header(&self, name: &HeaderName, value: &str) -> String {
        let shown = self.text(value);
        if shown != value || !is_telling(name.as_str()) {
            return shown;
        }
        HIDDEN.to_owned()
    }

    /// A URL, whole but for what was put in, user info, parameters whose names say that they are secret, and the paths of
    /// hosts where the path is the secret.
    pub fn url(&self, url: &Url) -> String {
        let mut bare = url.clone();
        let had_user = !bare.username().is_empty() || bare.password().is_some();
        // Cannot fail for a URL with a host.
        let _ = (bare.set_username(""), bare.set_password(None));
        if secret_path(&bare) && self.text(bare.as_str()) == bare.as_str() {
            return SecretUrl::new(bare).to_string();
        }
        let whole = bare.as_str();
        let (before, query) = whole.split_once('?').unwrap_or((whole, ""));
        let mut shown = self.text(before);
        if had_user {
            shown = shown.replacen("://", &format!("://{HIDDEN}@"), 1);
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name, value)) => {
                let veiled = self.text(value);
                let hide = veiled == value && is_telling(name);
                format!("{name}={}", if hide { HIDDEN.to_owned() } else { veiled })
            }
            None => self.text(pair),
        });
        let pairs: Vec<String> = pairs.collect();
        if pairs.is_empty() { shown } else { format!("{shown}?{}", pairs.join("&")) }
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, reference)| reference)).finish()
    }
}

/// Whether a header's or a parameter's name says that its value is a secret.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Ours, and made anew for each attempt.
    !name.starts_with("webhook-") && TELLING.iter().any(|part| name.contains(part))
}

fn secret_path(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        SECRET_PATHS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        let secret = |value: &str, name: &str| (Secret::new(value), format!("${{{name}}}"));
        Veil::new([
            secret("s3cret/key\"", "KEY"),
            secret("s3cret/key\" and more", "LONGER"),
            secret("abc", "SHORT"),
            secret("https://chat.example.com/hook/abcdef", "HOOK"),
        ])
    }

    #[test]
    fn what_was_put_in_is_shown_as_where_it_comes_from() {
        for (text, shown) in [
            ("Bearer s3cret/key\"", "Bearer ${KEY}"),
            (r#"{"a":"s3cret/key\""}"#, r#"{"a":"${KEY}"}"#),
            ("k=s3cret%2Fkey%22", "k=${KEY}"),
            ("s3cret/key\" and more", "${LONGER}"),
            ("abc", "abc"),
        ] {
            assert_eq!(veil().text(text), shown);
        }
    }

    #[test]
    fn urls_show_what_is_no_secret() {
        for (url, shown) in [
            ("https://crm.example.com/leads/7?q=a%40b", "https://crm.example.com/leads/7?q=a%40b"),
            (
                "https://crm.example.com/leads?api_token=123&page=2",
                "https://crm.example.com/leads?api_token=***&page=2",
            ),
            ("https://u:p@crm.example.com/x", "https://***@crm.example.com/x"),
            ("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/***"),
            ("https://hook.eu1.make.com/abcdefgh", "https://hook.eu1.make.com/***"),
            ("https://chat.example.com/hook/abcdef", "${HOOK}"),
        ] {
            assert_eq!(veil().url(&Url::parse(url).expect("a URL")), shown);
        }
    }

    #[test]
    fn headers_whose_names_tell_are_hidden() {
        let shown = |name: &'static str, value| veil().header(&HeaderName::from_static(name), value);
        assert_eq!(shown("authorization", "Basic xyz"), "***");
        assert_eq!(shown("authorization", "Bearer s3cret/key\""), "Bearer ${KEY}");
        assert_eq!(shown("x-api-key", "12345"), "***");
        assert_eq!(shown("x-lead", "7"), "7");
        assert_eq!(shown("webhook-signature", "v1,abc"), "v1,abc");
    }

    #[test]
    fn it_prints_names_alone() {
        assert!(!format!("{:?}", veil()).contains("s3cret"));
    }
}
