//! `${...}`, and variables that override keys.

use super::*;
use crate::config::{Access, Start};
use crate::domain::retry::RetryPolicy;

fn said_of(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    said(read_with(text, variables))
}

#[test]
fn references_are_put_in_anywhere() {
    let text = GOOD
        .replace("\"p\"", "\"${A}-$${A}-${EMPTY}$5\"")
        .replace("token = \"t\"", "token = \"${T}\"\nconcurrency = \"${N}\"\nencode_plus = \"${B}\"")
        .replace("crm.example.com", "${HOST}")
        .replace("to = [\"crm\"]", "to = [\"${D}\"]");
    let variables = [
        ("A", "${T}"),
        ("EMPTY", ""),
        ("T", "secret"),
        ("N", " 7 "),
        ("B", "true"),
        ("HOST", "h.example.com"),
        ("D", "crm"),
    ];
    let config = read_with(&text, &variables).unwrap_or_else(|mistakes| panic!("{mistakes}")).config;
    // What was put in is not looked through again.
    assert_eq!(config.source.platform_id, "${T}-${A}-$5");
    assert!(matches!(config.source.access, Access::Token(token) if token.expose() == "secret"));
    assert_eq!(config.source.concurrency, 7);
    assert!(config.source.encode_plus);
    assert_eq!(config.destinations[0].form.shown_url(), "https://h.example.com/***");
    assert_eq!(config.routes[0].to, ["crm"]);
}

#[test]
fn secret_files_are_read_without_their_last_newline() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("leadhook.toml");
    let text = "[source]\nplatform_id = \"${file:p}\"\ntoken = \"a${file:sub/t}\"\n";
    std::fs::create_dir(directory.path().join("sub")).expect("a directory");
    for (content, expected) in [("x", "ax"), ("x\n", "ax"), ("x\r\n", "ax"), (" x ", "a x")] {
        std::fs::write(directory.path().join("p"), "p\n").expect("a file");
        std::fs::write(directory.path().join("sub/t"), content).expect("a file");
        let config = parse(&path, text, &Environment::default()).unwrap_or_else(|mistakes| panic!("{mistakes}")).config;
        assert!(matches!(config.source.access, Access::Token(token) if token.expose() == expected));
    }
    std::fs::remove_file(directory.path().join("p")).expect("removed");
    std::fs::write(directory.path().join("sub/t"), vec![b'x'; 70_000]).expect("a file");
    let mistakes = parse(&path, text, &Environment::default()).expect_err("no such file");
    let said = mistakes.render(false);
    assert!(
        said.contains("the secret file p cannot be read") && said.contains("sub/t is longer than 64 KiB"),
        "{said}"
    );
    assert!(said.contains("leadhook.toml:2:16") && said.contains("leadhook.toml:3:11"), "{said}");
}

#[test]
fn what_is_not_set_is_named_with_its_place() {
    let text = GOOD.replace("\"p\"", "\"x-${A}-${B}-${\"");
    let said = said(read(&text));
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("2:18: source.platform_id: the environment variable A is not set"), "{said:?}");
    assert!(said[0].contains("export A=") && said[0].contains("${file:/run/secrets/a}"), "{said:?}");
    assert!(said[1].starts_with("2:23: source.platform_id: the environment variable B is not set"), "{said:?}");
    assert!(said[2].starts_with("2:28: source.platform_id: `${` is never closed"), "{said:?}");
}

#[test]
fn an_override_takes_the_type_of_its_key() {
    let config = read_with(
        GOOD,
        &[
            ("LEADHOOK_CONFIG", "elsewhere.toml"),
            ("LEADHOOK_LOG", "debug"),
            ("LEADHOOK_SOURCE__PLATFORM_ID", "123456"),
            ("LEADHOOK_SOURCE__TOKEN", "true"),
            ("LEADHOOK_SOURCE__ENCODE_PLUS", "true"),
            ("LEADHOOK_SOURCE__CONCURRENCY", "3"),
            ("LEADHOOK_SOURCE__START", "2026-11-01"),
            ("LEADHOOK_DESTINATIONS__CRM__SECRET", "${file:/nowhere}${"),
            ("LEADHOOK_DESTINATIONS__CRM__RETRY", "{ initial = \"2s\", attempts = 3 }"),
            ("LEADHOOK_DESTINATIONS__CRM__HEADERS__X_API_KEY", "k"),
            ("LEADHOOK_DESTINATIONS__NEW__URL", "http://127.0.0.1:9/"),
            ("LEADHOOK_DESTINATIONS__NEW__SECRETS", "[\"${S}\", \"${S}\"]"),
            ("LEADHOOK_DESTINATIONS__NEW__RETRY__JITTER", "1"),
            ("S", SECRET),
        ]
        .map(|(name, value)| (name, if value.contains("nowhere") { SECRET } else { value })),
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    .config;
    assert_eq!(config.source.platform_id, "123456");
    assert!(matches!(config.source.access, Access::Token(token) if token.expose() == "true"));
    assert!(config.source.encode_plus);
    assert_eq!(config.source.concurrency, 3);
    assert_eq!(config.source.start, Start::At("2026-11-01T03:00:00Z".parse().expect("a time")));
    let [crm, new] = config.destinations.as_slice() else { panic!("two destinations") };
    assert!(matches!(crm.retry, RetryPolicy::Exponential { attempts: 3, .. }));
    let request = crm.form.render("evt_1", b"{}".to_vec()).expect("a request");
    assert_eq!((request.headers[0].0.as_str(), request.headers[0].1.expose()), ("x-api-key", "k"));
    assert_eq!((new.name.as_str(), new.secrets.len()), ("new", 2));
    assert!(matches!(new.retry, RetryPolicy::Schedule { jitter: 1.0, .. }));
}

#[test]
fn a_wrong_override_is_named_and_nothing_in_the_file_is() {
    for (name, value, told) in [
        ("LEADHOOK_SOURCE__CONCURRENCY", "many", "source.concurrency: must be a whole number"),
        ("LEADHOOK_SOURCE__CONCURRENCY", "2000", "source.concurrency: is out of range"),
        ("LEADHOOK_SOURCE__ENCODE_PLUS", "yes", "source.encode_plus: must be true or false"),
        ("LEADHOOK_SOURCE__PLATFORM_ID", "", "source.platform_id: must not be empty"),
        ("LEADHOOK_SOURCE__PLATFORM_ID", "${NO}", "source.platform_id: the environment variable NO is not set"),
        (
            "LEADHOOK_SOURCE__POLL_EVRY",
            "1s",
            "source.poll_evry: `source` has no key of this name (did you mean `poll_every`?)",
        ),
        ("LEADHOOK_SORCE__RATE", "1/s", "sorce: the file has no key of this name (did you mean `source`?)"),
        ("LEADHOOK_SOURCE__RATE__X", "1", "source.rate: must be text, and this is a table"),
        ("LEADHOOK_DESTINATIONS__CRM__SECRETS", "a, b", "destinations.crm.secrets: must be a list, and this is text"),
        ("LEADHOOK_DESTINATIONS__NEW__URL", "x", "destinations.new.url: is not a whole URL"),
        ("LEADHOOK_ROUTES__0__NAME", "x", "`routes` is a list, and a variable"),
        ("LEADHOOK_SOURCE__", "x", "an override's name is a path of keys"),
    ] {
        let text = if name.ends_with("SECRETS") { GOOD.replace("secret =", "# ") } else { GOOD.to_owned() };
        let said = said_of(&text, &[(name, value)]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("{name}: {told}")), "{said:?} should be {told}");
    }
    // A table that a variable adds to is still the file's.
    let text = format!("\n{}", GOOD.replace("platform_id", "# "));
    let said = said_of(&text, &[("LEADHOOK_SOURCE__RATE", "5/s")]);
    assert!(said[0].starts_with("2:1: source.platform_id: is missing"), "{said:?}");
    // A key that is missing from what a variable has begun is the variable's.
    let said = said_of(GOOD, &[("LEADHOOK_DESTINATIONS__NEW__TIMEOUT", "1s")]);
    assert!(said[0].starts_with("LEADHOOK_DESTINATIONS__NEW__TIMEOUT: destinations.new.url: is missing"), "{said:?}");
    assert!(said[0].contains("or set LEADHOOK_DESTINATIONS__NEW__URL"), "{said:?}");
}

#[test]
fn json_says_where() {
    let text = GOOD.replace("\"p\"", "5");
    let mistakes = read_with(&text, &[("LEADHOOK_SOURCE__RATE", "x")]).expect_err("two mistakes");
    let json = mistakes.to_json();
    assert_eq!(json[0]["file"], "leadhook.toml");
    assert_eq!((json[0]["line"].as_u64(), json[0]["column"].as_u64()), (Some(2), Some(15)));
    assert_eq!(json[0]["key"], "source.platform_id");
    assert!(json[0]["message"].is_string() && json[0]["help"].is_string() && json[0]["variable"].is_null());
    assert_eq!(json[1]["variable"], "LEADHOOK_SOURCE__RATE");
    assert!(json[1]["file"].is_null() && json[1]["line"].is_null() && json[1]["column"].is_null());
}
