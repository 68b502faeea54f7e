//! `[[routes]]`: which events go to which destinations.

use super::body::BodyKeys;
use super::destination::Destinations;
use super::node::Node;
use super::reader::{Reading, Section, Spot};
use super::telling::Known;
use super::{condition, fields, suggest};
use crate::domain::event::EventType;
use crate::domain::form::BodyForm;
use crate::domain::route::{Route, overlaps};
use crate::domain::template::Place;

pub(super) fn routes(reading: &Reading<'_>, node: Option<Node<'_>>, destinations: &Destinations) -> Vec<Route> {
    let Some(node) = node else { return Vec::new() };
    if node.is_table() {
        node.mistake("each route is an entry of a list", "write [[routes]], with two brackets");
        return Vec::new();
    }
    let Some(list) = node.list("[[routes]]") else { return Vec::new() };
    let mut names: Vec<(String, Spot)> = Vec::new();
    let mut found: Vec<(Route, Spot)> = Vec::new();
    for section in list.into_iter().filter_map(Node::table) {
        found.extend(route(section, destinations, &mut names));
    }
    let (routes, spots): (Vec<Route>, Vec<Spot>) = found.into_iter().unzip();
    for overlap in overlaps(&routes) {
        let Some(i) = routes.iter().position(|route| route.name == overlap.second) else { continue };
        reading.warn(
            &spots[i],
            format!("`{}` gets {} from the route `{}` already", overlap.destination, overlap.event_type, overlap.first),
            Some("one delivery is made for each event and destination, and the first route wins".to_owned()),
        );
    }
    routes
}

fn route(
    mut section: Section<'_>,
    destinations: &Destinations,
    names: &mut Vec<(String, Spot)>,
) -> Option<(Route, Spot)> {
    let name = section.required("name", "\"finished conversations\"").and_then(|node| name(node, names));
    let on =
        section.required("on", "[\"lead.finalized\"]").and_then(|node| each(node, "[\"lead.finalized\"]", event_type));
    let to = section.required("to", "[\"crm\"]");
    let spot = to.as_ref().map_or_else(|| section.spot.clone(), Node::spot);
    let to = to.and_then(|node| each(node, "[\"crm\"]", |node| destination(node, destinations)));
    let when = section.take("when").map_or(Some(None), |node| condition::condition(node, Known::default()).map(Some));
    let fields = fields::fields(&mut section);
    let body = BodyKeys::take(&mut section);
    let bodies = bodies(&body, to.as_deref().unwrap_or_default(), destinations);
    section.finish(&[]);
    Some((Route { name: name?, on: on?, when: when?, to: to?, fields: fields?, bodies: bodies? }, spot))
}

/// The body for each way in which the route's destinations escape.
fn bodies(body: &BodyKeys<'_>, to: &[String], destinations: &Destinations) -> Option<Vec<(Place, BodyForm)>> {
    let used = destinations.checked.iter().filter(|destination| to.contains(&destination.name));
    let mut places: Vec<Place> = used.map(|destination| destination.form.escape).collect();
    places.dedup();
    let several = destinations.checked.iter().find(|d| to.contains(&d.name) && !d.steps.is_empty());
    if let (Some(node), Some(destination)) = (body.node(), several) {
        let message = format!("`{}` takes several calls, each with a body of its own", destination.name);
        node.mistake(message, "take it out here, and write it in the step that it is meant for");
        return None;
    }
    if let Some(text) = body.untyped_text() {
        let typed = destinations.checked.iter().find_map(|destination| match &destination.form.body {
            BodyForm::Text { content_type, .. } if to.contains(&destination.name) => {
                Some((&destination.name, content_type))
            }
            _ => None,
        });
        if let Some((name, content_type)) = typed.filter(|(_, content_type)| !content_type.starts_with("text/plain")) {
            let message = format!("would be sent to `{name}` as text/plain, and what goes there is {content_type}");
            text.mistake(message, format!("write content_type = \"{content_type}\" in the route, too"));
            return None;
        }
    }
    let settings: Vec<&str> = destinations
        .checked
        .iter()
        .filter(|destination| to.contains(&destination.name))
        .flat_map(|destination| destination.form.settings.keys().map(String::as_str))
        .collect();
    if places.is_empty() {
        // Its mistakes are told all the same.
        places.push(Place::Plain);
    }
    let mut bodies: Vec<(Place, BodyForm)> = Vec::new();
    for place in places {
        if !bodies.iter().any(|(known, _)| *known == place) {
            let unseen = bodies.is_empty().then_some(Known::settings(&settings));
            bodies.extend(body.read(place, unseen)?.map(|body| (place, body)));
        }
    }
    Some(bodies)
}

fn name(node: Node<'_>, names: &mut Vec<(String, Spot)>) -> Option<String> {
    let text = node.filled()?;
    let name = text.value.trim().to_owned();
    if name.chars().any(char::is_control) {
        text.mistake("must not hold control characters or line ends", "write it in one line");
        return None;
    }
    if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
        let first = first.named(text.reading);
        text.mistake(
            format!("another route has this name already, {first}"),
            "give each route its own name; deliveries remember it",
        );
        return None;
    }
    names.push((name.clone(), text.spot));
    Some(name)
}

/// A list with at least one item and no item twice.
fn each<'a, T: PartialEq>(node: Node<'a>, example: &str, read: impl Fn(Node<'a>) -> Option<T>) -> Option<Vec<T>> {
    let spot = node.spot();
    let reading = node.reading;
    let nodes = node.list(example)?;
    if nodes.is_empty() {
        reading.mistake(&spot, "must not be empty", Some(format!("write for example {example}")));
        return None;
    }
    let (mut items, mut whole) = (Vec::new(), true);
    for node in nodes {
        let spot = node.spot();
        match read(node) {
            Some(item) if items.contains(&item) => {
                whole = false;
                reading.mistake(&spot, "stands here twice", Some("take one out".to_owned()));
            }
            Some(item) => items.push(item),
            None => whole = false,
        }
    }
    whole.then_some(items)
}

fn event_type(node: Node<'_>) -> Option<EventType> {
    let text = node.filled()?;
    let written = text.value.trim();
    if let Some(found) = EventType::from_name(written) {
        return Some(found);
    }
    let known = EventType::ALL.map(EventType::as_str);
    let all = || format!("this version emits {}", known.join(", "));
    if text.is_put_in() {
        text.mistake("is no event type", all());
    } else {
        let near = suggest::nearest(written, known).map(|name| format!("did you mean \"{name}\"?"));
        text.mistake(format!("`{written}` is no event type"), near.unwrap_or_else(all));
    }
    None
}

fn destination(node: Node<'_>, destinations: &Destinations) -> Option<String> {
    let text = node.filled()?;
    let written = text.value.trim().to_owned();
    if destinations.names.contains(&written) {
        return Some(written);
    }
    let known: Vec<&str> = destinations.names.iter().map(String::as_str).collect();
    if text.is_put_in() {
        text.mistake("no destination has this name", "name one of [destinations]");
        return None;
    }
    let help = suggest::instead(&written, &known)
        .unwrap_or_else(|| format!("add [destinations.{written}] with its url, or change the name"));
    text.mistake(format!("there is no destination `{written}`"), help);
    None
}
