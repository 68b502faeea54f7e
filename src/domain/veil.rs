//! What a request would give away, hidden where a person looks at it.

mod written;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use http::HeaderName;
use url::Url;
use url::form_urlencoded::byte_serialize;

use self::written::{in_base64, in_hex, written};
use super::auth::Auth;
use super::cover::{Covers, HIDDEN};
use super::form::Form;
use super::reading::{Reading, cut_begin, fold, plain};
use super::secret::{Secret, SecretUrl, is_telling};

/// Shorter values are no secrets, and would be found in every other word.
const SHORTEST: usize = 6;

/// From so many bytes on a secret is known again whatever has become of its capitals, and in base64 and
/// hexadecimal.
const TELLING: usize = 8;

/// Hosts whose whole path is the secret: whoever has the URL may post.
const SECRET_PATHS: [&str; 9] = [
    "hooks.slack.com",
    "discord.com",
    "discordapp.com",
    "hooks.zapier.com",
    ".make.com",
    ".logic.azure.com",
    ".powerplatform.com",
    ".webhook.office.com",
    ".m.pipedream.net",
];

/// Knows what was put in for `${NAME}` and `${file:...}`, and shows the reference in its place; and knows what is secret
/// without having been put in, and shows `***`.
#[derive(Clone, Default)]
pub struct Veil {
    /// Values in each form in which they may be written, the longest first: it may hold a shorter one.
    known: Vec<(Secret, String)>,
    /// Secrets that are no longer than words are: hidden in answers, where they are a word of their own.
    short: Vec<(Secret, String)>,
    /// What answers are searched for besides, in each of their readings.
    echoed: Vec<Echoed>,
}

/// A value as it reads where somebody has repeated it.
#[derive(Clone)]
struct Echoed {
    /// Folded.
    text: Secret,
    /// Whether that made all of its letters small.
    any_case: bool,
    /// Whether it must be a word of its own.
    is_short: bool,
    reference: String,
}

impl Veil {
    /// From values and the references that stand for them.
    pub fn new(values: impl IntoIterator<Item = (Secret, String)>) -> Veil {
        let mut veil = Veil::default();
        let values = values.into_iter().filter(|(value, _)| value.expose().len() >= SHORTEST);
        veil.learn(values.collect());
        veil
    }

    /// Knows as well how these destinations know us: what is in `auth`, and headers whose names tell. What a reference
    /// stands for is shown as the reference all the same.
    pub fn knowing<'a>(self, forms: impl IntoIterator<Item = &'a Form>) -> Veil {
        let mut secrets: Vec<Secret> = Vec::new();
        for form in forms {
            secrets.extend(form.auth.iter().flat_map(Auth::secrets));
            secrets.extend(form.literal_url().iter().flat_map(secrets_of));
            for (name, value) in form.literal_headers() {
                if is_telling(name.as_str()) && self.text(value.expose()) == value.expose() {
                    // `Token VALUE`: what is echoed may be the value alone.
                    let last = value.expose().rsplit(' ').next().unwrap_or_default();
                    secrets.extend(
                        [last.to_owned(), value.expose().to_owned()]
                            .map(Secret::new)
                            .into_iter()
                            .filter(|secret| secret.expose().len() >= SHORTEST),
                    );
                }
            }
        }
        self.hiding(secrets)
    }

    /// Hides these as well. What a reference stands for is shown as the reference all the same.
    pub fn hiding(mut self, secrets: impl IntoIterator<Item = Secret>) -> Veil {
        let secrets = secrets.into_iter().filter(|secret| !secret.expose().is_empty());
        self.learn(secrets.map(|secret| (secret, HIDDEN.to_owned())).collect());
        self
    }

    fn learn(&mut self, values: Vec<(Secret, String)>) {
        for (value, reference) in values {
            let is_short = value.expose().len() < SHORTEST;
            let place = if is_short { &mut self.short } else { &mut self.known };
            let forms = written(value.expose()).into_iter().filter(|form| is_short || form.len() >= SHORTEST);
            let forms: Vec<String> = forms.collect();
            self.echoed.extend(echoed(value.expose(), &forms, &reference));
            place.extend(forms.into_iter().map(|form| (Secret::new(form), reference.clone())));
        }
        for known in [&mut self.known, &mut self.short] {
            // Where a reference stands for it, that says more than `***`.
            let rank = |(value, reference): &(Secret, String)| {
                (Reverse(value.expose().len()), value.expose().to_owned(), reference == HIDDEN, reference.clone())
            };
            known.sort_by_cached_key(rank);
            known.dedup_by(|a, b| a.0.expose() == b.0.expose());
        }
    }

    /// The text with every known value replaced, also where it stands encoded, for JSON, XML, a form or a URL.
    pub fn text(&self, text: &str) -> String {
        let mut covers = Covers::default();
        for (form, reference) in &self.known {
            text.match_indices(form.expose()).for_each(|(at, form)| covers.add(at..at + form.len(), reference));
        }
        covers.over(text)
    }

    /// What a destination has answered, which may be what it was sent, however it writes that: here a secret may be as short
    /// as it likes. `is_cut`: there was more, and what it ends with may be the beginning of a secret.
    pub fn answer(&self, text: &str, is_cut: bool) -> String {
        let mut covers = Covers::default();
        for (form, reference) in &self.known {
            look_for(form.expose(), text, false, is_cut, |at, end| covers.add(at..end, reference));
        }
        for (form, reference) in &self.short {
            look_for(form.expose(), text, true, is_cut, |at, end| covers.add(at..end, reference));
        }
        for reading in Reading::all(text) {
            let folded = [reading.folded(false), reading.folded(true)];
            for echoed in &self.echoed {
                let folded = &folded[usize::from(echoed.any_case)];
                look_for(echoed.text.expose(), &folded.text, echoed.is_short, is_cut, |at, end| {
                    let written = folded.written(at..end);
                    // With what was cut behind it.
                    let end = if end == folded.text.len() { text.len() } else { written.end };
                    covers.add(written.start..end, &echoed.reference);
                });
            }
        }
        covers.over(text)
    }

    /// A header's value: hidden where its name says that it is a secret and nothing shows where it comes from.
    pub fn header(&self, name: &HeaderName, value: &str) -> String {
        if is_telling(name.as_str()) { self.secret(value) } else { self.text(value) }
    }

    /// What is a secret because of where it stands: hidden where nothing shows where it comes from.
    pub fn secret(&self, value: &str) -> String {
        let shown = self.text(value);
        if shown == value { HIDDEN.to_owned() } else { shown }
    }

    /// A URL, whole but for what was put in, user info, the parameter that is its `auth`, parameters whose names say that
    /// they are secret, and the paths of hosts where the path is the secret.
    pub fn url(&self, url: &Url, auth: Option<&str>) -> String {
        let mut bare = url.clone();
        let had_user = !bare.username().is_empty() || bare.password().is_some();
        // Cannot fail for a URL with a host.
        let _ = (bare.set_username(""), bare.set_password(None));
        // Before it is taken apart: what was put in may be the whole of it.
        let mut whole = self.text(bare.as_str());
        if whole == bare.as_str() && hide_code(&mut bare) {
            whole = bare.to_string();
        }
        if secret_path(&bare) && whole == bare.as_str() {
            return SecretUrl::new(bare).to_string();
        }
        let query = whole.find('?').or_else(|| whole.find('&'));
        let (before, query) = query.map_or((whole.as_str(), ""), |at| whole.split_at(at));
        let mut shown = before.to_owned();
        if had_user {
            shown = shown.replacen("://", &format!("://{HIDDEN}@"), 1);
        }
        let auth = auth.map(|name| byte_serialize(name.as_bytes()).collect::<String>());
        for (pair, mark) in query.split(['?', '&']).filter(|pair| !pair.is_empty()).zip(marks(query)) {
            let hides = |name: &str, value: &str| {
                let is_secret = is_telling(name) || auth.as_deref() == Some(name);
                is_secret && !self.known.iter().any(|(_, reference)| value.contains(reference.as_str()))
            };
            shown.push(mark);
            match pair.split_once('=') {
                Some((name, value)) if hides(name, value) => shown.push_str(&format!("{name}={HIDDEN}")),
                _ => shown.push_str(pair),
            }
        }
        shown
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut references: Vec<&String> = self.known.iter().map(|(_, reference)| reference).collect();
        references.dedup();
        f.debug_list().entries(references).finish()
    }
}

/// A query's first mark, and then the one between its pairs.
fn marks(query: &str) -> impl Iterator<Item = char> {
    query.chars().next().into_iter().chain(std::iter::repeat('&'))
}

/// Where this stands in a text, be it as a word of its own, and where the text ends within it, if the text was cut.
fn look_for(own: &str, text: &str, alone: bool, is_cut: bool, mut found: impl FnMut(usize, usize)) {
    let in_word = |c: Option<char>| alone && c.is_some_and(char::is_alphanumeric);
    let begins = |at: usize| !in_word(text[..at].chars().next_back());
    for (at, _) in text.match_indices(own) {
        let end = at + own.len();
        if begins(at) && !in_word(text[end..].chars().next()) {
            found(at, end);
        }
    }
    if is_cut && let Some(at) = cut_begin(text, own, alone) {
        found(at, text.len());
    }
}

/// A value as it reads: as it is, as it is in each of its forms, and packed.
fn echoed(value: &str, forms: &[String], reference: &str) -> Vec<Echoed> {
    let (is_short, is_telling) = (value.len() < SHORTEST, value.len() >= TELLING);
    let read: BTreeSet<String> = forms.iter().map(|form| plain(form)).chain([value.to_owned()]).collect();
    let read = read.into_iter().filter(|text| !text.is_empty() && (is_short || text.len() >= SHORTEST));
    let packed = if is_telling { in_base64(value) } else { Vec::new() };
    let digits = is_telling.then(|| (in_hex(value), true));
    let of_read = read.map(|text| (text, is_telling));
    let all: BTreeSet<(String, bool)> = of_read
        .chain(packed.into_iter().map(|text| (text, false)))
        .chain(digits)
        .map(|(text, any_case)| (fold(&text, any_case), any_case))
        .collect();
    let echoed =
        |(text, any_case)| Echoed { text: Secret::new(text), any_case, is_short, reference: reference.to_owned() };
    all.into_iter().map(echoed).collect()
}

/// What is secret in a URL that stands in the file as it is.
fn secrets_of(url: &Url) -> Vec<Secret> {
    let pairs = url.query_pairs().filter(|(name, _)| is_telling(name)).map(|(_, value)| value.into_owned());
    let password = url.password().map(str::to_owned);
    let path = (secret_path(url) && url.path().len() > 1).then(|| url.path().to_owned());
    let parts: Vec<&str> = url.path().split('/').collect();
    let code = code_at(&parts).map(|at| parts[at].to_owned());
    let all = pairs.chain(password).chain(path).chain(code);
    all.filter(|secret| secret.len() >= SHORTEST).map(Secret::new).collect()
}

/// Where the code of a Bitrix24 webhook stands among the parts of a path.
fn code_at(parts: &[&str]) -> Option<usize> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.windows(3).position(|it| it[0] == "rest" && is_number(it[1]) && !it[2].is_empty()).map(|at| at + 2)
}

/// Bitrix24's webhooks have their code in the path, behind their user's number, on whatever host a company has its own:
/// `/rest/1/CODE/crm.item.add`.
fn hide_code(url: &mut Url) -> bool {
    let mut parts: Vec<&str> = url.path().split('/').collect();
    let Some(at) = code_at(&parts) else { return false };
    parts[at] = HIDDEN;
    let path = parts.join("/");
    url.set_path(&path);
    true
}

fn secret_path(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        SECRET_PATHS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known })
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

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
            ("https://a.bitrix24.com.br/rest/1/k3h7/crm.item.add", "https://a.bitrix24.com.br/rest/1/***/crm.item.add"),
            (
                "https://b24.example.com/crm/rest/12/k3h7/x.json?a=1",
                "https://b24.example.com/crm/rest/12/***/x.json?a=1",
            ),
            ("https://a.bitrix24.com.br/rest/1/k3h7", "https://a.bitrix24.com.br/rest/1/***"),
            ("https://crm.example.com/rest/leads/12", "https://crm.example.com/rest/leads/12"),
            ("https://chat.example.com/hook/abcdef", "${HOOK}"),
        ] {
            assert_eq!(veil().url(&Url::parse(url).expect("a URL"), None), shown);
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
    fn values_are_found_in_every_form_in_which_they_are_written() {
        let hidden = |value: &str, text: &str| {
            let shown = Veil::new([(Secret::new(value), "${K}".to_owned())]).text(text);
            assert!(shown.contains("${K}"), "{value} in {shown}");
        };
        for (value, text) in [
            ("abc-def_ghi/jkl==", "access=abc-def_ghi%2Fjkl%3D%3D"),
            ("abc-def_ghi/jkl==", "access=abc-def_ghi%2fjkl%3d%3d"),
            ("a-b_c d'e", "x=a-b_c%20d'e"),
            ("a-b_c d'e", "x=a-b_c+d%27e"),
            ("a-b <c>&\"'", "<a>a-b &lt;c&gt;&amp;&quot;&apos;</a>"),
            ("a-b <c>&\"'", "<a>a-b &lt;c&gt;&amp;\"'</a>"),
            ("pass/wörd", r#"{"a":"pass\/w\u00f6rd"}"#),
            ("https://u:pw@Hooks.Example.com:443/é/s?k=a b", "https://hooks.example.com/%C3%A9/s?k=a%20b"),
            ("https://u:pw@Hooks.Example.com:443/é/s", "https://u:pw@hooks.example.com/%C3%A9/s"),
        ] {
            hidden(value, text);
        }
        for (written, value) in [("/hook/", "a-b_c d\"e"), ("/?id=", "a-b_c d\"e'"), ("/?id=", "ä/b?c&d")] {
            let url = Url::parse(&format!("https://crm.example.com{written}{value}")).expect("a URL");
            hidden(value, url.as_str());
        }
        let whole = "https://User:Pw@CRM.example.com:443/hook/ä?key=x y";
        let veil = Veil::new([(Secret::new(whole), "${URL}".to_owned())]);
        let url = |more: &str| Url::parse(&format!("{whole}{more}")).expect("a URL");
        assert_eq!(veil.url(&url(""), None), "${URL}");
        assert_eq!(veil.url(&url("&token=1&page=2"), None), "${URL}&token=***&page=2");
    }

    #[test]
    fn what_an_answer_repeats_is_hidden_however_it_is_written() {
        let hidden = |value: &str, text: &str| {
            let shown = Veil::default().hiding([Secret::new(value)]).answer(&format!("a {text} b"), false);
            assert!(shown.starts_with("a ") && shown.ends_with(" b") && shown.contains(HIDDEN), "{text}: {shown}");
            let left: String = shown.chars().filter(|c| *c != '*').collect();
            assert!(left.len() < 7 + text.len() - value.len(), "{text}: {shown}");
        };
        let secret = "a+b<c>&'d/e\"f";
        for text in [
            r#"{"k":"a\u002bb\u003cc\u003e\u0026\u0027d\/e\u0022f"}"#,
            r#"{"k":"a\u002Bb\u003Cc\u003E\u0026\u0027d/e\"f"}"#,
            r#"{"k":"{\"k\":\"a+b\\u003cc>&'d\\/e\\\"f\"}"}"#,
            "a&#43;b&lt;c&gt;&amp;&#39;d/e&quot;f",
            "a+b&#60;c&#x3E;&#38;&apos;d&#x2f;e&#34;f",
            "%7B%22k%22%3A%22a%2Bb%3Cc%3E%26%27d%2Fe%5C%22f%22%7D",
            "a%2bb%3cc%3e&'d%2fe%22f",
            "A+B<C>&'D/E\"F",
            "a b<c>&'d/e\"f",
        ] {
            hidden(secret, text);
        }
        hidden("two words", "two+words");
        hidden("literal-token-5511", "LITERAL-Token-5511");
        for before in ["", "u", "u:", "Bearer ", "Authorization: "] {
            for packed in
                [STANDARD.encode(format!("{before}literal-token-5511 ü?>")), URL_SAFE.encode("literal-token-5511 ü?>")]
            {
                let shown = Veil::default().hiding([Secret::new("literal-token-5511 ü?>")]).answer(&packed, false);
                assert!(shown.contains(HIDDEN) && shown.len() < 30, "{packed}: {shown}");
            }
        }
        for (text, shown) in [
            ("6c69746572616c2d746f6b656e2d35353131", "***"),
            ("k=6C69746572616C2D746F6B656E2D35353131;", "k=***;"),
            (r#"{"k":"0x426561726572206c69746572616c2d746f6b656e2d35353131"}"#, r#"{"k":"0x42656172657220***"}"#),
            ("6c69746572616c2d746f6b656e2d35353132", "6c69746572616c2d746f6b656e2d35353132"),
        ] {
            let veil = Veil::default().hiding(["literal-token-5511", "1234567"].map(Secret::new));
            assert_eq!(veil.answer(text, false), shown);
            // As in base64, what is as short as a word is not looked for.
            assert_eq!(veil.answer("31323334353637", false), "31323334353637");
        }
        // What is short is somebody's word in another case, and a part of others'.
        let shown =
            Veil::default().hiding([Secret::new("Lead1"), Secret::new("true")]).answer("lead1 Lead12 untrue", true);
        assert_eq!(shown, "lead1 Lead12 untrue");
        assert_eq!(veil().answer(r#"{"ok":true}"#, true), r#"{"ok":true}"#);
    }

    #[test]
    fn where_an_answer_was_cut_the_beginning_of_a_secret_is_hidden_too() {
        let veil = || Veil::default().hiding(["bsecZZ33SECRET", "pass/w<ö>rd", "q7zy"].map(Secret::new));
        for (text, shown) in [
            ("no bsecZZ33SECRE", "no ***"),
            ("no bsecZZ33SECRET", "no ***"),
            ("nobsecZ", "no***"),
            ("NO BSEC", "NO ***"),
            ("no bs", "no bs"),
            (r#"{"k":"pass\/w\u003c\u00f"#, r#"{"k":"***"#),
            ("k=pass%2Fw%3c%C3", "k=***"),
            ("<k>pass/w&lt;&#24", "<k>***"),
            ("pass/w<\u{FFFD}", "***"),
            ("k=q7z", "k=***"),
            ("keq7z", "keq7z"),
        ] {
            assert_eq!(veil().answer(text, true), shown);
            let whole = if text.ends_with('T') { shown } else { text };
            assert_eq!(veil().answer(text, false), whole);
        }
        let packed = STANDARD.encode("Bearer bsecZZ33SECRET");
        assert_eq!(veil().answer(&packed[..22], true), "QmVhcmVyIG***");
    }

    #[test]
    fn what_is_secret_because_of_where_it_stands_is_hidden_whatever_it_is_called() {
        let url = Url::parse("https://crm.example.com/?page=2&a+b=7").expect("a URL");
        assert_eq!(veil().url(&url, Some("a b")), "https://crm.example.com/?page=2&a+b=***");
        assert_eq!(veil().secret("7"), "***");
        assert_eq!(veil().secret("Token s3cret/key\""), "Token ${KEY}");
    }

    #[test]
    fn it_prints_names_alone() {
        assert!(!format!("{:?}", veil()).contains("s3cret"));
    }
}
