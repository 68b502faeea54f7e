use proptest::prelude::*;

use super::super::Certainty;
use super::*;

fn now() -> Timestamp {
    "2026-11-23T17:20:31Z".parse().expect("a time")
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

fn before(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).expect("a time")
}

/// An API in this zone, whose newest lead was finalized so long ago.
fn newest(api: &str, ago: i64, in_its_hour: usize) -> Newest {
    Newest { at: shown(api, ago), seen: now(), in_its_hour }
}

fn shown(api: &str, ago: i64) -> Shown {
    Shown(before(ago).as_second() + i64::from(zone(api).to_offset(now()).seconds()))
}

fn begun(api: &str, ago: i64, lasted: i64) -> Begun {
    Begun { until: shown(api, ago).plus(1), said: before(ago + lasted) }
}

fn told(evidence: &Evidence, file: &str) -> (Option<String>, Certainty, Fits, Vec<String>) {
    let finding = verdict(evidence, &zone(file), now());
    (finding.found, finding.certainty, finding.fits, finding.lines)
}

const ZONES: [&str; 10] = [
    "America/Sao_Paulo",
    "UTC",
    "America/Manaus",
    "America/Noronha",
    "Europe/Lisbon",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "America/Los_Angeles",
];

#[test]
fn a_new_lead_and_its_first_message_tell_the_zone_apart_from_every_file() {
    for api in ZONES {
        for file in ZONES {
            let evidence = Evidence {
                newest: Some(newest(api, 60, 3)),
                begun: vec![begun(api, 60, 600), begun(api, 60, 90_000)],
                arrived: Vec::new(),
            };
            let (found, certainty, fits, lines) = told(&evidence, file);
            let offset = i64::from(zone(api).to_offset(now()).seconds());
            assert_eq!(found, Some(written(offset)), "{api} {file}");
            let same = offset == i64::from(zone(file).to_offset(now()).seconds());
            assert_eq!(
                (fits, lines.is_empty()),
                if same { (Fits::Yes, true) } else { (Fits::No, false) },
                "{api} {file}"
            );
            // East of Greenwich the dates of the messages may be those of the API's own clock.
            assert_eq!(certainty, if offset < 0 { Certainty::Sure } else { Certainty::Likely }, "{api} {file}");
        }
    }
}

#[test]
fn a_lead_that_comes_while_somebody_looks_leaves_no_doubt() {
    for api in ZONES {
        // Nothing for hours, and then one.
        let at = shown(api, 2);
        let arrived = Arrived { at: (at, at.plus(16)), between: (before(30), before(0)) };
        let evidence = Evidence { newest: Some(newest(api, 20_000, 1)), begun: Vec::new(), arrived: vec![arrived] };
        let (found, certainty, fits, _) = told(&evidence, api);
        assert_eq!((found.is_some(), certainty, fits), (true, Certainty::Sure, Fits::Yes), "{api}");
    }
}

#[test]
fn one_that_shows_up_late_is_not_taken_for_new() {
    let at = shown("America/Sao_Paulo", 10 * 3_600 + 700);
    let arrived = Arrived { at: (at, at.plus(16)), between: (before(30), before(0)) };
    let evidence =
        Evidence { newest: Some(newest("America/Sao_Paulo", 20_000, 1)), begun: Vec::new(), arrived: vec![arrived] };
    let (found, certainty, fits, _) = told(&evidence, "America/Sao_Paulo");
    assert_eq!((found, certainty, fits), (None, Certainty::Unknown, Fits::Look));
}

#[test]
fn where_nothing_is_finalized_nothing_is_claimed() {
    let quiet = Evidence { newest: Some(newest("America/Sao_Paulo", 5 * 3_600, 9)), ..Evidence::default() };
    assert_eq!(told(&quiet, "America/Sao_Paulo"), (None, Certainty::Unknown, Fits::Look, vec![]));
    // What cannot be is said all the same.
    let (found, certainty, fits, lines) = told(&quiet, "Etc/GMT+12");
    assert_eq!((found, certainty, fits, lines), (None, Certainty::Unknown, Fits::No, vec![]));
    assert_eq!(told(&Evidence::default(), "UTC"), (None, Certainty::Unknown, Fits::Look, vec![]));
    let finding = verdict(&quiet, &zone("America/Sao_Paulo"), now());
    assert!(finding.why.contains("--wait"), "{}", finding.why);
}

#[test]
fn a_busy_hour_makes_it_likely() {
    let busy = Evidence { newest: Some(newest("America/Sao_Paulo", 240, 30)), ..Evidence::default() };
    assert_eq!(told(&busy, "America/Sao_Paulo"), (Some("-03:00".into()), Certainty::Likely, Fits::Yes, vec![]));
    assert_eq!(told(&busy, "Etc/GMT+12"), (None, Certainty::Unknown, Fits::No, vec![]));
    let closed = Evidence { newest: Some(newest("America/Sao_Paulo", 3_900, 30)), ..Evidence::default() };
    assert_eq!(told(&closed, "America/Sao_Paulo").1, Certainty::Unknown);
    assert_eq!(told(&closed, "America/Sao_Paulo").3, Vec::<String>::new());
}

#[test]
fn messages_that_only_claim_to_be_in_utc_fool_nobody() {
    for (api, file) in [("America/Sao_Paulo", "America/Sao_Paulo"), ("Asia/Tokyo", "Asia/Tokyo")] {
        let local = Begun { said: Timestamp::from_second(shown(api, 700).0).expect("a time"), ..begun(api, 60, 0) };
        let evidence = Evidence { newest: Some(newest(api, 60, 3)), begun: vec![local], arrived: Vec::new() };
        let (found, certainty, _, _) = told(&evidence, file);
        let offset = i64::from(zone(api).to_offset(now()).seconds());
        assert!(found.is_none_or(|found| found == written(offset)) && certainty < Certainty::Sure, "{api}");
    }
}

#[test]
fn dates_of_messages_are_read_where_they_name_their_zone() {
    let lead = |dates: &[&str]| {
        let messages: Vec<Value> = dates.iter().map(|date| serde_json::json!({"date_created": date})).collect();
        first_message(&serde_json::json!({"chats": {"messages": messages}}).to_string()).map(|at| at.to_string())
    };
    let first = Some("2026-11-23T17:20:31Z".to_owned());
    assert_eq!(lead(&["2026-11-23T17:30:00Z", "2026-11-23T14:20:31-03:00"]), first);
    assert_eq!(lead(&["Mon, 23 Nov 2026 17:20:31 +0000"]), first);
    assert_eq!(lead(&["2026-11-23 17:20:31", "2026-11-23T17:20:31", "ontem", ""]), None);
    for other in ["", "{}", "[]", r#"{"chats":null}"#, r#"{"chats":{"messages":[1,{"date_created":2}]}}"#] {
        assert_eq!(first_message(other), None, "{other}");
    }
}

#[test]
fn a_zone_is_named_as_readers_would() {
    for (offset, named) in
        [(-3, "America/Sao_Paulo"), (0, "UTC"), (-4, "America/Manaus"), (9, "Etc/GMT-9"), (-12, "Etc/GMT+12")]
    {
        assert_eq!(name(offset * 3_600, now()), named);
    }
    assert_eq!(zone(&name(19_800, now())).to_offset(now()).seconds(), 19_800);
    assert_eq!((written(-12_600), written(20_700)), ("-03:30".into(), "+05:45".into()));
}

proptest! {
    #[test]
    fn what_is_sure_is_true(
        api in prop::sample::select(ZONES.to_vec()),
        file in prop::sample::select(ZONES.to_vec()),
        ago in 0i64..200_000,
        in_its_hour in 1usize..50,
        talks in prop::collection::vec((0i64..4_000, 0i64..100_000), 0..4),
        comes: Option<u8>,
    ) {
        let begun = talks.iter().map(|(more, lasted)| begun(api, ago + more, *lasted)).collect();
        let arrived = comes.map(|ago| {
            let at = shown(api, i64::from(ago));
            Arrived { at: (at, at.plus(16)), between: (before(i64::from(ago) + 10), before(0)) }
        });
        let evidence =
            Evidence { newest: Some(newest(api, ago, in_its_hour)), begun, arrived: arrived.into_iter().collect() };
        let (found, certainty, fits, lines) = told(&evidence, file);
        let offset = i64::from(zone(api).to_offset(now()).seconds());
        let same = offset == i64::from(zone(file).to_offset(now()).seconds());
        if certainty == Certainty::Sure {
            prop_assert_eq!(found.as_deref(), Some(&*written(offset)));
            prop_assert_eq!(fits == Fits::Yes, same);
        }
        // What is right is never called impossible.
        if same && found.is_none() {
            prop_assert_eq!(fits, Fits::Look);
        }
        prop_assert_eq!(!lines.is_empty(), fits == Fits::No && found.is_some());
    }
}
