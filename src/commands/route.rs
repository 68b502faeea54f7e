//! `leadhook route test`: a lead against the routes, offline. Sends nothing, opens no store, needs no secrets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, indented, outgoing as request_text, printable};
use crate::app::operator::{OutgoingCall, OutgoingRequest, rehearsed};
use crate::config::Config;
use crate::domain::event::{self, Event, EventId, EventType, Facts, Origin, Seen};
use crate::domain::lead::{Lead, LeadId, Row};
use crate::domain::raw;
use crate::domain::route::{Decision, SaidVerdict, decide};
use crate::domain::steps::{Given, RehearsedStep, written};
use crate::domain::template::{Context, Judged};
use crate::simulator;

/// The number of a lead that brings none along.
const EXAMPLE: u64 = 123_456;

#[derive(Debug, clap::Subcommand)]
pub enum RouteCommand {
    /// Show who wants a lead, why, and every request exactly as it would go out; sends nothing
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// A lead: an answer of the API, {"lead": {...}} with or without weclever_lead_id beside it, or an event; - for standard
    /// input
    #[arg(long, value_name = "FILE", required_unless_present = "simulated")]
    lead: Option<PathBuf>,
    /// A simulated lead, instead
    #[arg(long, conflicts_with = "lead")]
    simulated: bool,
    /// The simulated lead's rating
    #[arg(long, value_name = "RATING", default_value = "2", requires = "simulated")]
    rating: String,
    /// Only this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Where a delivery takes several steps: what one of them captures, as in contact_id=512, to see what that leads to;
    /// may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = given)]
    captured: Vec<(String, String)>,
    /// As if nobody knew whether the last try of this step got through, to see how that is found out; may be repeated
    #[arg(long, value_name = "STEP")]
    unknown: Vec<String>,
}

/// One event, and what becomes of it.
#[derive(Serialize)]
struct Tested {
    id: String,
    r#type: EventType,
    lead: LeadId,
    routes: Vec<Opinion>,
    requests: Vec<Outgoing>,
}

/// What a route says.
#[derive(Serialize)]
struct Opinion {
    route: String,
    verdict: SaidVerdict,
    why: String,
    /// What its condition looked at.
    values: Vec<Looked>,
}

#[derive(Serialize)]
struct Looked {
    name: String,
    value: String,
}

/// A delivery that would be made.
#[derive(Serialize)]
struct Outgoing {
    destination: String,
    route: String,
    /// The one request; `None` where there are `steps`.
    request: Option<OutgoingRequest>,
    /// Why no request can be made of it.
    unsendable: Option<String>,
    /// Every call in order, where it takes several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<TestedStep>,
}

/// One call of several.
#[derive(Serialize)]
struct TestedStep {
    step: String,
    id: String,
    /// What its `when` says; `None`: it has none.
    when: Option<&'static str>,
    /// Why its `when` cannot be evaluated.
    why: Option<String>,
    /// What its `when` looked at.
    values: Vec<Looked>,
    /// `None` where it is left out, or cannot be made.
    request: Option<OutgoingRequest>,
    unsendable: Option<String>,
    /// The captured value that may be to blame, for it is only stood in for.
    guess: Option<String>,
    /// What would be taken out of its answer.
    captures: Vec<Capture>,
}

#[derive(Serialize)]
struct Capture {
    name: String,
    place: String,
    optional: bool,
    /// What the steps behind see of it here; `None`: nothing.
    seen_as: Option<Value>,
    /// Whether it was given with `--captured`.
    given: bool,
}

impl Outgoing {
    fn is_sendable(&self) -> bool {
        self.unsendable.is_none() && (self.request.is_some() || !self.steps.is_empty())
    }
}

#[derive(Serialize)]
struct Report {
    events: Vec<Tested>,
    /// References that lead nowhere here.
    unset: Vec<String>,
}

pub fn route(global: &Global, command: RouteCommand, output: &Output) -> Result<Exit, Failure> {
    let RouteCommand::Test(args) = command;
    let mut config = global.load_without_secrets()?.config;
    if let Some(name) = &args.route {
        let all: Vec<String> = config.routes.iter().map(|route| format!("`{}`", route.name)).collect();
        config.routes.retain(|route| route.name == *name);
        if config.routes.is_empty() {
            return Err(Failure::usage(format!("there is no route `{name}`; there are: {}", all.join(", "))));
        }
    }
    let now = Timestamp::now();
    let json = match &args.lead {
        Some(file) => read(file)?,
        None => String::from_utf8_lossy(&simulator::example(EXAMPLE, &args.rating, now)).into_owned(),
    };
    known(&config, &args)?;
    let given = Given { captured: &args.captured, unknown: &args.unknown };
    let events = events(&json, &config, now)?;
    let tested: Vec<Tested> = events.into_iter().map(|event| test(&config, event, given, now)).collect();
    let wanted = tested.iter().any(|tested| !tested.requests.is_empty());
    let sendable = tested.iter().flat_map(|tested| &tested.requests).all(Outgoing::is_sendable);
    output.print(&Report { events: tested, unset: config.unset.clone() }, text)?;
    Ok(if wanted && sendable { Exit::Done } else { Exit::NeedsALook })
}

/// `contact_id=512`: the name, and the value as JSON text.
pub fn given(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), written(value))),
        _ => Err("write NAME=VALUE, as in contact_id=512".to_owned()),
    }
}

/// What is supposed of steps must be about some step: a mistyped name must not look as if it led to nothing.
fn known(config: &Config, args: &TestArgs) -> Result<(), Failure> {
    let wanted = |name: &str| config.routes.iter().any(|route| route.to.iter().any(|to| to == name));
    let steps = || config.destinations.iter().filter(|to| wanted(&to.name)).flat_map(|to| &to.steps);
    let names = |all: Vec<&str>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let captured = || steps().flat_map(|step| &step.captures).map(|capture| capture.name.as_str());
    if let Some((name, _)) = args.captured.iter().find(|(name, _)| !captured().any(|own| own == name)) {
        let all = names(captured().collect::<BTreeSet<_>>().into_iter().collect());
        return Err(Failure::usage(format!("no step captures `{name}`; there is: {all}")));
    }
    if let Some(name) = args.unknown.iter().find(|name| !steps().any(|step| step.name == **name)) {
        let all = names(steps().map(|step| step.name.as_str()).collect());
        return Err(Failure::usage(format!("there is no step `{name}`; there is: {all}")));
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    let read =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))
}

/// The event that the text is, or those that a first reading of the lead would bring.
fn events(json: &str, config: &Config, now: Timestamp) -> Result<Vec<Event>, Failure> {
    let parsed: Value =
        serde_json::from_str(json).map_err(|error| Failure::usage(format!("this is not JSON: {error}")))?;
    if parsed.get("type").is_some() && parsed.get("data").is_some() {
        return Ok(vec![ready_event(json, &parsed, &config.source.platform_id, now)?]);
    }
    let form = "an answer of the API looks like {\"lead\": {...}}, an event like {\"type\": ..., \"data\": {...}}";
    let lead = raw::at(json, &["lead"]).and_then(|lead| RawValue::from_string(lead.to_owned()).ok());
    let lead = lead.and_then(|lead| Lead::from_raw(lead).ok());
    let lead = lead.ok_or_else(|| Failure::usage(format!("there is no lead in this; {form}")))?;
    let row = Row {
        id: LeadId(parsed.get("weclever_lead_id").and_then(Value::as_u64).unwrap_or(EXAMPLE)),
        mapped_status: parsed.get("mapped_status").and_then(Value::as_str).map(str::to_owned),
        client_lead_id: raw::at(json, &["client_lead_id"]).and_then(|id| RawValue::from_string(id.to_owned()).ok()),
    };
    let csat = config.csat.read(lead.rating());
    let facts = Facts { row: &row, lead: &lead, csat: &csat };
    let seen = |revision| Seen { platform: &config.source.platform_id, n: 0, revision, origin: Origin::Live, now };
    let mut events = vec![event::finalized(facts, seen(1))];
    if csat.is_rated() {
        events.push(event::rated(facts, &["/csat/rating".to_owned()], seen(2)));
    }
    Ok(events)
}

/// An event as it was sent once.
fn ready_event(json: &str, parsed: &Value, platform: &str, now: Timestamp) -> Result<Event, Failure> {
    let name = parsed["type"].as_str().unwrap_or_default();
    let event_type = EventType::from_name(name).ok_or_else(|| {
        let known = EventType::ALL.map(EventType::as_str).join(", ");
        Failure::usage(format!("`{name}` is no event type; there are: {known}"))
    })?;
    let lead = LeadId(parsed["data"]["weclever_lead_id"].as_u64().unwrap_or(EXAMPLE));
    Ok(Event {
        id: EventId::of(platform, lead, event_type, "", 0),
        event_type,
        subject: String::new(),
        lead,
        timestamp: now,
        revision: 1,
        envelope: json.to_owned(),
    })
}

fn test(config: &Config, event: Event, given: Given<'_>, now: Timestamp) -> Tested {
    let Decision { wanted, said } = decide(&config.routes, &event);
    let id = event.id.as_str();
    let context = Context::of(id, event.envelope.as_bytes()).ok();
    let routes = said.into_iter().zip(&config.routes).map(|(said, route)| {
        let looked = context.as_ref().zip(route.when.as_ref().filter(|_| said.verdict != SaidVerdict::OtherType));
        let values = looked.map(|(context, condition)| condition.explain(context)).unwrap_or_default();
        let values = values.into_iter().map(|(name, value)| Looked { name, value }).collect();
        Opinion { route: said.route, verdict: said.verdict, why: said.why, values }
    });
    let routes = routes.collect();
    let requests = wanted.into_iter().map(|wanted| {
        let place = (wanted.destination.as_str(), wanted.route.as_str());
        let calls = rehearsed(config, place, (id, event.envelope.as_bytes()), given, now).unwrap_or_default();
        let mut made = Outgoing {
            destination: wanted.destination,
            route: wanted.route,
            request: None,
            unsendable: None,
            steps: Vec::new(),
        };
        for OutgoingCall { step, made: request } in calls {
            let (request, unsendable) = match request {
                Ok(request) => (request, None),
                Err(unfit) => (None, Some(unfit.to_string())),
            };
            let is_guess = step.as_ref().is_some_and(|step| step.guess.is_some());
            made.unsendable = made.unsendable.or(unsendable.clone().filter(|_| !is_guess));
            match step {
                None => made.request = request,
                Some(step) => made.steps.push(tested_step(step, request, unsendable)),
            }
        }
        made
    });
    let requests = requests.collect();
    Tested { id: id.to_owned(), r#type: event.event_type, lead: event.lead, routes, requests }
}

fn tested_step(step: RehearsedStep, request: Option<OutgoingRequest>, unsendable: Option<String>) -> TestedStep {
    let (when, why) = match step.when {
        None => (None, None),
        Some(Judged::Yes) => (Some("yes"), None),
        Some(Judged::No) => (Some("condition_false"), None),
        Some(Judged::CannotTell(why)) => (Some("cannot_tell"), Some(why)),
    };
    let captures = step.captures.into_iter().map(|own| Capture {
        name: own.name,
        place: own.place,
        optional: own.optional,
        seen_as: own.seen_as.and_then(|json| serde_json::from_str(&json).ok()),
        given: own.given,
    });
    TestedStep {
        step: step.name,
        id: step.id,
        when,
        why,
        values: step.looked.into_iter().map(|(name, value)| Looked { name, value }).collect(),
        request,
        unsendable,
        guess: step.guess,
        captures: captures.collect(),
    }
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for tested in &report.events {
        out.push_str(&format!("{}  lead {}  {}\n\n", tested.r#type, tested.lead, tested.id));
        for opinion in &tested.routes {
            out.push_str(&format!("  {}: {}\n", opinion.route, said(opinion)));
            for looked in &opinion.values {
                out.push_str(&format!("      {} is {}\n", looked.name, looked.value));
            }
        }
        for made in &tested.requests {
            out.push_str(&format!("\n  -> {} (by the route `{}`)\n", made.destination, made.route));
            match (&made.request, &made.unsendable) {
                _ if !made.steps.is_empty() => out.push_str(&steps_text(&made.steps)),
                (Some(request), _) => out.push_str(&format!("{}\n", indented(&request_text(&pretty(request))))),
                (None, why) => {
                    out.push_str(&format!("     cannot be sent: {}\n", why.as_deref().unwrap_or_default()));
                }
            }
        }
        out.push('\n');
    }
    if report.events.iter().all(|tested| tested.requests.is_empty()) {
        out.push_str("no route wants this lead\n");
    }
    if !report.unset.is_empty() {
        out.push_str(&format!("not set here, and shown as they stand in the file: {}\n", report.unset.join(", ")));
    }
    printable(&out)
}

/// Every call in order.
fn steps_text(steps: &[TestedStep]) -> String {
    let mut out = String::new();
    let stand_in = steps.iter().flat_map(|step| &step.captures).find(|own| own.seen_as.is_some() && !own.given);
    if let Some(own) = stand_in {
        out.push_str(&format!(
            "     what only an answer will tell stands here as its name in capitals: {}; try a value with --captured {}=VALUE\n",
            own.name.to_ascii_uppercase(),
            own.name
        ));
    }
    for (n, step) in (1..).zip(steps) {
        let left_out = match (step.when, &step.why) {
            (Some("condition_false"), _) => Some("skipped: its when does not hold".to_owned()),
            (Some("cannot_tell"), why) => {
                Some(format!("skipped: its when cannot be evaluated: {}", why.as_deref().unwrap_or_default()))
            }
            _ => None,
        };
        let left_out = left_out.map(|why| format!(", {why}")).unwrap_or_default();
        out.push_str(&format!("\n     {n}. {}{left_out}\n", step.step));
        for looked in &step.values {
            out.push_str(&format!("          {} is {}\n", looked.name, looked.value));
        }
        if let Some(request) = &step.request {
            let request = indented(request_text(&pretty(request)).trim_end());
            out.push_str(&format!(
                "{}\n",
                request.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
            ));
        }
        if let Some(why) = &step.unsendable {
            match &step.guess {
                Some(name) => out.push_str(&format!(
                    "        cannot be shown with what stands for {name}: {why}\n        give it with --captured {name}=VALUE\n"
                )),
                None => out.push_str(&format!("        cannot be sent: {why}\n")),
            }
        }
        for own in &step.captures {
            let optional = match (&own.seen_as, own.optional) {
                (Some(value), _) if own.given => format!(", given as {value}"),
                (_, true) => ", if it is there".to_owned(),
                (_, false) => String::new(),
            };
            out.push_str(&format!("        -> captured.{} from {}{optional}\n", own.name, own.place));
        }
    }
    out
}

fn said(opinion: &Opinion) -> String {
    let verdict = match opinion.verdict {
        SaidVerdict::Yes => "yes",
        SaidVerdict::OtherType => "no, it takes other events",
        SaidVerdict::ConditionFalse => "no, its condition does not hold",
        SaidVerdict::CannotTell => "no, its condition cannot be evaluated",
        SaidVerdict::FirstRouteWon => "no, an earlier route wins",
        SaidVerdict::AboutItself => "no, it is about that destination",
    };
    if opinion.why.is_empty() { verdict.to_owned() } else { format!("{verdict}: {}", opinion.why) }
}

/// The same request with a body that a person can read; `--json` has it byte for byte.
fn pretty(request: &OutgoingRequest) -> OutgoingRequest {
    let body = serde_json::from_str::<Value>(&request.body)
        .and_then(|json| serde_json::to_string_pretty(&json))
        .unwrap_or_else(|_| request.body.clone());
    OutgoingRequest { body, ..request.clone() }
}
