//! What is counted of what happens, for `/metrics`. It begins anew with the process, as Prometheus expects.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Happening;
use crate::domain::retry::Verdict;

/// What is counted; cheap to clone.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Inner>);

type Histograms = Family<ByDestination, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct Inner {
    polls: Family<ByResult, Counter>,
    listed: Counter,
    events: Family<ByType, Counter>,
    attempts: Family<ByOutcome, Counter>,
    attempt_seconds: Histograms,
    lag: Histograms,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByType {
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    destination: String,
    outcome: &'static str,
}

/// A destination, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByDestination {
    /// As it stands in the file.
    pub destination: String,
}

impl Default for Counters {
    fn default() -> Counters {
        // From the quickest answer to the longest timeout.
        let attempts = || Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0]);
        // From at once to the last of the retries.
        let lag = || {
            Histogram::new([
                0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 86_400.0, 259_200.0,
            ])
        };
        Counters(Arc::new(Inner {
            polls: Family::default(),
            listed: Counter::default(),
            events: Family::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(attempts),
            lag: Family::new_with_constructor(lag),
        }))
    }
}

impl Counters {
    /// Counts something that happened.
    pub fn note(&self, happening: &Happening) {
        let all = &self.0;
        match happening {
            Happening::Read { listed, .. } => {
                all.polls.get_or_create(&ByResult { result: "ok" }).inc();
                all.listed.inc_by(u64::try_from(*listed).unwrap_or(u64::MAX));
            }
            Happening::ReadFailed { .. } => drop(all.polls.get_or_create(&ByResult { result: "failed" }).inc()),
            Happening::Recorded { event_type, .. } => {
                all.events.get_or_create(&ByType { r#type: event_type.as_str() }).inc();
            }
            Happening::Tried { destination, outcome, took, verdict, age, .. } => {
                let by = ByOutcome { destination: destination.clone(), outcome: outcome.as_str() };
                all.attempts.get_or_create(&by).inc();
                let by = ByDestination { destination: destination.clone() };
                all.attempt_seconds.get_or_create(&by).observe(took.as_secs_f64());
                if *verdict == Verdict::Delivered {
                    all.lag.get_or_create(&by).observe(age.as_secs_f64());
                }
            }
            Happening::Done { destination, age, .. } => {
                let by = ByDestination { destination: destination.clone() };
                all.lag.get_or_create(&by).observe(age.as_secs_f64());
            }
            Happening::SetAside { .. }
            | Happening::Unreadable { .. }
            | Happening::Unsent { .. }
            | Happening::Failing { .. }
            | Happening::Recovered { .. } => {}
        }
    }

    /// Puts everything that is counted into a registry, under the names that it is known by.
    pub fn register(&self, registry: &mut Registry) {
        let all = &self.0;
        registry.register("leadhook_polls", "Windows of the source that were asked for, by result", all.polls.clone());
        registry.register("leadhook_leads_listed", "Rows in the windows that were read", all.listed.clone());
        registry.register("leadhook_events", "Events that were recorded", all.events.clone());
        registry.register("leadhook_attempts", "Attempts at destinations, by what they meant", all.attempts.clone());
        let help = "How long attempts took, in seconds";
        registry.register("leadhook_attempt_seconds", help, all.attempt_seconds.clone());
        let help = "From an event to its acceptance by the destination, in seconds";
        registry.register("leadhook_delivery_lag_seconds", help, all.lag.clone());
    }
}
