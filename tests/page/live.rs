//! The stream behind a page that keeps itself up to date, and what stands on every answer.

use leadhook::http_client::client_builder;
use leadhook::simulator::Behaviour;
use reqwest::{Response, StatusCode};

use crate::page;
use crate::support::*;

/// Pages that may listen at one time.
const LISTENERS: usize = 64;

/// Reads on until this was said, and gives all that was.
async fn hears(line: &mut Response, text: &str) -> String {
    let mut heard = String::new();
    let listening = async {
        while !heard.contains(text) {
            let Some(more) = line.chunk().await.unwrap() else { break };
            heard.push_str(&String::from_utf8_lossy(&more));
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("in vain listened for {text}"));
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_there_is_something_new_and_nothing_of_whom() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    // Hardly any polls, so that what is heard is of the lead.
    let place = Place::new(&File::new(&weclever.base_url()).source("poll_every", "1s").to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    let client = client_builder().build().unwrap();
    let listen = async || client.get(page(&service, "/live")).send().await.unwrap();
    let mut line = listen().await;
    assert_eq!(line.headers()["content-type"], "text/event-stream");
    hears(&mut line, ": leadhook").await;
    weclever.finalize(4_711, "sold");
    accepted(&crm, 1).await;
    let heard = hears(&mut line, "event: refresh\ndata: now\n\n").await;
    assert!(!heard.contains("4711") && !heard.contains("evt_"), "{heard}");

    // One too many is told so, and there is room again once somebody hangs up.
    let mut lines = vec![line];
    for _ in 1..LISTENERS {
        lines.push(listen().await);
    }
    assert!(lines.iter().all(|line| line.status() == StatusCode::OK));
    assert_eq!(listen().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    lines.pop();
    let mut tries = 0;
    while listen().await.status() != StatusCode::OK {
        tries += 1;
        assert!(tries < 1_000, "a line that was hung up stays taken");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    // What may be kept is kept for ever, and all else not at all.
    let front = client.get(page(&service, "/")).send().await.unwrap();
    let header = |answer: &Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(
        header(&front, "content-security-policy")
            .starts_with("default-src 'none'; script-src 'self'; style-src 'self'")
    );
    assert_eq!([header(&front, "cache-control"), header(&front, "x-content-type-options")], ["no-store", "nosniff"]);
    let text = front.text().await.unwrap();
    for ending in [".css", ".js", ".svg"] {
        let path = text.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(ending)).unwrap();
        let asset = client.get(page(&service, path)).send().await.unwrap();
        assert_eq!(asset.status(), StatusCode::OK, "{path}");
        assert!(header(&asset, "cache-control").contains("immutable"), "{path}");
    }
    assert_eq!(client.get(page(&service, "/nowhere")).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    // An open line does not hold up the end.
    let mut line = lines.remove(0);
    service.stop();
    while let Ok(Some(_)) = line.chunk().await {}
}
