//! The commented example, and what `init` writes.

use super::*;
use crate::config::{InitAnswers, Position, starter_file};

pub(super) const EXAMPLE: &str = include_str!("../../../config/leadhook.toml");

pub(super) const VARIABLES: [(&str, &str); 13] = [
    ("LEADHOOK_ADMIN_TOKEN", "a-token-of-many-characters"),
    ("WECLEVER_USERNAME", "u"),
    ("WECLEVER_PASSWORD", "p"),
    ("WECLEVER_TOKEN", "t"),
    ("CRM_SECRET", SECRET),
    ("CRM_SECRET_OLD", SECRET),
    ("CRM_KEY", "k"),
    ("CRM_TOKEN", "t"),
    ("AWS_ACCESS_KEY_ID", "k"),
    ("AWS_SECRET_ACCESS_KEY", "s"),
    ("AWS_SESSION_TOKEN", "t"),
    ("PROXY_PASSWORD", "p"),
    ("LEADHOOK_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
];

/// `# key = value` and `#~ key = value`, without what makes it a comment.
pub(super) fn commented<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(mark)?;
    let (key, _) = rest.split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(rest)
}

#[test]
fn the_example_is_right_as_it_stands() {
    let loaded = read_with(EXAMPLE, &VARIABLES).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_defaults_written_in_the_example_are_the_defaults() {
    let uncommented: Vec<&str> = EXAMPLE.lines().map(|line| commented(line, "# ").unwrap_or(line)).collect();
    let changed = uncommented.iter().zip(EXAMPLE.lines()).filter(|(new, old)| **new != *old).count();
    assert_eq!(changed, 33, "each key with a default is shown once");
    let written = read_with(&uncommented.join("\n"), &VARIABLES).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let built_in = read_with(EXAMPLE, &VARIABLES).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(format!("{:#?}", written.config), format!("{:#?}", built_in.config));
}

#[test]
fn every_other_key_of_the_example_is_right_too() {
    let instead = [
        ("token = \"${WECLEVER_TOKEN}\"", "username"),
        ("token = \"${WECLEVER_TOKEN}\"", "password"),
        ("secrets = [\"${CRM_SECRET}\", \"${CRM_SECRET_OLD}\"]", "secret"),
    ];
    // Some are right only with another.
    let aws = EXAMPLE.lines().filter_map(|line| commented(line, "#~ ")).find(|rest| rest.contains("aws_sigv4"));
    let beside = [
        ("url = \"https://leadhook.example.com\"", "token = \"${LEADHOOK_ADMIN_TOKEN}\""),
        ("wrap = \"sqs\"", aws.expect("a key of AWS")),
    ];
    let mut tried = 0;
    // The files that it names lie beside it.
    let directory = tempfile::tempdir().expect("a directory");
    let own = rcgen::generate_simple_self_signed(["leadhook".to_owned()]).expect("a certificate");
    let both = own.cert.pem() + &own.signing_key.serialize_pem();
    for name in ["ca.pem", "client.pem"] {
        std::fs::write(directory.path().join(name), &both).expect("a file");
    }
    let environment: Environment = VARIABLES.into_iter().collect();
    for (i, line) in EXAMPLE.lines().enumerate() {
        let Some(rest) = commented(line, "#~ ") else { continue };
        let replaced =
            |line: &str| instead.iter().any(|(new, old)| *new == rest && line.starts_with(&format!("{old} = ")));
        let comes_along =
            |line: &str| beside.iter().any(|(new, old)| *new == rest && commented(line, "#~ ") == Some(old));
        let text: Vec<&str> = EXAMPLE
            .lines()
            .enumerate()
            .map(|(j, line)| {
                if i == j {
                    rest
                } else if let Some(other) = commented(line, "#~ ").filter(|_| comes_along(line)) {
                    other
                } else if replaced(line) {
                    ""
                } else {
                    line
                }
            })
            .collect();
        if let Err(mistakes) = parse(&directory.path().join("leadhook.toml"), &text.join("\n"), &environment) {
            panic!("{rest}\n{mistakes}");
        }
        tried += 1;
    }
    assert_eq!(tried, 35);
}

#[test]
fn what_init_writes_is_right() {
    let mut answers = InitAnswers {
        platform_id: "my \"platform\"".into(),
        destination: "team-chat".into(),
        preset: None,
        url: Some("${CRM_URL}".into()),
        start: "2026-11-01".into(),
        timezone: "America/Recife".into(),
        store: "C:\\leadhook\\data".into(),
    };
    assert_eq!(answers.secret_variable(), "TEAM_CHAT_SECRET");
    let variables = [
        ("WECLEVER_USERNAME", "u"),
        ("WECLEVER_PASSWORD", "p"),
        ("CRM_URL", "https://crm.example.com/"),
        ("TEAM_CHAT_SECRET", SECRET),
        ("_1_SECRET", SECRET),
    ];
    let loaded = read_with(&starter_file(&answers), &variables).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.source.platform_id, "my \"platform\"");
    assert_eq!(loaded.config.source.timezone.iana_name(), Some("America/Recife"));
    assert_eq!(loaded.config.store.path.to_str(), Some("C:\\leadhook\\data"));
    assert_eq!(loaded.config.destinations[0].name, "team-chat");
    assert_eq!(loaded.config.destinations[0].secrets.len(), 1);
    answers.destination = "1".into();
    assert!(read_with(&starter_file(&answers), &variables).is_ok());

    for preset in crate::config::Preset::built_in() {
        answers.url = (!preset.has_url()).then(|| preset.url_example.clone());
        let (name, on) = (preset.name.clone(), preset.on.len());
        answers.preset = Some(preset);
        let asked = answers.variables();
        let known = |name: &&String| !variables.iter().any(|(known, _)| known == name);
        let all: Vec<(&str, &str)> =
            variables.into_iter().chain(asked.iter().filter(known).map(|name| (name.as_str(), "x"))).collect();
        let written = starter_file(&answers);
        // What only they can know is theirs to write, and missed until then.
        let filled = written.replace("\"...\"", "\"x\"");
        let said = said(read_with(&written, &all));
        assert_eq!(said.is_empty(), filled == written, "{name}: {said:?}");
        assert!(said.iter().all(|mistake| mistake.contains("is still to be written")), "{name}: {said:?}");
        let loaded = read_with(&filled, &all).unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
        assert_eq!(loaded.warnings, [], "{name}");
        assert_eq!(loaded.config.routes[0].on.len(), on, "{name}");
    }
}

#[test]
fn the_file_is_looked_for_where_it_is_said_to_be() {
    use crate::config::{Locate, load};
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.toml");
    std::fs::write(&file, GOOD).expect("a file");
    let named: Environment = [("LEADHOOK_CONFIG", file.as_os_str())].into_iter().collect();
    let none = Environment::default();

    let by_variable = load(&Locate { file: None, environment: &named }).expect("found by the variable");
    assert_eq!(by_variable.path, file);
    assert!(load(&Locate { file: Some(&file), environment: &none }).is_ok());

    let missing = directory.path().join("b.toml");
    for (locate, told) in [
        (Locate { file: Some(&missing), environment: &named }, "b.toml (named by --config)"),
        (Locate { file: None, environment: &none }, "no file leadhook.toml (looked for in the working directory)"),
        (Locate { file: Some(directory.path()), environment: &none }, "cannot be read"),
    ] {
        let mistakes = load(&locate).expect_err(told);
        let said = mistakes.render(false);
        assert!(said.contains(told), "{said}");
        assert!(matches!(mistakes.iter().next().expect("one").at, Position::File { .. }));
    }

    std::fs::write(&file, b"[source]\nplatform_id = \"\xff\"").expect("a file");
    let mistakes = load(&Locate { file: Some(&file), environment: &none }).expect_err("no UTF-8");
    let at = Position::Line { file: file.display().to_string(), line: 2, column: 16 };
    assert_eq!(mistakes.iter().next().expect("one").at, at);
}
