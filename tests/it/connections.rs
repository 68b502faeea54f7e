//! Destinations behind a CA of one's own, a client certificate and a proxy.

use serde_json::Value;

use crate::support::*;
use crate::tls::{self, Authority, BOTH, Does};

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_goes_through_the_proxy_to_a_server_that_wants_a_certificate() {
    let weclever = weclever(by_hand()).await;
    let ours = Authority::new("ours");
    let there = tls::receiver(tls::server(&ours.sign(&["localhost"]), Some(&ours), BOTH)).await;
    // leadhook:hunter2:hunter2, of which the first colon parts the two.
    let between = tls::proxy(Does::Connects { who_say: "Basic bGVhZGhvb2s6aHVudGVyMjpodW50ZXIy" }).await;
    let url = format!("https://localhost:{}/hook", there.address.port());
    let more = format!(
        "secret = {SECRET:?}\nallow_private = true\nca = 'tls/ca.pem'\nclient_cert = 'tls/client.pem'\nclient_key = 'tls/key.pem'\nproxy = 'http://leadhook:${{PROXY_PASSWORD}}@{}'\n{PATIENT_RETRIES}",
        between.address
    );
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &url, &more))
        .with("PROXY_PASSWORD", "hunter2%3Ahunter2")
        // Neither is ever gone through.
        .with("HTTPS_PROXY", "http://127.0.0.1:1")
        .with("ALL_PROXY", "http://127.0.0.1:1");
    let own = ours.sign(&["leadhook"]);
    std::fs::create_dir(place.path("tls")).unwrap();
    for (name, pem) in [("ca.pem", ours.pem()), ("client.pem", own.certificate_pem()), ("key.pem", own.key_pem())] {
        place.write_text(&format!("tls/{name}"), &pem);
    }
    let checked = place.json(&["check", "--online"], 0);
    let said = checked["online"].as_array().unwrap().last().unwrap()["said"].as_str().unwrap().to_owned();
    let through = format!("answers through http://{}, and its certificate is good", between.address);
    assert!(said.ends_with(&through), "{said}");
    let tested = place.json(&["destination", "test", "crm"], 0);
    assert_eq!((&tested["accepted"], &tested["status"]), (&true.into(), &200.into()));

    let before = there.came().len();
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    until("it arrives", || there.came().len() > before).await;
    service.stop();
    let came = there.came();
    assert_eq!(came.len(), before + 1);
    let (request, official) = (&came[before], standardwebhooks::Webhook::new(SECRET).unwrap());
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).unwrap().parse().unwrap());
    }
    official.verify(&request.body, &headers).unwrap();
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&event["type"], &event["data"]["weclever_lead_id"]), (&"lead.finalized".into(), &7.into()));
    assert!(between.came().iter().all(|asked| asked.line().starts_with("CONNECT localhost:")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_tls_or_the_proxy_is_told_with_its_key_and_without_its_password() {
    let weclever = weclever(by_hand()).await;
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let there = tls::receiver(tls::server(&ours.sign(&["localhost"]), Some(&ours), BOTH)).await;
    let refusing = tls::proxy(Does::Connects { who_say: "Basic another" }).await;
    let url = format!("https://localhost:{}/hook", there.address.port());
    let ca = "ca = 'ca.pem'";
    for (name, lines, told) in [
        ("unknown", String::new(), "name that CA's certificate as `ca`"),
        ("unshown", ca.to_owned(), "name yours as `client_cert` and `client_key`"),
        ("stranger", format!("{ca}\nclient_cert = 'stranger.pem'"), "may not take the certificate in `client_cert`"),
        (
            "refused",
            format!("{ca}\nproxy = 'http://leadhook:hunter2@{}'", refusing.address),
            "the proxy wants another user or password: see `proxy`",
        ),
    ] {
        let lines = format!("secret = {SECRET:?}\nallow_private = true\n{lines}\n{PATIENT_RETRIES}");
        let place = Place::new(&File::new(&weclever.base_url()).to(name, &url, &lines));
        let stranger = theirs.sign(&["leadhook"]);
        place.write_text("ca.pem", &ours.pem());
        place.write_text("stranger.pem", &(stranger.certificate_pem() + &stranger.key_pem()));
        let mut shown = Vec::new();
        for args in [vec!["check", "--online"], vec!["destination", "test", name]] {
            let ran = place.run(&args);
            assert_eq!(ran.code, 1, "{ran:?}");
            // Long lines are wrapped in a table.
            let said = place.json(&args, 1).to_string();
            assert!(said.contains(told), "{args:?}: {said}");
            shown.extend([ran.out, ran.err, said]);
        }
        let service = place.start_and_read().await;
        weclever.finalize(weclever.finalized_ids().len() as u64 + 1, "sold");
        place.until_status(told, |status| destination(status, name).to_string().contains(told)).await;
        for args in [vec!["status"], vec!["status", "--json"], vec!["explain", "1"], vec!["explain", "2"]] {
            let ran = place.run(&args);
            shown.extend([ran.out, ran.err]);
        }
        shown.push(service.stop());
        for shown in shown {
            assert!(!shown.contains("hunter2") && !shown.contains("bGVhZGhvb2s6aHVudGVyMg"), "{name}: {shown}");
        }
    }
    assert_eq!(there.came().len(), 0);
}
