//! A person is forgotten: nothing is left of them in any file, nothing comes back, and the receipt says who else has them.

use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use leadhook::simulator::{Behaviour, Receiver, WeClever};
use serde_json::{Value, json};

use crate::support::*;

/// Said by WeClever of one lead: its name, email, phone and message. Nothing else holds four bytes of them, so that
/// compression leaves them as they are but for their ends, which may be told together with what stands beside them.
const PERSON: [&str; 4] = ["Zq8f31c90b4d7e", "k5be07d1c9q77a", "w90417f66e32b8", "xc2a94e1f7d0b5"];

/// Said by a CRM of them.
const CAPTURED: &str = "j4d10f7ba26e93";

/// What a destination answers holds them, too.
const ECHOED: &str = "v71e6b3d9c0f48";

const LEAD: u64 = 7_000_001;

struct Scene {
    weclever: WeClever,
    good: Receiver,
    hanging: Receiver,
    place: Place,
}

async fn scene() -> Scene {
    let weclever = weclever(unrated()).await;
    let (good, hanging) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Hanging).await);
    // What is said of this one is said of nobody else.
    let said_of = |request: &Request, said: &'static str| {
        let of_them = request.body.windows(PERSON[0].len()).any(|some| some == PERSON[0].as_bytes());
        if of_them { said } else { "other" }
    };
    let refusing = Raw::start(move |request, _| Reply::new(422, "", said_of(request, ECHOED))).await;
    let crm = Raw::start(move |request, _| match request.line.as_str() {
        "POST /contacts" => Reply::new(201, "", &json!({"id": said_of(request, CAPTURED)}).to_string()),
        _ => Reply::new(500, "", said_of(request, ECHOED)),
    })
    .await;
    let steps = "retry = { schedule = ['1h'] }\nrate_per_contact = { limit = '9/1d', by = '{{ lead.phone }}' }\n\
                 [[destinations.crm.steps]]\nname = 'contact'\nurl = '/contacts'\ncapture = { id = '/id' }\n\
                 [[destinations.crm.steps]]\nname = 'note'\nurl = '/notes/{{ captured.id }}'";
    let file = File::new(&weclever.base_url())
        .to("good", &good.url(), "")
        .to("refusing", &refusing.url(), "")
        .to("hanging", &hanging.url(), "timeout = '8s'\nconcurrency = 64\nretry = { schedule = ['1h'] }")
        .to("down", &nobody().await, "retry = { schedule = ['1h'] }")
        .to("crm", &crm.url(), steps)
        .route_on("alarms", &["ops.dead_letter"], "good");
    // They live as long as the test process, which is not long.
    std::mem::forget((refusing, crm));
    Scene { weclever, good, hanging, place: Place::new(&file) }
}

impl Scene {
    fn plant(&self) {
        self.weclever.finalize(LEAD, "sold");
        for (field, value) in [("name", PERSON[0]), ("email", PERSON[1]), ("phone", PERSON[2])] {
            self.weclever.change(LEAD, field, value);
        }
        self.weclever.change(LEAD, "chats", json!({"messages": [{"id_chat": 1, "body": PERSON[3]}]}));
    }

    /// What is looked for can be found.
    async fn is_on_disk(&self) {
        let began = Instant::now();
        while self.planted().len() < PERSON.len() + 2 {
            assert!(began.elapsed() < PATIENCE, "only these are on disk: {:?}", self.planted());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Which of what was planted lies in any file below the store's directory.
    fn planted(&self) -> Vec<&'static str> {
        let all = PERSON.into_iter().chain([CAPTURED, ECHOED]);
        all.filter(|planted| lies_in(&self.place.path("data"), &planted.as_bytes()[2..11])).collect()
    }
}

/// Whether these bytes lie in any file below. What vanishes meanwhile holds nothing.
fn lies_in(path: &Path, planted: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| match path.is_dir() {
        true => lies_in(&path, planted),
        false => std::fs::read(&path).is_ok_and(|bytes| bytes.windows(planted.len()).any(|some| some == planted)),
    })
}

/// The destinations of a receipt's lead, and how far what they were sent got.
fn sent(lead: &Value) -> Vec<(&str, &str)> {
    let all = lead["sent"].as_array().unwrap().iter();
    all.map(|sent| (sent["destination"].as_str().unwrap(), sent["how"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_service_nothing_is_left_or_comes_back_whatever_is_killed() {
    let scene = scene().await;
    let Scene { weclever, good, hanging, place } = &scene;
    let service = place.start_and_read().await;
    for id in 1..=40 {
        weclever.finalize(id, "sold");
    }
    accepted(good, 40).await;
    scene.plant();
    until("it is on the wire", || hanging.tally(|tally| tally.requests) == 41).await;
    let at_work = |status: &Value| {
        destination(status, "refusing")["dead"] == 41 && destination(status, "good")["delivered"].as_u64() >= Some(41)
    };
    place.until_status("some took it, and some did not", at_work).await;
    scene.is_on_disk().await;
    let asked = place.run(&["forget", "7000001"]);
    assert_eq!((asked.code, asked.err.contains("--yes")), (2, true), "{}", asked.err);
    let receipt = place.json(&["forget", "7000001", "424242", "--yes"], 0);
    let (unknown, lead) = (&receipt["leads"][0], &receipt["leads"][1]);
    assert_eq!((&unknown["lead"], &unknown["known"], &unknown["sent"]), (&json!(424_242), &json!(false), &json!([])));
    assert_eq!((&lead["lead"], &lead["known"], &lead["before"]), (&json!(LEAD), &json!(true), &json!(false)));
    assert!(!lead["at"].is_null());
    let counted = &lead["erased"];
    for (kind, at_least) in [
        ("events", 1),
        ("cancelled", 3),
        ("deliveries", 2),
        ("attempts", 4),
        ("dead_letters", 1),
        ("captured_values", 1),
        ("rechecks", 1),
        ("contact_counters", 1),
    ] {
        assert!(counted[kind].as_u64() >= Some(at_least), "{kind}: {lead:#}");
    }
    assert_eq!(
        sent(lead),
        [("crm", "accepted"), ("good", "accepted"), ("hanging", "under_way"), ("refusing", "refused")],
        "{lead:#}"
    );
    assert!(lead["sent"][1]["event_id"].as_str().unwrap().starts_with("evt_"), "{lead:#}");
    let files = receipt["old_bytes_in"].as_array().unwrap();
    assert!(files.iter().any(|file| file.as_str().unwrap().ends_with("sled/db")), "{files:?}");
    let text = place.run(&["forget", "7000001", "-y"]);
    assert!(text.out.contains("was forgotten before"), "{}", text.out);
    for planted in PERSON.iter().chain([&CAPTURED, &ECHOED]) {
        assert!(!receipt.to_string().contains(planted) && !text.out.contains(planted), "{planted}");
    }

    // It is finalized again, and rated, and listed with every poll.
    let had = good.tally(|tally| tally.by_lead[&LEAD].len());
    weclever.finalize(LEAD, "lost");
    weclever.rate(LEAD, "1");
    weclever.finalize(424_242, "sold");
    weclever.finalize(41, "sold");
    accepted(good, 42).await;
    service.readings(3).await;
    let came_back = |service: &Service| {
        let lines = service.log();
        lines.lines().filter(|line| line.contains("destination=\"hanging\"") && line.contains("lead=7000001")).count()
    };
    until("the request that hung has come back", || came_back(&service) > 0).await;
    let asked = weclever.requests().detail;
    let report = place.json(&["reconcile", "--from", "20d", "--details", "--fix"], 1);
    for sums in report["destinations"].as_array().unwrap() {
        assert_eq!((&sums["forgotten"], &sums["missing"]), (&json!(2), &json!(0)), "{report:#}");
    }
    assert!(weclever.requests().detail <= asked + 41, "it was read again");
    place.run(&["backfill", "--from", "20d", "--to-destination", "good", "--again", "--yes"]);
    let explained = place.json(&["explain", "7000001"], 0);
    assert_eq!((&explained["story"]["stage"], &explained["story"]["events"]), (&json!("forgotten"), &json!([])));
    assert_eq!(explained["story"]["forgotten_at"], lead["at"]);
    let shown = place.run(&["explain", "7000001"]);
    assert!(shown.out.contains("was forgotten at"), "{}", shown.out);
    let list = place.run(&["dead", "list", "--json", "--limit", "500"]);
    assert!(!list.out.contains("7000001") && list.out.contains("refusing"), "{}", list.out);
    good.tally(|tally| {
        assert_eq!((tally.by_lead[&LEAD].len(), tally.by_lead.contains_key(&424_242)), (had, false));
    });
    service.stop();

    let seed = fastrand::u64(..);
    println!("the dice's seed is {seed}");
    let mut dice = Rng::with_seed(seed);
    for _ in 0..6 {
        let service = place.start_with(&[]);
        tokio::time::sleep(Duration::from_millis(dice.u64(5..120))).await;
        service.kill();
    }
    let service = place.start().await;
    assert_eq!(scene.planted(), Vec::<&str>::new());
    let status = place.status();
    assert_eq!(destination(&status, "refusing")["dead"], 41, "41 others, and nobody else is forgotten");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_service_runs_the_files_are_written_anew_at_once() {
    let scene = scene().await;
    let Scene { weclever, good, place, .. } = &scene;
    let service = place.start_and_read().await;
    scene.plant();
    accepted(good, 1).await;
    scene.is_on_disk().await;
    service.stop();
    let receipt = place.json(&["forget", "7000001", "5", "--yes"], 0);
    assert_eq!((&receipt["running"], &receipt["old_bytes_in"]), (&json!(false), &json!([])));
    assert_eq!(scene.planted(), Vec::<&str>::new());
    let text = place.run(&["forget", "6", "--yes"]);
    for part in ["was not known here, and is flagged all the same", "never read, sent or missed again", "backups"] {
        assert!(text.out.contains(part), "`{part}` is not in:\n{}", text.out);
    }

    let service = place.start_and_read().await;
    for id in [5, 6, 8] {
        weclever.finalize(id, "sold");
    }
    until("the one that nobody forgot", || good.tally(|tally| tally.by_lead.contains_key(&8))).await;
    service.readings(2).await;
    good.tally(|tally| assert!(tally.by_lead.keys().all(|lead| [LEAD, 8].contains(lead)), "{:?}", tally.by_lead));
    service.stop();
}
