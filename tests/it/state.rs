//! The directory: whose it is, who may use it, who may ask.

use std::os::unix::fs::PermissionsExt;

use leadhook::http_client::client_builder;
use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn state_is_kept_for_each_platform_so_that_a_changed_file_never_starts_over() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let base = File::new(&weclever.base_url()).without("username").without("password").source("token", READY_TOKEN);
    let first = base.clone().source("platform_id", "first").to("crm", &receiver.url(), "");
    let second = base.source("platform_id", "second").to("crm", &receiver.url(), "");

    let place = Place::new(&first);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&receiver, 1).await;
    service.stop();

    place.write(&second);
    let service = place.start_and_read().await;
    weclever.finalize(2, "sold");
    accepted(&receiver, 2).await;
    assert_eq!(place.status()["source"]["seen_leads"], 2, "its own baseline and one lead");
    service.stop();

    place.write(&first);
    let service = place.start().await;
    // What came meanwhile is news to the first platform; what it has sent is not.
    accepted(&receiver, 3).await;
    service.readings(3).await;
    receiver.tally(|tally| {
        let by_lead: Vec<(u64, usize)> = tally.by_lead.iter().map(|(lead, events)| (*lead, events.len())).collect();
        assert_eq!(by_lead, [(1, 1), (2, 2)]);
        assert_ne!(tally.by_lead[&2][0].id, tally.by_lead[&2][1].id);
    });
    assert_eq!(service.logged("first start"), 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_on_the_same_directory_ends_with_69_and_says_why() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let mut service = place.start_and_read().await;
    let second = place.run(&["run"]);
    assert_eq!((second.code, second.out.as_str()), (69, ""));
    assert!(second.err.contains("data") && second.err.contains("in use"), "{}", second.err);
    assert!(service.runs() && service.notice().is_some(), "the first one does not care");
    assert_eq!(place.run(&["status"]).code, 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_can_read_the_notice_can_ask_the_service() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let service = place.start_and_read().await;
    let path = place.path("data/admin.json");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::metadata(place.path("data")).unwrap().permissions().mode() & 0o077, 0);

    let notice = service.notice().unwrap();
    let (address, token) = (notice["address"].as_str().unwrap(), notice["token"].as_str().unwrap());
    assert!(address.starts_with("127.0.0.1:") && token.len() >= 32);
    let client = client_builder().build().unwrap();
    let ask = |verb: &str, token: Option<&str>| {
        let request = client.post(format!("http://{address}/api/v1/{verb}")).body("{}");
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        async move { request.send().await.unwrap() }
    };
    for verb in ["status", "dead/list", "destination/pause"] {
        for wrong in [None, Some(""), Some("wrong"), Some(&token[1..])] {
            let answer = ask(verb, wrong).await;
            assert_eq!(answer.status(), 401, "{verb} with {wrong:?}");
            assert!(!answer.text().await.unwrap().contains(token));
        }
    }
    let answer = ask("status", Some(token)).await;
    assert_eq!(answer.status(), 200);
    let status: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(status["running"], true);

    let token = token.to_owned();
    let log = service.stop();
    assert!(!path.exists(), "the notice is taken down at the end");
    assert!(!log.contains(&token));

    // A notice that a crash left behind misleads nobody, and the next service makes a new one.
    let service = place.start().await;
    let left = service.notice().unwrap();
    service.kill();
    assert!(path.exists());
    assert_eq!(place.json(&["status"], 0)["running"], false);
    let service = place.start().await;
    assert_ne!(service.notice().unwrap()["token"], left["token"]);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_there_is_nothing_to_ask() {
    let place = Place::new(&File::new("http://127.0.0.1:9").to("crm", "http://127.0.0.1:9/hook", ""));
    for args in [vec!["status"], vec!["dead", "list"], vec!["destination", "pause", "crm"]] {
        let ran = place.run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{args:?}");
        assert!(ran.err.contains("leadhook run"), "{}", ran.err);
    }
    assert_eq!(place.entries(), ["leadhook.toml"]);
}
