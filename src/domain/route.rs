//! Routes: which events go to which destinations.

use serde::{Deserialize, Serialize};

use super::event::EventType;

/// One `[[routes]]` entry. Its destinations are known to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Required and unique; deliveries keep it.
    pub name: String,
    /// The event types that it takes.
    pub on: Vec<EventType>,
    /// The names of its destinations, in the file's order, each once.
    pub to: Vec<String>,
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
}

/// What the routes make of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The deliveries.
    pub wanted: Vec<Wanted>,
    /// Each route's word, in the file's order.
    pub said: Vec<Said>,
}

/// Who wants an event of this type, and what each route says. One delivery per destination: where several routes match,
/// the first wins.
pub fn decide(routes: &[Route], event_type: EventType) -> Decision {
    let mut decision = Decision::default();
    for route in routes {
        let (verdict, why) = if route.on.contains(&event_type) {
            take_up(&mut decision.wanted, route)
        } else {
            (SaidVerdict::OtherType, String::new())
        };
        decision.said.push(Said { route: route.name.clone(), verdict, why });
    }
    decision
}

/// Adds what a matching route sends and no earlier one does.
fn take_up(wanted: &mut Vec<Wanted>, route: &Route) -> (SaidVerdict, String) {
    let (mut new, mut taken) = (Vec::new(), Vec::new());
    for destination in &route.to {
        match wanted.iter().find(|w| &w.destination == destination) {
            Some(first) => taken.push(format!("{destination} gets it by route `{}`", first.route)),
            None => new.push(Wanted { destination: destination.clone(), route: route.name.clone() }),
        }
    }
    let verdict = if new.is_empty() { SaidVerdict::FirstRouteWon } else { SaidVerdict::Yes };
    wanted.extend(new);
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

/// Where two routes want the same events at the same destination; `check` warns of each.
pub fn overlaps(routes: &[Route]) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (i, second) in routes.iter().enumerate() {
        for destination in &second.to {
            for event_type in &second.on {
                let earlier = routes[..i].iter().find(|r| r.to.contains(destination) && r.on.contains(event_type));
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
    use super::*;

    fn route(name: &str, to: &[&str]) -> Route {
        Route {
            name: name.into(),
            on: vec![EventType::LeadFinalized],
            to: to.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn the_first_route_wins_for_each_destination_and_each_says_why() {
        let routes = [
            route("a", &["crm"]),
            route("b", &["crm", "chat"]),
            route("c", &["chat", "crm"]),
            Route { on: Vec::new(), ..route("d", &["crm"]) },
        ];
        let decision = decide(&routes, EventType::LeadFinalized);
        let wanted: Vec<_> = decision.wanted.iter().map(|w| (w.destination.as_str(), w.route.as_str())).collect();
        assert_eq!(wanted, [("crm", "a"), ("chat", "b")]);
        let said: Vec<_> = decision.said.iter().map(|s| (s.route.as_str(), s.verdict, s.why.as_str())).collect();
        assert_eq!(
            said,
            [
                ("a", SaidVerdict::Yes, ""),
                ("b", SaidVerdict::Yes, "crm gets it by route `a`"),
                ("c", SaidVerdict::FirstRouteWon, "chat gets it by route `b`, crm gets it by route `a`"),
                ("d", SaidVerdict::OtherType, ""),
            ]
        );
    }
}
