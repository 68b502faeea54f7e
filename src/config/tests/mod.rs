//! The loader as its callers see it.

mod auth;
mod connection;
mod environment;
mod example;
mod fields;
mod mistakes;
mod outcomes;
mod planted;
mod queues;
mod schema;
mod secrets;
mod steps;

use std::path::Path;
use std::time::Duration;

use figment::Figment;

use super::document::Document;
use super::notice::Severity;
use super::reader::{Reading, Section};
use super::{Environment, Loaded, Mistakes, parse};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A file that is right, and short.
const GOOD: &str = r#"[source]
platform_id = "p"
token = "t"

[destinations.crm]
url = "https://crm.example.com/hooks"
secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

[[routes]]
name = "all"
on = ["lead.finalized"]
to = ["crm"]
"#;

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    let read = parse(Path::new("leadhook.toml"), text, &variables.iter().copied().collect::<Environment>());
    // What is missing may stand in a variable, which no schema sees.
    if read.is_ok() && !variables.iter().any(|(name, _)| name.starts_with("LEADHOOK_")) {
        schema::takes(text);
    }
    read
}

fn read(text: &str) -> Result<Loaded, Mistakes> {
    read_with(text, &[])
}

/// Each mistake as `line:column key: message (help)`.
fn said(read: Result<Loaded, Mistakes>) -> Vec<String> {
    match read {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(|notice| notice.to_string().replace("leadhook.toml:", "")).collect(),
    }
}

fn warned(text: &str) -> Vec<String> {
    let loaded = read(text).expect("a good file");
    loaded.warnings.iter().map(|notice| notice.to_string().replace("leadhook.toml:", "")).collect()
}

/// What is read of these lines, and all that is said of them, mistakes as `line:column key: message (help)` and warnings
/// with a mark in front.
fn lines<T>(text: &str, variables: &[(&str, &str)], read: impl FnOnce(Section<'_>) -> T) -> (T, Vec<String>) {
    let document = Document::parse(Path::new(""), text).unwrap_or_else(|error| panic!("{} in {text}", error.message));
    let figment = Figment::from(&document);
    let environment = variables.iter().copied().collect::<Environment>();
    let reading = Reading::new(&document, &figment, &environment, Path::new(""));
    let values = figment.find_value("").ok().and_then(figment::value::Value::into_dict).unwrap_or_default();
    let read = read(reading.root(values));
    let said = reading.notices().into_iter().map(|notice| {
        let mark = if notice.severity == Severity::Warning { "warning " } else { "" };
        format!("{mark}{}", notice.to_string().trim_start_matches(':'))
    });
    (read, said.collect())
}

#[test]
fn a_short_file_gets_the_defaults() {
    let loaded = read(GOOD).expect("a good file");
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    assert_eq!(config.source.base_url.as_str(), "https://api.weclever.co/");
    assert_eq!(config.source.auth_header, http::header::AUTHORIZATION);
    assert_eq!(config.source.rate, None);
    assert_eq!(config.store.retention, std::time::Duration::from_secs(30 * 86_400));
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.destinations[0].retry, super::retry::by_default());
    assert_eq!(config.routes[0].to, ["crm"]);
}

#[test]
fn the_summary_tells_what_holds_and_no_secret() {
    let lines: Vec<String> = read(GOOD)
        .expect("a good file")
        .config
        .summary()
        .into_iter()
        .map(|line| format!("{}: {}", line.label, line.text))
        .collect();
    assert_eq!(
        lines,
        [
            "source: https://api.weclever.co, platform p, with a token",
            "zone: America/Sao_Paulo",
            "start: from now on; what is there already, up to 7d back, is not sent",
            "polls: every 1m, 2h back",
            "csat: 1 to 5, low up to 2",
            "store: data, what is delivered is kept for 30d",
            "admin: 127.0.0.1:8787",
            "destination crm: https://crm.example.com/***, signed, 8 at a time, for up to 7d",
            "route all: lead.finalized to crm",
        ]
    );
}

#[test]
fn retention_is_a_duration_of_any_length() {
    let lines = read(&format!("{GOOD}[store]\nretention = '90s'")).expect("a good file").config.summary();
    assert!(lines.iter().any(|line| line.text == "data, what is delivered is kept for 1m30s"), "{lines:?}");
}

#[test]
fn ratings_are_read_as_the_file_says() {
    let csat =
        |lines: &str| read(&format!("{GOOD}[csat]\n{lines}")).unwrap_or_else(|said| panic!("{said}")).config.csat;
    assert_eq!(csat(""), crate::domain::csat::CsatRules::default());
    let rules = csat("scale = [0, 10]\nlow_max = 6.5\nlow_words = ['Não resolveu']\nhigh_words = ['💙']");
    let low = |text: &str| rules.read_text(text).score.map(|score| (score, rules.is_low(score)));
    assert_eq!(low("6.5"), Some((6.5, true)));
    assert_eq!(low("7"), Some((7.0, false)));
    assert_eq!(low("não resolveu"), Some((0.0, true)));
    assert_eq!(low("💙"), Some((10.0, false)));
    let rules = csat("direction = 'down'\nlow_max = 1");
    assert!(rules.read_text("5").low && !rules.read_text("4").low && !rules.read_text("1").low);
    let summary = read(&format!("{GOOD}[csat]\ndirection = 'down'")).expect("a good file").config.summary();
    assert!(summary.iter().any(|line| line.text == "1 to 5, 1 is the best, low from 4"), "{summary:?}");
}

#[test]
fn how_often_and_how_far_back_the_source_is_read() {
    let source = |keys: &str| {
        let text = GOOD.replacen("platform_id", &format!("{keys}\nplatform_id"), 1);
        read(&text).unwrap_or_else(|mistakes| panic!("{mistakes}")).config.source
    };
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let usual = source("");
    assert_eq!((usual.lookback, usual.lookback_every), (hours(48), hours(1) / 4));
    assert_eq!((usual.sweep, usual.sweep_every, usual.stale_after), (hours(7 * 24), hours(24), hours(1) / 4));
    assert_eq!(usual.watch.paths().collect::<Vec<_>>(), crate::domain::watched::DEFAULT);
    // What is not written keeps within what is.
    assert_eq!(source("sweep = '1d'").lookback, hours(24));
    assert_eq!(source("overlap = '3d'").lookback, hours(72));
    let set = source(
        "lookback = '1d'\nlookback_every = '5m'\nsweep_every = '12h'\nrecheck = ['1s', '1h']\nwatch = []\nheartbeat_url = 'https://hc-ping.com/secret'",
    );
    assert_eq!((set.lookback, set.lookback_every, set.sweep_every), (hours(24), hours(1) / 12, hours(12)));
    assert_eq!(set.recheck, crate::domain::recheck::Ages::of([hours(1), Duration::from_secs(1)]));
    assert_eq!((set.watch.paths().count(), source("recheck = []").recheck), (0, crate::domain::recheck::Ages::of([])));
    assert!(!format!("{set:?}").contains("secret") && format!("{set:?}").contains("hc-ping.com"));
}

#[test]
fn warnings_do_not_stand_in_the_way() {
    let nobody = "[source]\nplatform_id = 'p'\ntoken = 't'\n";
    assert!(warned(nobody)[0].starts_with("1:1: there is no route to a destination"), "{:?}", warned(nobody));
    for (old, new, told) in [
        ("secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"\n", "", "5:1: destinations.crm: has no secret"),
        (
            "url = \"https://",
            "headers = {a = 'b'}\nurl = \"http://",
            "7:7: destinations.crm.url: headers and passwords",
        ),
        (
            "platform_id",
            "base_url = 'http://api.example.com'\nplatform_id",
            "2:12: source.base_url: passwords and tokens",
        ),
        ("platform_id", "overlap = '30s'\nplatform_id", "2:11: source.overlap: `overlap` is shorter than `poll_every`"),
        ("token = \"t\"", "username = 'a:b'\npassword = 'x'", "3:12: source.username: has a colon"),
        (
            "[[routes]]",
            "[csat]\nscale = [0, 10]\n[[routes]]",
            "10:9: csat.scale: `low_max` is not set: of the scores from 0 to 10, those up to 2 are low",
        ),
        (
            "[[routes]]",
            "[destinations.other]\nurl='http://localhost/'\nsecrets=['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD']\n[[routes]]",
            "9:1: destinations.other: no route sends anything here",
        ),
        (
            "[[routes]]",
            "[[routes]]\nname='first'\non=['lead.finalized']\nto=['crm']\n[[routes]]",
            "16:6: routes[1].to: `crm` gets lead.finalized from the route `first` already",
        ),
    ] {
        let warned = warned(&GOOD.replacen(old, new, 1));
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].starts_with(told), "{warned:?} should be {told}");
    }
}

#[test]
fn what_the_requests_will_lack_is_told_beforehand() {
    for (more, told) in [
        (
            "fields = ['lead.name']\nbody = { a = '{{ lead.name }} {{ lead.email }}', b = '{{ id }}' }",
            "by the route `all`, its templates ask for lead.email, which `fields` does not let out",
        ),
        ("body = { a = '{{ lead.nickname }}' }", "WeClever's page knows no `lead.nickname`"),
        (
            "body = { a = '{{ lead.name < 5 }}' }",
            "with a made-up lead.finalized by the route `all`: the body cannot be filled in",
        ),
        ("max_body = '100B'", "with a made-up lead.finalized by the route `all`: the body is"),
        ("body = 'a;{{ lead.name }}'\ncontent_type = 'text/csv'", "a lead's texts stand in text/csv as they are"),
        ("content_type = 'text/xml'", "there is no text body that it could speak of"),
    ] {
        let told_of = warned(&GOOD.replacen("[[routes]]", &format!("{more}\n[[routes]]"), 1));
        assert!(told_of.iter().any(|said| said.contains(told)), "{told_of:?} should say {told}");
    }
    for (when, doubtful) in [
        ("lead.csat.rating <= 2", true),
        ("csat.score < '3'", true),
        ("csat.score <= 2", false),
        ("lead.vip is defined and lead.vip > 3", false),
    ] {
        let told = warned(&GOOD.replacen("name = \"all\"", &format!("name = 'all'\nwhen = \"{when}\""), 1));
        let doubts = told.iter().any(|said| said.contains("routes[0].when: cannot be evaluated for a made-up event"));
        assert_eq!(doubts, doubtful, "{when}: {told:?}");
    }
    let quiet = "fields = ['lead']\nheaders = { a = '{{ lead.email }}', b = '{{ weclever_lead_id }}' }";
    assert_eq!(warned(&GOOD.replacen("[[routes]]", &format!("{quiet}\n[[routes]]"), 1)), [""; 0]);
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,200}", tail in "[\\[\\]{}=.'\"a-z$\n #0-9é]{0,80}") {
        for text in [text.clone(), format!("{GOOD}{tail}"), format!("{tail}{GOOD}"), tail.clone()] {
            if let Err(mistakes) = read(&text) {
                proptest::prop_assert!(!mistakes.render(true).is_empty() && mistakes.count() > 0);
                for notice in &mistakes {
                    // The place in the picture is counted by another library; it has to be the same one.
                    let (shown, at) = (notice.render(false), notice.at.to_string());
                    proptest::prop_assert!(shown.contains(&format!("--> {at}\n")) || shown.ends_with(&at), "{at}\n{shown}");
                }
            }
        }
    }

    #[test]
    fn no_value_is_too_strange(at in 0usize..400, with in "[\"'$\\{\\}\n=\\[\\]a-z0-9é#,.\\-]{0,12}") {
        let at = (0..=at.min(GOOD.len())).rev().find(|i| GOOD.is_char_boundary(*i)).unwrap_or(0);
        let text = format!("{}{with}{}", &GOOD[..at], &GOOD[at..]);
        if let Err(mistakes) = read_with(&text, &[("a", "$"), ("LEADHOOK_SOURCE__START", &with)]) {
            mistakes.render(false);
        }
    }
}
