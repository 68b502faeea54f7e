//! Destinations that are queues. What a build without a broker's client says of it is tested where that is so.

use super::*;
use crate::domain::queue::Broker;

/// The file with this destination.
fn file(lines: &str) -> String {
    let (before, _) = GOOD.split_once("url =").expect("a destination");
    let (_, after) = GOOD.split_once("[[routes]]").expect("a route");
    format!("{before}{lines}\nsecret = \"{SECRET}\"\n\n[[routes]]{after}")
}

/// One URL for each broker.
const GOOD_URLS: [&str; 7] = [
    "nats://h.example.com:4222/leads.finished",
    "TLS://h.example.com/leads.{{ type }}",
    "amqp://127.0.0.1/?exchange=crm&routing_key=leads",
    "amqps://ana:hunter2@h.example.com/%2f?routing_key={{ mapped_status }}",
    "redis://h.example.com/3?stream=leads&maxlen=1000",
    "rediss://:hunter2@h.example.com?stream=leads",
    "kafka://h.example.com/leads",
];

fn is_built_in(url: &str) -> bool {
    let (scheme, _) = url.split_once("://").expect("a scheme");
    Broker::of_scheme(&scheme.to_lowercase()).expect("a broker's").is_built_in()
}

#[test]
fn a_build_takes_the_queues_that_it_knows_and_names_the_feature_of_the_others() {
    for url in GOOD_URLS {
        let text = file(&format!("url = \"{url}\""));
        match read(&text) {
            Ok(loaded) => {
                assert!(is_built_in(url), "{url}");
                let form = &loaded.config.destinations[0].form;
                assert!(form.url.broker().is_some() && loaded.warnings.is_empty(), "{url}: {:?}", loaded.warnings);
                assert!(!format!("{form:?} {}", form.shown_url()).contains("hunter2"), "{url}");
            }
            Err(mistakes) => {
                assert!(!is_built_in(url), "{url}: {mistakes}");
                let said = mistakes.to_string();
                assert!(said.contains("was made without the feature `") && said.contains("--features "), "{said}");
                assert!(said.contains("released package") && !said.contains("hunter2"), "{said}");
            }
        }
    }
}

#[test]
fn what_is_no_queues_address_is_said_without_repeating_it() {
    for (url, told) in [
        ("nats://user:hunter2@h.example.com", "names no subject (write for example nats://"),
        ("nats://h.example.com/hunter2.*", "for those who listen"),
        ("nats:///hunter2", "names no host"),
        ("nats://h.example.com/x#hunter2", "has a fragment"),
        ("amqp://user:hunter2@h.example.com/", "neither an exchange nor a queue (write ?exchange="),
        ("redis://:hunter2@h.example.com/0", "names no stream"),
        ("redis://h.example.com/?stream=a&maxlen=hunter2", "maxlen that is no number"),
        ("kafka://h.example.com/hunter2 hunter2", "does not take"),
        ("nats://user:1234/hunter2@h.example.com/x", "`/` is written %2F"),
        ("nats://user:hunter2#x@h.example.com/{{ type }}", "`/` is written %2F"),
        ("redis://:hunter2?x@h.example.com?stream=x", "`/` is written %2F"),
        ("kafka://h1:9092,h2:9092/x", "names several hosts (write one: the others"),
        ("nats://u:hunter2@h1,h2/{{ type }}", "names several hosts (write one, as a name"),
        ("nats://h:port/{{ type }}", "invalid port number (write for example nats://"),
        ("kafka://169.254.169.254/x", "hands out credentials"),
        ("nats://0xa9fea9fe/x", "hands out credentials"),
    ] {
        let said = said(read(&file(&format!("url = \"{url}\"")))).join("\n");
        assert!(!said.contains("hunter2"), "{said}");
        let broker = Broker::of_scheme(url.split_once("://").expect("a scheme").0).expect("a broker's");
        let told = if broker.is_built_in() { told } else { "was made without the feature" };
        assert!(said.contains(told), "{url}: {said}");
    }
}

#[cfg(feature = "full")]
#[test]
fn keys_that_mean_nothing_there_are_told_with_what_to_do_instead() {
    let all = "method = \"PUT\"\nauth = { type = \"bearer\", token = \"hunter2\" }\noutcomes = [{ status = 404, then = \"accept\" }]\nproxy = \"http://p:1\"";
    for (url, told) in [
        ("nats://h.example.com/x", "or a token alone, into the url"),
        ("redis://h.example.com?stream=x", "write user and password into the url: redis://user:${PASSWORD}@host"),
    ] {
        let said = said(read(&file(&format!("url = \"{url}\"\n{all}"))));
        assert_eq!(said.len(), 4, "{said:#?}");
        for key in ["method", "auth", "outcomes", "proxy"] {
            let of = format!("destinations.crm.{key}: means nothing for ");
            assert!(said.iter().any(|said| said.contains(&of)), "{key}: {said:#?}");
        }
        assert!(said.iter().any(|said| said.contains(told)), "{said:#?}");
    }
    let steps = "steps = [{ name = \"contact\", url = \"/contacts\" }]";
    let said = said(read(&file(&format!("url = \"kafka://h.example.com/x\"\n{steps}"))));
    assert!(said.iter().any(|said| said.contains("crm.steps: means nothing for Kafka")), "{said:#?}");
}

#[test]
fn a_preset_for_http_is_told_of_once_and_by_its_name() {
    for (preset, url) in
        [("slack", "nats://h.example.com/x"), ("sqs", "kafka://h.example.com/x"), ("hubspot", "redis://h")]
    {
        let said = said(read(&file(&format!("preset = \"{preset}\"\nurl = \"{url}\""))));
        let own: Vec<&String> = said.iter().filter(|said| !said.contains("crm.url: ")).collect();
        assert_eq!(own.len(), 1, "{said:#?}");
        assert!(own[0].contains("crm.preset: is for HTTP, and `url` leads to "), "{said:#?}");
    }
}

#[cfg(feature = "full")]
#[test]
fn certificates_are_for_connections_that_are_encrypted() {
    let beside = tempfile::tempdir().expect("a directory");
    let own = rcgen::generate_simple_self_signed(["h.example.com".to_owned()]).expect("a certificate");
    std::fs::write(beside.path().join("ca.pem"), own.cert.pem()).expect("a file");
    for (url, told) in [
        ("tls://h.example.com/x", None),
        ("nats://h.example.com/x", None),
        ("amqps://h.example.com?routing_key=x", None),
        ("rediss://h.example.com?stream=x", None),
        ("amqp://h.example.com?routing_key=x", Some("write amqps://")),
        ("redis://h.example.com?stream=x", Some("write rediss://")),
        ("kafka://h.example.com/x", Some("without encryption only")),
    ] {
        let text = file(&format!("url = \"{url}\"\nca = \"ca.pem\""));
        let read = parse(&beside.path().join("leadhook.toml"), &text, &Environment::default());
        let said = said(read).join("\n");
        match told {
            Some(told) => assert!(said.contains("crm.ca: means nothing here") && said.contains(told), "{url}: {said}"),
            None => assert_eq!(said, "", "{url}"),
        }
    }
}

#[cfg(feature = "full")]
#[test]
fn passwords_in_the_open_are_warned_of() {
    for (url, warns) in [
        ("redis://:hunter2@h.example.com?stream=x", true),
        ("redis://:hunter2@127.0.0.1?stream=x", false),
        ("redis://h.example.com?stream=x", false),
        ("rediss://:hunter2@h.example.com?stream=x", false),
        ("kafka://u:hunter2@h.example.com/x", true),
    ] {
        let warned = warned(&file(&format!("url = \"{url}\""))).join("\n");
        assert_eq!(warned.contains("unencrypted"), warns, "{url}: {warned}");
        assert!(!warned.contains("hunter2"), "{warned}");
    }
}

#[cfg(feature = "full")]
#[test]
fn two_subjects_for_the_same_events_are_warned_of() {
    let two = |second: &str, on: &str| {
        let text = file("url = \"tls://h.example.com/a\"");
        let more = format!(
            "[destinations.other]\nurl = \"{second}\"\nsecret = \"{SECRET}\"\n\n[[routes]]\nname = \"other\"\non = [\"{on}\"]\nto = [\"other\"]\n"
        );
        warned(&format!("{text}\n{more}")).join("\n")
    };
    let said = two("nats://h.example.com:4222/b", "lead.finalized");
    assert!(said.contains("destinations.other.url: is on the server of `crm`"), "{said}");
    assert!(said.contains("a stream of its own"), "{said}");
    assert_eq!(two("nats://other.example.com/b", "lead.finalized"), "");
    assert_eq!(two("nats://h.example.com/b", "lead.rated"), "");
    assert_eq!(two("redis://h.example.com?stream=b", "lead.finalized"), "");
}

#[test]
fn schemes_of_others_are_told_what_they_are_here() {
    for (url, told) in [
        ("mqtt://h/x", "for example \"https://"),
        ("rabbitmq://h/x", "write amqp://"),
        ("redis+tls://h/x", "write rediss://"),
        ("kafka+ssl://h/{{ type }}", "without encryption only"),
        ("sqs://h/x", "preset = \"sqs\""),
    ] {
        let said = said(read(&file(&format!("url = \"{url}\"")))).join("\n");
        assert!(said.contains("must begin with https:// or http://, or as a queue's with nats://"), "{said}");
        assert!(said.contains(told), "{url}: {said}");
    }
    let plain = warned(&file("url = \"https://sqs.sa-east-1.amazonaws.com/1/leads\"")).join("\n");
    assert!(plain.contains("is a queue of SQS") && plain.contains("preset = \"sqs\""), "{plain}");
}
