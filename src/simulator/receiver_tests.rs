//! Simulated destinations, sent to over real sockets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Response};

use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const SOON: Duration = Duration::from_secs(10);

async fn start(behaviour: Behaviour) -> Receiver {
    let options = ReceiverOptions {
        secrets: vec![SECRET.to_owned()],
        keep: 2,
        slow: Duration::from_millis(10),
        ..ReceiverOptions::default()
    };
    Receiver::start_with(TcpListener::bind("127.0.0.1:0").await.unwrap(), behaviour, options).unwrap()
}

/// One client for each test, since making one takes a while.
fn client() -> Client {
    thread_local! {
        static CLIENT: Client = {
            let _ = rustls::crypto::ring::default_provider().install_default();
            Client::new()
        };
    }
    CLIENT.with(Client::clone)
}

async fn send(receiver: &Receiver, id: &str, body: &str, age: u64) -> reqwest::Result<Response> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - age;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(&SECRET[6..]).unwrap()).unwrap();
    mac.update(format!("{id}.{now}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let request = client().post(receiver.url() + "?a=b").header("webhook-id", id).header("webhook-timestamp", now);
    request.header("webhook-signature", signature).body(body.to_owned()).send().await
}

async fn statuses(receiver: &Receiver, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in 0..count {
        statuses
            .push(send(receiver, &format!("evt_{number}"), "{}", 0).await.map_or(0, |answer| answer.status().as_u16()));
    }
    statuses
}

#[tokio::test]
async fn a_fine_one_accepts_verifies_and_remembers() {
    let receiver = start(Behaviour::Fine).await;
    let body = r#"{"data":{"weclever_lead_id":18446744073709551615,"revision":1}}"#;
    for (id, age) in [("evt_a", 0), ("evt_b", 10), ("evt_a", 0), ("evt_c", 600)] {
        assert!(send(&receiver, id, body, age).await.unwrap().status().is_success());
    }
    client().post(receiver.url()).header("webhook-id", "evt_d").body("").send().await.unwrap();
    receiver.tally(|tally| {
        assert_eq!((tally.requests, tally.accepted, tally.verified, tally.bad), (5, 5, 3, 2));
        assert_eq!((tally.by_id["evt_a"], tally.repeated()), (2, vec!["evt_a"]));
        assert_eq!(tally.by_lead[&u64::MAX].len(), 4);
        assert_eq!(tally.kept.len(), 2);
        assert_eq!((tally.kept[0].path.as_str(), tally.kept[0].body.as_ref()), ("/hook?a=b", body.as_bytes()));
    });
    receiver.forget();
    assert_eq!(receiver.tally(|tally| tally.requests), 0);
}

#[tokio::test]
async fn broken_and_gone_ones_stay_so() {
    assert_eq!(statuses(&start(Behaviour::Broken { status: 422 }).await, 3).await, [422; 3]);
    let receiver = start(Behaviour::Gone).await;
    assert_eq!(statuses(&receiver, 2).await, [410; 2]);
    receiver.behave(Behaviour::Fine);
    assert_eq!(statuses(&receiver, 1).await, [200]);
}

#[tokio::test]
async fn a_scripted_one_plays_its_script_and_is_fine() {
    let receiver = start(Behaviour::Scripted(vec![500, 429, 302, 503])).await;
    let first = send(&receiver, "evt_a", "{}", 0).await.unwrap();
    assert!(first.status() == 500 && !first.headers().contains_key("retry-after"));
    assert_eq!(send(&receiver, "evt_a", "{}", 0).await.unwrap().headers()["retry-after"], "1");
    assert_eq!(statuses(&receiver, 4).await, [302, 503, 200, 200]);
    assert_eq!(receiver.tally(|tally| tally.accepted), 2);
}

#[tokio::test]
async fn a_flaky_one_has_all_mishaps_and_breaks_off_without_an_answer() {
    let receiver = start(Behaviour::Flaky { share: 0.6, kinds: Mishap::ALL.to_vec() }).await;
    let seen: std::collections::BTreeSet<u16> = statuses(&receiver, 60).await.into_iter().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 200, 429, 500, 503]);
    let counted = receiver.tally(|tally| tally.by_status.keys().copied().collect::<Vec<_>>());
    assert_eq!(counted, [0, 200, 429, 500, 503]);
    let receiver = start(Behaviour::Flaky { share: 1.0, kinds: vec![Mishap::Reset] }).await;
    assert!(send(&receiver, "evt_a", "{}", 0).await.unwrap_err().is_request());
}

#[tokio::test]
async fn a_hanging_one_hangs_until_it_is_stopped() {
    let receiver = start(Behaviour::Hanging).await;
    let (url, address) = (receiver.url(), receiver.address());
    let asked = tokio::spawn(client().post(url).header("webhook-id", "evt_a").send());
    assert!(receiver.wait_until(|tally| tally.open == 1 && tally.by_id.contains_key("evt_a"), SOON).await);
    assert!(!receiver.wait_until(|tally| tally.open == 0, Duration::from_millis(20)).await);
    assert!(!asked.is_finished());
    receiver.stop().await;
    assert!(asked.await.unwrap().is_err());
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn waiting_ends_when_the_wish_comes_true() {
    let receiver = Arc::new(start(Behaviour::Fine).await);
    let waiting = Arc::clone(&receiver);
    let waiting =
        tokio::spawn(async move { waiting.wait_until(|tally| tally.accepted == 3 && tally.open == 0, SOON).await });
    statuses(&receiver, 3).await;
    assert!(waiting.await.unwrap());
    assert_eq!(receiver.tally(|tally| tally.most_open), 1);
}
