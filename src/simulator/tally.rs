//! What a simulated destination saw.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use serde::Deserialize;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `webhook-id`; empty where there is none.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// All headers.
    pub headers: http::HeaderMap,
    /// The path and the query.
    pub path: String,
    /// The body.
    pub body: axum::body::Bytes,
    /// When it came.
    pub at: Instant,
}

/// An accepted event, in the order of acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// `data.revision` of the body.
    pub revision: Option<u64>,
    /// `webhook-id`.
    pub id: String,
}

/// Counts of what came and what became of it.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests, whatever came of them.
    pub requests: u64,
    /// Requests answered with a 2xx.
    pub accepted: u64,
    /// Requests by `webhook-id`.
    pub by_id: HashMap<String, u64>,
    /// Accepted requests by `webhook-id`: 2 means that an event came twice.
    pub accepted_by_id: HashMap<String, u64>,
    /// Accepted events by `data.weclever_lead_id` of the body.
    pub by_lead: BTreeMap<u64, Vec<Accepted>>,
    /// Answers by status; 0 stands for a connection that was broken off.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests with a good and fresh signature.
    pub verified: u64,
    /// Requests whose signature is wrong, stale or missing, though a secret is known.
    pub bad: u64,
    /// Requests open now and, below, at most: how many a destination is sent at once.
    pub open: u64,
    /// The most requests that were open at once.
    pub most_open: u64,
    /// The newest requests, as many as were to be kept.
    pub kept: VecDeque<Received>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    weclever_lead_id: Option<u64>,
    revision: Option<u64>,
}

impl Tally {
    pub(super) fn came(&mut self, request: &Received, keep: usize, verified: Option<bool>) {
        self.requests += 1;
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        *self.by_id.entry(request.id.clone()).or_default() += 1;
        match verified {
            Some(true) => self.verified += 1,
            Some(false) => self.bad += 1,
            None => {}
        }
        if keep > 0 {
            if self.kept.len() >= keep {
                self.kept.pop_front();
            }
            self.kept.push_back(request.clone());
        }
    }

    pub(super) fn answered(&mut self, id: &str, body: &[u8], status: u16) {
        *self.by_status.entry(status).or_default() += 1;
        if !(200..300).contains(&status) {
            return;
        }
        self.accepted += 1;
        *self.accepted_by_id.entry(id.to_owned()).or_default() += 1;
        let data = serde_json::from_slice(body).ok().and_then(|envelope: Envelope| envelope.data);
        if let Some(Data { weclever_lead_id: Some(lead), revision }) = data {
            self.by_lead.entry(lead).or_default().push(Accepted { revision, id: id.to_owned() });
        }
    }

    /// The ids that were accepted more than once.
    pub fn repeated(&self) -> Vec<&str> {
        self.accepted_by_id.iter().filter(|(_, count)| **count > 1).map(|(id, _)| id.as_str()).collect()
    }

    /// The leads whose events were not accepted in the order of their revisions. An event that came twice counts where it came first.
    pub fn out_of_order(&self) -> Vec<u64> {
        let disordered = |events: &Vec<Accepted>| {
            let mut seen = std::collections::HashSet::new();
            let firsts: Vec<_> =
                events.iter().filter(|event| seen.insert(&event.id)).map(|event| event.revision).collect();
            !firsts.is_sorted()
        };
        self.by_lead.iter().filter(|(_, events)| disordered(events)).map(|(lead, _)| *lead).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_judged_by_first_arrivals() {
        let mut tally = Tally::default();
        let body = |lead: u64, revision: u64| {
            format!(r#"{{"data":{{"weclever_lead_id":{lead},"revision":{revision},"lead":{{}}}}}}"#)
        };
        for (id, lead, revision) in [("a", 1, 1), ("b", 1, 2), ("a", 1, 1), ("c", 2, 2), ("d", 2, 1)] {
            tally.answered(id, body(lead, revision).as_bytes(), 200);
        }
        tally.answered("e", body(1, 0).as_bytes(), 500);
        tally.answered("f", b"not json", 204);
        assert_eq!(tally.out_of_order(), [2]);
        assert_eq!(tally.repeated(), ["a"]);
        assert_eq!((tally.accepted, tally.by_lead[&1].len()), (6, 3));
    }
}
