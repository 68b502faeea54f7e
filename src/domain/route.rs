//! Routes: which events go to which destinations.

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::event::{Event, EventType};
use super::fields::Fields;
use super::form::BodyForm;
use super::steps::Calls;
use super::template::{Condition, Context, Judged, Place};

/// One `[[routes]]` entry. Its destinations are known to exist.
#[derive(Clone, Debug)]
pub struct Route {
    /// Required and unique; deliveries keep it.
    pub name: String,
    /// The event types that it takes.
    pub on: Vec<EventType>,
    /// Which of them; `None`: all.
    pub when: Option<Condition>,
    /// The names of its destinations, in the file's order, each once.
    pub to: Vec<String>,
    /// What of the event may leave by this route, beside what the destination allows; `None`: no less.
    pub fields: Option<Fields>,
    /// Its own body instead of the destination's, once for each way in which its destinations escape; empty: it has none.
    pub bodies: Vec<(Place, BodyForm)>,
}

impl Route {
    /// What a delivery there by this route takes.
    pub fn calls_at(&self, destination: &Destination) -> Calls {
        let body = self.bodies.iter().find(|(place, _)| *place == destination.form.escape).map(|(_, body)| body);
        destination.calls_with(destination.form.for_route(self.fields.as_ref(), body))
    }
}

/// A delivery that is wanted: one event for one destination, because of one route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The destination's name.
    pub destination: String,
    /// The first route, in the file's order, that wants the event there.
    pub route: String,
}

/// What one route said of an event, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The route's name.
    pub route: String,
    /// Yes or why not.
    pub verdict: SaidVerdict,
    /// What decided, where the verdict does not say it all.
    pub why: String,
}

/// Whether a route wants an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidVerdict {
    /// It does.
    Yes,
    /// It takes events of other types.
    OtherType,
    /// Its condition does not hold.
    ConditionFalse,
    /// Its condition could not be evaluated, which counts as false.
    CannotTell,
    /// It does, but earlier routes send the event to each of its destinations already.
    FirstRouteWon,
    /// It does, but for nobody but the destination that the event is about.
    AboutItself,
}

/// What the routes make of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The deliveries.
    pub wanted: Vec<Wanted>,
    /// Each route's word, in the file's order.
    pub said: Vec<Said>,
}

impl Decision {
    /// The routes whose condition could not be evaluated.
    pub fn doubts(&self) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(|said| said.verdict == SaidVerdict::CannotTell)
    }
}

/// Who wants this event, and what each route says. One delivery per destination: where several routes match, the first
/// wins.
pub fn decide(routes: &[Route], event: &Event) -> Decision {
    decide_about(routes, event, None)
}

/// The same for an event that is about a destination: whatever is the matter with it, it is not told so itself.
pub fn decide_about(routes: &[Route], event: &Event, about: Option<&str>) -> Decision {
    let mut decision = Decision::default();
    // Read once, and only where some condition wants to see it.
    let mut context = None;
    for route in routes {
        let (verdict, why) = if !route.on.contains(&event.event_type) {
            (SaidVerdict::OtherType, String::new())
        } else {
            match &route.when {
                None => take_up(&mut decision.wanted, route, about),
                Some(condition) => {
                    let context =
                        context.get_or_insert_with(|| Context::of(event.id.as_str(), event.envelope.as_bytes()));
                    match context.as_ref().map(|context| condition.judge(context)) {
                        Ok(Judged::Yes) => take_up(&mut decision.wanted, route, about),
                        Ok(Judged::No) => (SaidVerdict::ConditionFalse, String::new()),
                        Ok(Judged::CannotTell(why)) => (SaidVerdict::CannotTell, why),
                        Err(why) => (SaidVerdict::CannotTell, why.to_string()),
                    }
                }
            }
        };
        decision.said.push(Said { route: route.name.clone(), verdict, why });
    }
    decision
}

/// Adds what a matching route sends and no earlier one does.
fn take_up(wanted: &mut Vec<Wanted>, route: &Route, about: Option<&str>) -> (SaidVerdict, String) {
    let (mut new, mut taken, mut itself) = (Vec::new(), Vec::new(), None);
    for destination in &route.to {
        if about == Some(destination.as_str()) {
            itself = Some(format!("{destination} is what it is about"));
            continue;
        }
        match wanted.iter().find(|w| &w.destination == destination) {
            Some(first) => taken.push(format!("{destination} gets it by route `{}`", first.route)),
            None => new.push(Wanted { destination: destination.clone(), route: route.name.clone() }),
        }
    }
    let verdict = match (new.is_empty(), taken.is_empty()) {
        (false, _) => SaidVerdict::Yes,
        (true, false) => SaidVerdict::FirstRouteWon,
        (true, true) => SaidVerdict::AboutItself,
    };
    wanted.extend(new);
    taken.extend(itself);
    (verdict, taken.join(", "))
}

/// A destination to which an earlier route sends the same events already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The destination.
    pub destination: String,
    /// The types concerned.
    pub event_type: EventType,
    /// The route that wins.
    pub first: String,
    /// The route that never sends these there.
    pub second: String,
}

/// Whether the first route takes everything that the second wants.
fn leaves_nothing(first: &Route, second: &Route) -> bool {
    let source = |route: &Route| route.when.as_ref().map(|condition| condition.source().trim().to_owned());
    first.when.is_none() || source(first) == source(second)
}

/// Where two routes want the same events at the same destination; `check` warns of each.
pub fn overlaps(routes: &[Route]) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (i, second) in routes.iter().enumerate() {
        for destination in &second.to {
            for event_type in &second.on {
                let earlier = routes[..i].iter().find(|first| {
                    first.to.contains(destination) && first.on.contains(event_type) && leaves_nothing(first, second)
                });
                if let Some(first) = earlier {
                    found.push(Overlap {
                        destination: destination.clone(),
                        event_type: *event_type,
                        first: first.name.clone(),
                        second: second.name.clone(),
                    });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::event::{EventId, Ops, ops};
    use crate::domain::lead::LeadId;

    fn route(name: &str, to: &[&str], when: Option<&str>) -> Route {
        Route {
            name: name.into(),
            on: vec![EventType::LeadFinalized],
            when: when.map(|when| Condition::parse(when).expect("a condition")),
            to: to.iter().map(|name| (*name).into()).collect(),
            fields: None,
            bodies: Vec::new(),
        }
    }

    fn event() -> Event {
        Event {
            id: EventId::of("p", LeadId(7), EventType::LeadFinalized, "", 0),
            event_type: EventType::LeadFinalized,
            subject: String::new(),
            lead: LeadId(7),
            timestamp: Timestamp::UNIX_EPOCH,
            revision: 1,
            envelope: r#"{"type":"lead.finalized","data":{"csat":{"low":true},"lead":{"regional":null}}}"#.into(),
        }
    }

    /// The deliveries as `destination by route`, and what each route said.
    fn told(routes: &[Route]) -> (Vec<String>, Vec<Said>) {
        let Decision { wanted, said } = decide(routes, &event());
        (wanted.into_iter().map(|w| format!("{} by {}", w.destination, w.route)).collect(), said)
    }

    #[test]
    fn the_first_route_wins_for_each_destination_and_each_says_why() {
        let (wanted, said) = told(&[
            route("a", &["crm"], None),
            route("b", &["crm", "chat"], None),
            route("c", &["chat", "crm"], None),
            Route { on: Vec::new(), ..route("d", &["crm"], None) },
        ]);
        assert_eq!(wanted, ["crm by a", "chat by b"]);
        let expected = [
            ("a", SaidVerdict::Yes, ""),
            ("b", SaidVerdict::Yes, "crm gets it by route `a`"),
            ("c", SaidVerdict::FirstRouteWon, "chat gets it by route `b`, crm gets it by route `a`"),
            ("d", SaidVerdict::OtherType, ""),
        ];
        let said: Vec<_> = said.iter().map(|s| (s.route.as_str(), s.verdict, s.why.as_str())).collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_route_whose_condition_does_not_hold_leaves_the_event_to_the_next() {
        let (wanted, said) = told(&[
            route("south", &["crm"], Some("lead.regional == 'Sul'")),
            route("high", &["crm"], Some("not csat.low")),
            route("low", &["crm"], Some("csat.low")),
        ]);
        assert_eq!(wanted, ["crm by low"]);
        assert_eq!(said[0].verdict, SaidVerdict::CannotTell);
        assert!(said[0].why.contains("lead.regional"), "{}", said[0].why);
        assert_eq!((said[1].verdict, said[2].verdict), (SaidVerdict::ConditionFalse, SaidVerdict::Yes));
    }

    #[test]
    fn a_destination_does_not_hear_of_itself() {
        let routes =
            [route("a", &["crm"], None), route("b", &["crm", "chat"], None), route("c", &["crm", "chat"], None)];
        let Decision { wanted, said } = decide_about(&routes, &event(), Some("crm"));
        assert_eq!(wanted, [Wanted { destination: "chat".into(), route: "b".into() }]);
        let said: Vec<_> = said.iter().map(|s| (s.verdict, s.why.as_str())).collect();
        assert_eq!(said[0], (SaidVerdict::AboutItself, "crm is what it is about"));
        assert_eq!(said[1], (SaidVerdict::Yes, "crm is what it is about"));
        assert_eq!(said[2], (SaidVerdict::FirstRouteWon, "chat gets it by route `b`, crm is what it is about"));
    }

    #[test]
    fn conditions_see_what_leadhook_says_of_itself() {
        let happened = Ops {
            event_type: EventType::OpsSourceStale,
            subject: "source".into(),
            message: "HTTP 503".into(),
            count: 3,
            began: Timestamp::UNIX_EPOCH,
            of: String::new(),
            more: serde_json::Map::new(),
        };
        let event = ops("p", happened, Timestamp::UNIX_EPOCH);
        let when = "type == 'ops.source.stale' and subject == 'source' and count > 2 and '503' in message";
        let on = vec![EventType::OpsSourceStale];
        let decision = decide(&[Route { on, ..route("ops", &["chat"], Some(when)) }], &event);
        assert_eq!(decision.wanted.len(), 1, "{:?}", decision.said);
    }

    #[test]
    fn a_route_overlaps_where_the_first_leaves_it_nothing() {
        let found = |first, second| overlaps(&[route("a", &["crm"], first), route("b", &["crm"], second)]).len();
        assert_eq!(found(None, None), 1);
        assert_eq!(found(None, Some("csat.low")), 1);
        assert_eq!(found(Some("csat.low"), Some("csat.low")), 1);
        // What the first does not want is for the second.
        assert_eq!(found(Some("csat.low"), None), 0);
        assert_eq!(found(Some("csat.low"), Some("not csat.low")), 0);
    }
}
