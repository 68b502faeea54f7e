//! `ca`, `client_cert`, `client_key` and `proxy`.

use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};

use super::*;

/// A directory with these files, and what is read of these lines there.
struct Beside(tempfile::TempDir);

impl Beside {
    fn new(files: &[(&str, &str)]) -> Beside {
        let beside = Beside(tempfile::tempdir().expect("a directory"));
        for (name, text) in files {
            std::fs::write(beside.0.path().join(name), text).expect("a file");
        }
        beside
    }

    fn read(&self, lines: &str, variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
        let text = GOOD.replacen("[[routes]]", &format!("{lines}\n[[routes]]"), 1);
        parse(&self.0.path().join("leadhook.toml"), &text, &variables.iter().copied().collect::<Environment>())
    }

    /// Whatever is said, without the directory.
    fn said(&self, lines: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let notices: Vec<String> = match self.read(lines, variables) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        };
        let directory = self.0.path().join("leadhook.toml:").display().to_string();
        notices.iter().map(|said| said.replace(&directory, "")).collect()
    }
}

fn own(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).expect("a certificate")
}

#[test]
fn a_connection_is_as_the_file_says() {
    let (ours, theirs) = (own("ours"), own("theirs"));
    let (certificate, key) = (ours.cert.pem(), ours.signing_key.serialize_pem());
    let both = format!("Bag attributes\n{key}{certificate}{}", theirs.cert.pem());
    let beside =
        Beside::new(&[("ca.pem", &both), ("client.pem", &certificate), ("key.pem", &key), ("both.pem", &both)]);
    let connection = |lines: &str| {
        let loaded = beside.read(lines, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(loaded.warnings, []);
        loaded.config.destinations[0].connection.clone()
    };
    assert!(connection("").is_plain());
    let all = connection(
        "ca = 'ca.pem'\nclient_cert = 'client.pem'\nclient_key = 'key.pem'\nproxy = 'http://u:hunter2@p:3128'",
    );
    let roots = all.roots.as_ref().expect("roots");
    assert!(roots.hold(ours.cert.der()) && roots.hold(theirs.cert.der()));
    let identity = all.identity.as_ref().expect("an identity");
    assert_eq!(identity.certified_key().cert, [ours.cert.der().clone()]);
    assert_eq!(all.proxy.as_ref().expect("a proxy").expose().as_str(), "http://u:hunter2@p:3128/");
    assert!(!format!("{all:?}").contains("hunter2"));
    let lines = "ca = 'ca.pem'\nclient_cert = 'both.pem'\nproxy = 'http://u:hunter2@p:3128'";
    let summary = beside.read(lines, &[]).expect("a good file").config.summary();
    let told =
        "https://crm.example.com/*** through http://p:3128, believed by `ca` alone, shown a certificate, signed, ";
    assert!(summary.iter().any(|line| line.text.starts_with(told)), "{summary:?}");

    let in_one = connection("client_cert = 'both.pem'").identity.expect("an identity");
    assert_eq!(in_one.certified_key().cert, [ours.cert.der().clone(), theirs.cert.der().clone()]);
    let absolute = format!("ca = {:?}", beside.0.path().join("ca.pem").display().to_string());
    assert!(connection(&absolute).roots.is_some());
}

#[test]
fn each_mistake_about_certificates_and_keys_is_told_at_its_key() {
    let (ours, theirs) = (own("ours"), own("theirs"));
    let (certificate, key) = (ours.cert.pem(), ours.signing_key.serialize_pem());
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGk=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let odd = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
    let beside = Beside::new(&[
        ("client.pem", &certificate),
        ("key.pem", &key),
        ("other-key.pem", &theirs.signing_key.serialize_pem()),
        ("chain-first.pem", &(theirs.cert.pem() + &certificate)),
        ("locked.pem", locked),
        ("odd.pem", odd),
        ("both-locked.pem", &(certificate.clone() + locked)),
        ("text.pem", "hunter2"),
        ("cut.pem", &certificate[..certificate.len() / 2]),
        ("nonsense.pem", "-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n"),
    ]);
    for (lines, told) in [
        ("ca = 'none.pem'", "9:6: destinations.crm.ca: the file none.pem cannot be read: No such file"),
        ("ca = '.'", "9:6: destinations.crm.ca: the file . cannot be read: it is no file"),
        ("ca = ''", "9:6: destinations.crm.ca: must not be empty"),
        ("ca = 5", "9:6: destinations.crm.ca: must be text"),
        ("ca = 'text.pem'", "9:6: destinations.crm.ca: the file text.pem holds no certificate"),
        ("ca = 'key.pem'", "9:6: destinations.crm.ca: the file key.pem holds no certificate"),
        ("ca = 'cut.pem'", "9:6: destinations.crm.ca: the file cut.pem is damaged: a part of it has no -----END line"),
        (
            "ca = 'nonsense.pem'",
            "9:6: destinations.crm.ca: the file nonsense.pem holds a certificate that cannot be read",
        ),
        ("client_key = 'key.pem'", "5:1: destinations.crm.client_cert: is missing (write client_cert = \"client.pem\""),
        ("client_cert = 'client.pem'", "5:1: destinations.crm.client_key: is missing (write client_key = "),
        (
            "client_cert = 'both-locked.pem'",
            "9:15: destinations.crm.client_cert: the file both-locked.pem holds a key that is locked by a passphrase",
        ),
        (
            "client_cert = 'none.pem'\nclient_key = 'key.pem'",
            "9:15: destinations.crm.client_cert: the file none.pem cannot be read",
        ),
        (
            "client_cert = 'client.pem'\nclient_key = 'none.pem'",
            "10:14: destinations.crm.client_key: the file none.pem cannot be read",
        ),
        (
            "client_cert = 'client.pem'\nclient_key = 'other-key.pem'",
            "10:14: destinations.crm.client_key: the file other-key.pem holds the key of another certificate",
        ),
        (
            "client_cert = 'chain-first.pem'\nclient_key = 'key.pem'",
            "10:14: destinations.crm.client_key: the file key.pem holds the key of another certificate",
        ),
        (
            "client_cert = 'client.pem'\nclient_key = 'locked.pem'",
            "10:14: destinations.crm.client_key: the file locked.pem holds a key that is locked by a passphrase",
        ),
        (
            "client_cert = 'client.pem'\nclient_key = 'client.pem'",
            "10:14: destinations.crm.client_key: the file client.pem holds no private key",
        ),
        (
            "client_cert = 'client.pem'\nclient_key = 'odd.pem'",
            "10:14: destinations.crm.client_key: the file odd.pem holds a key of a kind that cannot be used",
        ),
        (
            "client_cert = 'nonsense.pem'\nclient_key = 'key.pem'",
            "10:14: destinations.crm.client_key: the file key.pem does not fit the certificate, which cannot be read",
        ),
        ("proxy = 'proxy:3128'", "9:9: destinations.crm.proxy: must begin with http://, https://, socks5://"),
        ("proxy = 'http://p/x'", "9:9: destinations.crm.proxy: must end behind the port"),
        ("proxy = 3128", "9:9: destinations.crm.proxy: must be a proxy's address in quotes"),
    ] {
        let said = beside.said(lines, &[]);
        assert!(said.len() == 1 && said[0].starts_with(told), "{said:#?} should be {told}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
    let two = beside.said("client_cert = 'none.pem'\nclient_key = 'none.pem'", &[]);
    assert_eq!(two.len(), 2, "{two:?}");
}

#[test]
fn a_key_that_was_pasted_is_never_shown() {
    let ours = own("ours");
    let key = ours.signing_key.serialize_pem();
    let beside = Beside::new(&[("client.pem", &ours.cert.pem())]);
    let line = key.lines().nth(1).expect("a line");
    for (lines, variables) in [
        (format!("client_cert = 'client.pem'\nclient_key = \"\"\"{key}\"\"\""), vec![]),
        (format!("client_cert = {:?}\n", format!("{}{key}", ours.cert.pem())), vec![]),
        ("client_cert = 'client.pem'\nclient_key = '${KEY}'".to_owned(), vec![("KEY", key.as_str())]),
        ("client_cert = 'client.pem'\nclient_key = '${KEY}'".to_owned(), vec![("KEY", line)]),
    ] {
        let mistakes = beside.read(&lines, &variables).expect_err("no file");
        let shown = format!("{}{}{mistakes:?}", mistakes.render(false), mistakes.to_json());
        assert!(!shown.contains(line) && !shown.contains(&line[..20]), "{shown}");
    }
}

#[test]
fn a_certificate_whose_time_is_over_or_nearly_so_is_warned_of() {
    let key = KeyPair::generate().expect("a key");
    let now = u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970");
    let day = 86_400;
    let of = |from: u64, to: u64| {
        let at = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        let mut params = CertificateParams::new(["leadhook".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (at(from), at(to));
        params.self_signed(&key).expect("a certificate").pem() + &key.serialize_pem()
    };
    for (from, to, told) in [
        (now - day, now + 15 * day, None),
        (now - day, now + 13 * day, Some("holds a certificate that is over at 20")),
        (now - 9 * day, now - day, Some("holds a certificate that is over since 20")),
        (now + day, now + 99 * day, Some("holds a certificate that begins to hold at 20")),
    ] {
        let beside = Beside::new(&[("a.pem", &of(from, to))]);
        for name in ["ca", "client_cert"] {
            let said = beside.said(&format!("{name} = 'a.pem'"), &[]);
            let told: Vec<String> =
                told.iter().map(|told| format!("destinations.crm.{name}: the file a.pem {told}")).collect();
            assert_eq!(said.len(), told.len(), "{said:?}");
            assert!(said.iter().zip(&told).all(|(said, told)| said.contains(told)), "{said:?} should be {told:?}");
        }
    }
}

#[test]
fn a_proxys_password_is_hidden_wherever_something_is_shown() {
    let beside = Beside::new(&[]);
    let loaded = beside.read("proxy = 'http://us%20er:hunt%3Ar2@p:3128'", &[]).expect("a good file");
    let veil = &loaded.config.veil;
    for secret in ["hunt:r2", "hunt%3Ar2", "dXMgZXI6aHVudDpyMg=="] {
        assert_eq!(veil.answer(&format!("a {secret} b"), false), "a *** b", "{secret}");
    }
    let shown = format!("{loaded:?} {:?}", loaded.config.summary());
    assert!(!shown.contains("hunt") && !shown.contains("aHVudDpyMg"), "{shown}");
    let loaded = beside.read("proxy = 'http://u:${PASSWORD}@p:3128'", &[("PASSWORD", "hunter2")]).expect("a good file");
    assert_eq!(loaded.config.veil.answer("hunter2", false), "${PASSWORD}");
}

#[test]
fn a_file_that_is_only_looked_at_needs_neither_the_files_nor_the_proxy() {
    let beside = Beside::new(&[]);
    let text = GOOD.replacen(
        "[[routes]]",
        "ca = 'ca.pem'\nclient_cert = 'a.pem'\nclient_key = '${KEY}'\nproxy = '${PROXY}'\n[[routes]]",
        1,
    );
    let environment = Environment::default().with_stand_ins();
    let loaded = parse(&beside.0.path().join("leadhook.toml"), &text, &environment);
    assert_eq!(said(loaded), [""; 0]);
}
