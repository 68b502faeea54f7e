//! Nothing that is planted as a secret is ever shown.

use super::*;

const PLANTED: [&str; 3] = ["hunter2", "c3VwZXJzZWNyZXQ", "T0B0K0"];

fn shows_nothing(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let all = match read_with(text, variables) {
        Ok(loaded) => {
            let warnings: Vec<String> = loaded.warnings.iter().map(|w| w.render(false)).collect();
            vec![format!("{loaded:?} {:?}", loaded.config.summary()), warnings.join("\n")]
        }
        Err(mistakes) => {
            vec![mistakes.render(false), mistakes.render(true), mistakes.to_json().to_string(), format!("{mistakes:?}")]
        }
    };
    for shown in &all {
        for planted in PLANTED {
            assert!(!shown.contains(planted), "{planted} is shown for\n{text}\n{shown}");
        }
    }
    all
}

#[test]
fn right_files_and_wrong_ones_keep_their_secrets() {
    let good = GOOD.replace("token = \"t\"", "username = 'hunter2'\npassword = 'hunter2'").replace(
        "crm.example.com/hooks\"",
        "hunter2:hunter2@crm.example.com/T0B0K0?k=T0B0K0\"\nheaders = { a = 'hunter2' }",
    );
    assert!(read(&good).is_ok());
    shows_nothing(&good, &[]);
    for wrong in [
        "secret = 'whsec_c3VwZXJzZWNyZXQ'",
        "secret = 'c3VwZXJzZWNyZXQ'",
        "secrets = ['whsec_c3VwZXJzZWNyZXQ']",
        "secrets = 'hunter2'",
        "secret = ['hunter2', { a = 'hunter2' }]",
        "sceret = 'hunter2'",
        "headers = 'hunter2'",
        "headers = { 'X-A' = 'hunter2é', host = 'hunter2', 'x y' = 'hunter2', \"a\" = ['hunter2'] }",
        "headers = { name = \"\"\"hunter2\nhunter2\"\"\" }",
        "auth = { user = 'hunter2', n = 1 } # hunter2",
        "url = 'ftp://hunter2/T0B0K0'",
        "url = 'T0B0K0'",
        "url = 'https://x/T0B0K0#T0B0K0'",
        "url = 'https://hunter2:99999/'",
        "timeout = 'x' # password hunter2",
        "password = 'hunter2",
        "password = hunter2",
        "password = hunter2 hunter2",
        "password \"hunter2\"",
        "headers = { name = 'hunter2', to = \"hunter2 }",
        "headers = { a = \"\"\"hunter2\nname = hunter2\n",
        "timeout = 5s # hunter2",
        "'hunter2\n",
    ] {
        let line = if wrong.starts_with("url") { "" } else { "url = 'https://x/'\n" };
        let text = format!("{}\n[destinations.b]\n{line}{wrong}\n", GOOD);
        assert!(read(&text).is_err(), "{wrong}");
        shows_nothing(&text, &[]);
        shows_nothing(&format!("[destinations.b.headers]\n{wrong}\n"), &[]);
    }
}

#[test]
fn what_a_reference_stands_for_is_not_shown_under_any_key() {
    for (key, value) in [
        ("poll_every", "${S}"),
        ("rate", "x${S}y"),
        ("start", "${S}"),
        ("timezone", "${S}"),
        ("concurrency", "${S}"),
        ("encode_plus", "${S}"),
        ("auth_header", "${S} ${S}"),
        ("token", "${S}\n"),
    ] {
        let text = GOOD.replace("token = \"t\"", &format!("{key} = \"\"\"{value}\"\"\""));
        let shown = shows_nothing(&text, &[("S", "hunter2")]);
        assert!(shown[0].contains(key), "{}", shown[0]);
    }
    for list in ["on", "to"] {
        let text = GOOD.replace(&format!("{list} = ["), &format!("{list} = ['${{S}}', "));
        shows_nothing(&text, &[("S", "hunter2")]);
    }
}

#[test]
fn overrides_and_files_keep_their_secrets() {
    for name in [
        "LEADHOOK_SOURCE__PASSWORD",
        "LEADHOOK_SOURCE__PASWORD",
        "LEADHOOK_DESTINATIONS__CRM__SECRET",
        "LEADHOOK_DESTINATIONS__CRM__SECRETS",
        "LEADHOOK_DESTINATIONS__CRM__URL",
        "LEADHOOK_DESTINATIONS__CRM__HEADERS",
        "LEADHOOK_DESTINATIONS__CRM__HEADERS__HOST",
    ] {
        let shown = shows_nothing(GOOD, &[(name, "hunter2")]);
        assert!(shown[0].contains(name), "{}", shown[0]);
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("s"), "hunter2").expect("a file");
    let text = GOOD.replace(SECRET, "${file:s}");
    let environment = Environment::default();
    let mistakes = parse(&directory.path().join("leadhook.toml"), &text, &environment).expect_err("no secret");
    assert!(!mistakes.render(false).contains("hunter2"), "{mistakes}");
}

#[test]
fn a_secret_is_never_a_part_of_a_template() {
    for (body, value, good) in [
        ("body = { a = 'Bearer ${S}: {{ lead.name }}' }", "s3cret", true),
        ("body = { a = '{{ lead.name }}: ${S}' }", "{ s3cret }", true),
        ("body = { a = '{{ \"${S}\" | uper }}' }", "s3cret", false),
        ("body = { a = '{% if lead.name == \"${S}\" %}x{% endif %}' }", "s3cret", false),
        ("body = { a = '${S}' }", "{{ s3cret }}", false),
        ("body = { a = '${S}' }", "{% s3cret", false),
        ("headers = { a = '${S}' }", "{# s3cret", false),
    ] {
        let text = GOOD.replacen("[[routes]]", &format!("{body}\n[[routes]]"), 1);
        match read_with(&text, &[("S", value)]) {
            Ok(_) => assert!(good, "{body} {value}"),
            Err(mistakes) => {
                assert!(!good, "{body} {value}: {mistakes}");
                let shown = mistakes.render(false);
                assert!(shown.contains("settings.NAME") && !shown.contains("s3cret"), "{shown}");
            }
        }
    }
}

#[test]
fn a_size_is_no_secret() {
    let text = "[store]\nmax_bytes = '1MB' # hunter2\nencryption_key = 'hunter2'\n[source]\n";
    let shown = shows_nothing(text, &[]).remove(0);
    assert!(shown.contains("max_bytes = '1MB'"), "{shown}");
}
