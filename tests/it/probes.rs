//! What a machine asks of the service: whether it lives, whether it works, how much there is to do.

use leadhook::http_client::client_builder;
use leadhook::simulator::{Behaviour, FaultKind, Faults};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::support::*;

/// Asks the service, as somebody without a token.
async fn ask(service: &Service, path: &str, host: Option<&str>) -> (StatusCode, String) {
    let address = service.notice().unwrap()["address"].as_str().unwrap().to_owned();
    let client: Client = client_builder().build().unwrap();
    let mut asking = client.get(format!("http://{address}{path}"));
    if let Some(host) = host {
        asking = asking.header("host", host);
    }
    let answer = asking.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// The value of a line of the metrics.
fn value(metrics: &str, line: &str) -> f64 {
    let found = metrics.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
    found.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {line} in\n{metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_what_happens_at_each_destination() {
    let weclever = weclever(by_hand()).await;
    let (fine, refuses) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Broken { status: 422 }).await);
    let file = File::new(&weclever.base_url()).to("crm", &fine.url(), "").to("refuses", &refuses.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
    let all =
        |status: &Value| destination(status, "crm")["delivered"] == 3 && destination(status, "refuses")["dead"] == 3;
    place.until_status("all are settled", all).await;
    let (status, metrics) = ask(&service, "/metrics", None).await;
    assert_eq!(status, StatusCode::OK, "{metrics}");
    for (line, expected) in [
        ("leadhook_events_total{type=\"lead.finalized\"}", 3.0),
        ("leadhook_attempts_total{destination=\"crm\",outcome=\"accepted\"}", 3.0),
        ("leadhook_attempts_total{destination=\"refuses\",outcome=\"given_up\"}", 3.0),
        ("leadhook_attempt_seconds_count{destination=\"refuses\"}", 3.0),
        ("leadhook_delivery_lag_seconds_count{destination=\"crm\"}", 3.0),
        ("leadhook_pending{destination=\"crm\"}", 0.0),
        ("leadhook_oldest_pending_seconds{destination=\"crm\"}", 0.0),
        ("leadhook_dead_letters{destination=\"refuses\"}", 3.0),
        ("leadhook_destination_up{destination=\"crm\"}", 1.0),
        ("leadhook_source_up", 1.0),
        ("leadhook_seen_leads", 3.0),
    ] {
        assert_eq!(value(&metrics, line), expected, "{line} in\n{metrics}");
    }
    assert!(value(&metrics, "leadhook_polls_total{result=\"ok\"}") >= 2.0);
    assert!(value(&metrics, "leadhook_leads_listed_total") >= 3.0);
    assert!(value(&metrics, "leadhook_store_bytes") > 0.0);
    assert_eq!(value(&metrics, "leadhook_store_full"), 0.0);
    assert!(value(&metrics, "leadhook_last_successful_poll_timestamp_seconds") > 1.7e9);
    // What is drawn and what alarms is there.
    let drawn = [
        include_str!("../../config/prometheus/grafana.json"),
        include_str!("../../config/prometheus/leadhook.rules.yml"),
    ];
    let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
    let names = drawn.iter().flat_map(|text| text.split(word)).filter(|name| name.starts_with("leadhook_"));
    let missing: Vec<&str> = names.filter(|name| !metrics.contains(&format!("\n{name}"))).collect();
    assert_eq!(missing, [""; 0], "{metrics}");
    // A delivery that nobody took has not arrived.
    assert!(!metrics.contains("leadhook_delivery_lag_seconds_count{destination=\"refuses\"}"));
    assert!(metrics.ends_with("# EOF\n"));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_once_the_source_was_read_and_no_longer_when_it_falls_silent() {
    let weclever = weclever(by_hand()).await;
    weclever.set_faults(Faults::of(1.0, [FaultKind::Error]));
    let place = Place::new(&File::new(&weclever.base_url()).source("stale_after", "2s"));
    let service = place.start().await;
    assert_eq!(ask(&service, "/healthz", None).await, (StatusCode::OK, "ok\n".to_owned()));
    let (status, why) = ask(&service, "/readyz", None).await;
    assert_eq!(
        (status, why.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false,"why":["the source has not been read yet"]}"#)
    );
    weclever.set_faults(Faults::default());
    ready(&service, StatusCode::OK).await;
    weclever.set_faults(Faults::of(1.0, [FaultKind::Error]));
    ready(&service, StatusCode::SERVICE_UNAVAILABLE).await;
    let (_, why) = ask(&service, "/readyz", None).await;
    assert!(why.contains("the source was read last at ") && why.contains("longer than 2s ago"), "{why}");
    assert_eq!(ask(&service, "/healthz", None).await.0, StatusCode::OK);
    service.stop();
}

async fn ready(service: &Service, wished: StatusCode) {
    let began = std::time::Instant::now();
    while ask(service, "/readyz", None).await.0 != wished {
        assert!(began.elapsed() < PATIENCE, "in vain waited for {wished}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_whose_name_leads_here_is_not_answered() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let service = place.start().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/status"] {
        let (status, _) = ask(&service, path, Some("evil.example:8787")).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    assert_eq!(ask(&service, "/healthz", Some("localhost:1")).await.0, StatusCode::OK);
    service.stop();
}
