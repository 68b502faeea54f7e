//! Names that lead to this machine, through the front door.

use std::net::ToSocketAddrs;

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

const TOLD: &str = "this machine itself; write allow_private = true at this destination if that is meant";

fn probed<'a>(checked: &'a Value, what: &str) -> &'a str {
    let probes = checked["online"].as_array().unwrap();
    let probe = probes.iter().find(|probe| probe["what"] == what).unwrap_or_else(|| panic!("no {what}: {checked:#}"));
    probe["said"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_this_machine_wants_a_word_in_the_file() {
    let weclever = weclever(by_hand()).await;
    let there = receiver(Behaviour::Fine).await;
    let url = there.url().replace("127.0.0.1", "localhost");
    let more = format!("secret = {SECRET:?}\n{PATIENT_RETRIES}");
    let file = |word: &str| File::new(&weclever.base_url()).to("crm", &url, &format!("{word}{more}"));
    let place = Place::new(&file(""));
    let said = probed(&place.json(&["check", "--online"], 1), "destination crm").to_owned();
    assert!(said.starts_with("localhost: ") && said.ends_with(TOLD), "{said}");
    let tested = place.run(&["destination", "test", "crm"]);
    assert!(tested.code == 1 && tested.out.contains(TOLD), "{}{}", tested.out, tested.err);

    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    until("the story says so", || place.run(&["explain", "7"]).out.contains(TOLD)).await;
    let status = place.json(&["status"], 0);
    assert_eq!((&destination(&status, "crm")["pending"], &destination(&status, "crm")["dead"]), (&1.into(), &0.into()));
    service.stop();
    assert_eq!(there.tally(|tally| tally.requests), 0, "it was connected to");

    place.write_text("leadhook.toml", &file("allow_private = true\n").text());
    assert!(probed(&place.json(&["check", "--online"], 0), "destination crm").ends_with("takes connections"));
    let service = place.start_and_read().await;
    accepted(&there, 1).await;
    service.stop();
    there.tally(|tally| assert_eq!((tally.verified, tally.bad), (1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_a_destinations_sake_is_judged_alike() {
    let weclever = weclever(by_hand()).await;
    let there = receiver(Behaviour::Fine).await;
    let port = there.url().rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let token = format!("http://localhost:{port}/token");
    let auth = format!(
        "secret = {SECRET:?}\nauth = {{ type = 'oauth2', token_url = '{token}', client_id = 'a', client_secret = 'b' }}"
    );
    // Not every machine knows this name; what it leads to is this machine, where it leads anywhere.
    let six = format!("http://ip6-localhost:{port}/hook");
    let knows = ("ip6-localhost", 80).to_socket_addrs().is_ok_and(|mut found| found.next().is_some());
    let file = File::new(&weclever.base_url()).to("guarded", &there.url(), &auth).to(
        "six",
        &six,
        &format!("secret = {SECRET:?}"),
    );
    let place = Place::new(&file);
    let checked = place.json(&["check", "--online"], 1);
    let said = probed(&checked, "token of guarded");
    assert!(said.contains(TOLD), "{said}");
    let said = probed(&checked, "destination six");
    assert_eq!(said.ends_with(TOLD), knows, "{said}");
    assert_eq!(there.tally(|tally| tally.requests), 0, "it was asked");

    // In numbers it is the file's own choice; but where a cloud hands out credentials, nobody is a destination.
    let numbers = File::new(&weclever.base_url()).to("crm", "http://0xa9fea9fe/latest/meta-data", "");
    let ran = Place::new(&numbers).run(&["check"]);
    assert!(ran.code == 78 && ran.err.contains("leads to where a cloud hands out credentials"), "{}", ran.err);
}
