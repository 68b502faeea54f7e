//! `/metrics`, as Prometheus reads it: what was counted, and how everything stands now. Names and counts, nothing of a person.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::asked::Asked;
use crate::app::operator::{DestinationStatus, State as Standing, Status, StatusReport, Verb};
use crate::domain::clock;
use crate::watch::{ByDestination, Counters};

/// OpenMetrics 1.0, which is what the encoder writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(asked): State<Asked>) -> Response {
    let report = match (Status {}).run(&asked.operator).await {
        Ok(report) => report,
        Err(refusal) => return (StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()).into_response(),
    };
    match encoded(&report, asked.operator.counters()) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn encoded(report: &StatusReport, counters: &Counters) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    counters.register(&mut registry);
    gauges(report, &mut registry);
    let mut encoded = String::new();
    text::encode(&mut encoded, &registry)?;
    Ok(encoded)
}

type Number = Gauge<f64, AtomicU64>;

/// What is asked of each destination.
type Asks = fn(&DestinationStatus, Timestamp) -> f64;

fn gauges(report: &StatusReport, registry: &mut Registry) {
    let source = &report.source;
    let mut one = |name: &str, help: &str, value: f64| {
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    let last = source.last_poll.map_or(0.0, |at| at.as_millisecond() as f64 / 1_000.0);
    one("leadhook_last_successful_poll_timestamp_seconds", "When the source was read last; 0: never", last);
    let up = f64::from(u8::from(source.stale_since.is_none() && source.trouble.is_none()));
    one("leadhook_source_up", "1 where the last reading of the source was good", up);
    one("leadhook_seen_leads", "Leads that are known", source.seen_leads as f64);
    one("leadhook_store_bytes", "Size of the store on disk", report.store.bytes as f64);
    let full = f64::from(u8::from(report.store.full.is_some()));
    one("leadhook_store_full", "1 where nothing new is read for want of room", full);

    let asked: [(&str, &str, Asks); 4] = [
        ("leadhook_pending", "Deliveries that are still to be made", |d, _| d.pending as f64),
        ("leadhook_oldest_pending_seconds", "Age of the oldest of them; 0: there is none", |d, now| {
            d.oldest_pending.map_or(0.0, |at| clock::elapsed(at, now).as_secs_f64())
        }),
        ("leadhook_dead_letters", "Deliveries that were given up on", |d, _| d.dead as f64),
        ("leadhook_destination_up", "1 where it takes deliveries, as far as is known", |d, _| {
            f64::from(u8::from(matches!(d.state, Standing::Ok | Standing::Waiting)))
        }),
    ];
    for (name, help, ask) in asked {
        let family = Family::<ByDestination, Number>::default();
        for destination in &report.destinations {
            let by = ByDestination { destination: destination.name.clone() };
            family.get_or_create(&by).set(ask(destination, report.at));
        }
        registry.register(name, help, family);
    }
}
