//! Routes: which events go to which destinations.

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

/// Who wants an event of this type. One delivery per destination: where several routes match, the first wins.
pub fn wanted(routes: &[Route], event_type: EventType) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for route in routes.iter().filter(|route| route.on.contains(&event_type)) {
        for destination in &route.to {
            if !wanted.iter().any(|w| &w.destination == destination) {
                wanted.push(Wanted { destination: destination.clone(), route: route.name.clone() });
            }
        }
    }
    wanted
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
