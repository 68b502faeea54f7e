//! The API's answers: a list, a token, a lead; and of a lead all that is made of it before a template sees it.
#![no_main]

use jiff::Timestamp;
use leadhook::domain::csat::CsatRules;
use leadhook::domain::event::{Event, Facts, Origin, Seen, finalized, rated, updated};
use leadhook::domain::fields::{FieldPath, Fields};
use leadhook::domain::lead::{LeadId, Row};
use leadhook::domain::person::Person;
use leadhook::domain::template::Context;
use leadhook::domain::watched::Watch;
use leadhook::source::fuzzing;
use libfuzzer_sys::fuzz_target;

const WATCHED: [&str; 4] = ["name", "csat.message", "chats.messages[].id_chat", "a[].b[].c"];
const LET_THROUGH: [&str; 3] = ["lead.name", "lead.chats.messages[].body", "csat"];

fuzz_target!(|body: &[u8]| {
    fuzzing::token(body);
    let listed = fuzzing::listing(body).and_then(|listing| listing.rows.into_iter().next());
    let Some(lead) = fuzzing::lead(body) else { return };
    let row = listed.unwrap_or(Row { id: LeadId(u64::MAX), mapped_status: None, client_lead_id: None });
    let csat = CsatRules::default().read(lead.rating());
    if let Some(score) = csat.score {
        assert!((1.0..=5.0).contains(&score), "a score off the scale");
    }
    let watch = Watch::parse(&WATCHED.map(str::to_owned)).expect("paths");
    let watched = watch.look(&lead);
    assert!(watch.changes(&watched.marks, &watched.marks).is_empty(), "nothing has changed, and something has");
    let facts = Facts { row: &row, lead: &lead, csat: &csat };
    let seen = Seen { platform: "my-platform", n: 0, revision: 1, origin: Origin::Live, now: Timestamp::UNIX_EPOCH };
    for event in [finalized(facts, seen), rated(facts, &[], seen), updated(facts, &watched.digest(), &[], seen)] {
        made_of(&event, lead.json());
    }
});

/// What every event goes through before it leaves.
fn made_of(event: &Event, lead: &str) {
    let envelope = event.envelope.as_bytes();
    assert!(serde_json::from_slice::<&serde_json::value::RawValue>(envelope).is_ok(), "an envelope that is no JSON");
    assert!(event.envelope.contains(lead), "the lead's own object is not what came");
    let _ = Context::of(event.id.as_str(), envelope);
    let _ = Person::of(envelope).hidden_in(lead, true);
    let paths: Vec<FieldPath> = LET_THROUGH.iter().map(|path| FieldPath::parse(path).expect("a path")).collect();
    let some = Fields::of(&paths);
    let once = some.apply(envelope);
    assert_eq!(some.apply(&once), once, "cutting twice cuts more");
    assert!(Fields::thin().apply(envelope).len() <= once.len(), "the ids alone are longer");
}
