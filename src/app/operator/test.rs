//! A marked sample for a destination, now.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Operator, Refusal, Verb, unknown_destination};
use crate::config::Config;
use crate::domain::csat::CsatRules;
use crate::domain::destination::Destination;
use crate::domain::event::EventType;
use crate::domain::outcome::{self, Answer, Outcome};
use crate::domain::request::Request;
use crate::domain::sample;
use crate::domain::steps::{Next, Progress, tell};
use crate::tokens::{Keeper, Way};
use crate::transport::{Sent, Transport};

/// Send a sample.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Test {
    /// The destination.
    pub name: String,
}

/// What came of a sample, or of one of its steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// The destination.
    pub destination: String,
    /// The sample's id.
    pub event_id: String,
    /// Whether it was accepted.
    pub accepted: bool,
    /// The last answer, where there are several steps; and all that took.
    #[serde(flatten)]
    pub said: Option<Said>,
    /// Each call in order, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<TestedStep>,
}

/// What came back of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Said {
    /// What it means.
    pub outcome: Outcome,
    /// Its status.
    pub status: Option<u16>,
    /// What happened where there is none, or what is wrong with it.
    pub error: Option<String>,
    /// What was answered, its secrets hidden.
    pub answer: String,
    /// How long it took.
    pub took_ms: u64,
}

/// What came of a sample, or of one of its steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestedStep {
    /// The step's name.
    pub step: String,
    /// It was left out, for its `when` does not hold.
    pub skipped: bool,
    /// Whether it was accepted.
    pub accepted: bool,
    /// What came back; `None`: nothing was sent.
    #[serde(flatten)]
    pub said: Option<Said>,
    /// Why no request could be made.
    pub unsendable: Option<String>,
    /// What was captured of the answer, by name.
    pub captured: serde_json::Map<String, Value>,
}

impl Verb for Test {
    const PATH: &'static str = "destination/test";
    type Reply = Tested;

    async fn run(self, operator: &Operator) -> Result<Tested, Refusal> {
        test(&operator.config(), &self.name, operator.tokens.of(&self.name)).await
    }
}

/// Sends a sample by this file. `keeper`: of the destination's token, where it wants one.
///
/// # Errors
/// There is no such destination, or no request can be made of the sample.
pub async fn test(config: &Config, name: &str, keeper: Option<Keeper>) -> Result<Tested, Refusal> {
    let destination = config.destinations.iter().find(|d| d.name == name);
    let destination = destination.ok_or_else(|| unknown_destination(name, config))?;
    let transport = Transport::new(destination).map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let way = Way::new(Arc::new(transport), destination, keeper);
    let sample = marked(&config.source.platform_id, Timestamp::now());
    if destination.steps.is_empty() {
        test_one(config, destination, &way, sample).await
    } else {
        test_steps(config, destination, &way, sample).await
    }
}

/// One call, with a token where one is wanted.
async fn send(way: &Way, id: &str, request: Request) -> Sent {
    match way.pass().await {
        Ok(pass) => way.send(pass, id, request, Timestamp::now()).await,
        Err(not_sent) => not_sent,
    }
}

async fn test_one(
    config: &Config,
    destination: &Destination,
    way: &Way,
    (event_id, envelope): (String, String),
) -> Result<Tested, Refusal> {
    let request =
        destination.form.render(&event_id, envelope.into_bytes()).map_err(|unfit| Refusal::Usage(unfit.to_string()))?;
    let sent = send(way, &event_id, request).await;
    let said = said(config, &sent, destination.judge(&sent.answer), destination.hint(&sent.answer));
    let accepted = said.outcome == Outcome::Accepted;
    Ok(Tested { destination: destination.name.clone(), event_id, accepted, said: Some(said), steps: Vec::new() })
}

/// All steps in order, as far as they are accepted. How far that is, is known here alone: there is nothing to go on with.
async fn test_steps(
    config: &Config,
    destination: &Destination,
    way: &Way,
    (event_id, envelope): (String, String),
) -> Result<Tested, Refusal> {
    let calls = destination.calls();
    let mut steps: Vec<TestedStep> = Vec::new();
    let mut progress = Progress::default();
    let accepted = loop {
        let before = progress.passed.len();
        let next = calls.next(&event_id, envelope.clone().into_bytes(), progress.clone());
        let call = match next {
            Ok(Next::Send(call)) => *call,
            Ok(Next::Done | Next::Lost(_)) => {
                let left = destination.steps.iter().filter(|step| !progress.has_passed(&step.name));
                steps.extend(left.map(|step| TestedStep { skipped: true, ..untried(&step.name) }));
                break steps.iter().any(|step| step.accepted);
            }
            Err(unfit) => {
                let at = calls.next_step(&event_id, envelope.as_bytes(), &progress).unwrap_or_default();
                steps.push(TestedStep { unsendable: Some(unfit.to_string()), ..untried(at) });
                break false;
            }
        };
        let sent = send(way, &call.id, call.request).await;
        let told = tell(call.step.as_ref(), destination, &sent.answer);
        let step = call.step.as_ref().map(|step| step.name().to_owned()).unwrap_or_default();
        let accepted = told.outcome == Outcome::Accepted;
        progress = told.progress.unwrap_or_default();
        let passed = progress.passed.iter().skip(before).filter(|passed| passed.skipped);
        steps.extend(passed.map(|passed| TestedStep { skipped: true, ..untried(&passed.step) }));
        let own = progress.captured.iter().filter(|own| own.step == step);
        let captured = own.filter_map(|own| {
            Some((own.name.clone(), serde_json::from_str(&config.veil.answer(&own.json, false)).ok()?))
        });
        steps.push(TestedStep {
            accepted,
            said: Some(said(config, &sent, told.outcome, told.why)),
            captured: captured.collect(),
            ..untried(&step)
        });
        if !accepted {
            break false;
        }
    };
    let took_ms = steps.iter().filter_map(|step| step.said.as_ref()).map(|said| said.took_ms).sum();
    let said = steps.iter().rev().find_map(|step| step.said.clone()).map(|said| Said { took_ms, ..said });
    Ok(Tested { destination: destination.name.clone(), event_id, accepted, said, steps })
}

fn untried(step: &str) -> TestedStep {
    TestedStep {
        step: step.to_owned(),
        skipped: false,
        accepted: false,
        said: None,
        unsendable: None,
        captured: serde_json::Map::new(),
    }
}

/// `why`: what is wrong with an answer that looks right.
fn said(config: &Config, sent: &Sent, outcome: Outcome, why: Option<String>) -> Said {
    let (status, error, answer) = match &sent.answer {
        Answer::Got(response) => {
            let begin = response.body.get(..outcome::READ).unwrap_or(&response.body);
            let is_cut = response.cut || begin.len() < response.body.len();
            (Some(response.status), why, config.veil.answer(&String::from_utf8_lossy(begin), is_cut))
        }
        Answer::Taken { receipt } => (None, None, receipt.clone()),
        Answer::Refused { .. } | Answer::Nothing { .. } => (None, Some(sent.answer.said()), String::new()),
    };
    Said { outcome, status, error, answer, took_ms: sent.took.as_millis() as u64 }
}

/// A sample's id and its envelope. `data.test` is true in it, and in no real event.
fn marked(platform: &str, now: Timestamp) -> (String, String) {
    let sample = sample::event(EventType::LeadFinalized, platform, "5", &CsatRules::default(), now);
    (sample.id, sample.envelope)
}
