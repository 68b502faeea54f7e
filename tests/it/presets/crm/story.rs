//! What happens between a WeClever, leadhook and a CRM.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Call, Crm, Fault};
use crate::presets::leads;
use crate::support::*;

/// The lead of every story.
pub const LEAD: u64 = 123_456;

/// Retries that nobody has to wait for. Whoever goes on failing is given up within the story.
const RETRY: &str = "retry = { schedule = [\"10ms\", \"10ms\", \"10ms\", \"10ms\", \"10ms\", \"10ms\"], jitter = 0 }";

/// So many stories at a time: most of them wait for a pause of a second to end.
const AT_A_TIME: usize = 8;

/// So often is one started anew.
const LIVES: usize = 12;

/// A lead, and a destination that hears of it. It can be played any number of times, each in a world of its own.
pub struct Story<C> {
    keys: Arc<dyn Fn(&str) -> String + Send + Sync>,
    crm: Arc<dyn Fn() -> C + Send + Sync>,
    source: String,
    on: Vec<String>,
    row: String,
    details: String,
    later: Option<String>,
    twice: bool,
    wait: &'static str,
}

impl<C> Clone for Story<C> {
    fn clone(&self) -> Story<C> {
        Story {
            keys: Arc::clone(&self.keys),
            crm: Arc::clone(&self.crm),
            source: self.source.clone(),
            on: self.on.clone(),
            row: self.row.clone(),
            details: self.details.clone(),
            later: self.later.clone(),
            twice: self.twice,
            wait: self.wait,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Played<C> {
    /// Every request, in order, also those that a fault kept from being handled.
    pub calls: Vec<Call>,
    /// What the CRM knows in the end.
    pub crm: C,
    /// The destination's part of `leadhook status`.
    pub destination: Value,
    /// Where it all lies: for `dead list`, `explain`, and a log to look at.
    pub place: Arc<Place>,
    /// How often leadhook was started.
    pub lives: usize,
}

impl<C> Played<C> {
    /// How many deliveries were delivered, are dead, and wait.
    pub fn fates(&self) -> (u64, u64, u64) {
        let count = |key: &str| self.destination[key].as_u64().unwrap();
        (count("delivered"), count("dead"), count("pending"))
    }

    /// What `leadhook dead list` says, for whoever wonders why.
    pub fn dead(&self) -> String {
        self.place.run(&["dead", "list"]).out
    }
}

impl<C: Crm> Story<C> {
    /// [`leads::LOW`] was finalized. `keys` gives the lines of the destination's table for a CRM at an address; `rate` and
    /// `retry` are added to them.
    pub fn of(
        keys: impl Fn(&str) -> String + Send + Sync + 'static,
        crm: impl Fn() -> C + Send + Sync + 'static,
    ) -> Story<C> {
        Story {
            keys: Arc::new(keys),
            crm: Arc::new(crm),
            source: String::new(),
            on: vec!["lead.finalized".to_owned()],
            row: leads::row(LEAD),
            details: leads::LOW.to_owned(),
            later: None,
            twice: false,
            wait: "30s",
        }
    }

    /// The same of another lead: what the API says of it.
    pub fn lead(mut self, details: &str) -> Story<C> {
        self.details = details.to_owned();
        self
    }

    /// The same with another row in the list.
    pub fn row(mut self, row: &str) -> Story<C> {
        self.row = row.to_owned();
        self
    }

    /// The same person had two conversations, which are finalized at the same moment.
    pub fn twice(mut self) -> Story<C> {
        self.twice = true;
        self
    }

    /// The route's events.
    pub fn on(mut self, types: &[&str]) -> Story<C> {
        self.on = types.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    /// When the lead is read again, which comes soon if it has no rating yet, the API says this of it.
    pub fn later(mut self, details: &str) -> Story<C> {
        // An age that has passed when a busy machine has read the lead is not made up for.
        self.source = "recheck = [\"200ms\", \"1s\", \"3s\", \"9s\"]\n".to_owned();
        self.later = Some(details.to_owned());
        self
    }

    /// What does not come due within so long is not waited for, instead of 30s.
    pub fn wait(mut self, wait: &'static str) -> Story<C> {
        self.wait = wait;
        self
    }

    /// Plays it, with what goes wrong at which request.
    pub async fn play(&self, faults: &[(usize, Fault)]) -> Played<C> {
        let api = Api::start().await;
        let crm = Arc::new(Mutex::new((self.crm)()));
        let alive = Arc::new(AtomicU32::new(0));
        let raw = {
            let (crm, alive, faults) = (Arc::clone(&crm), Arc::clone(&alive), faults.to_vec());
            let kill = move || {
                let told =
                    Command::new("kill").args(["-s", "KILL", &alive.load(Ordering::SeqCst).to_string()]).status();
                assert!(told.unwrap().success());
                Reply::hang_up()
            };
            let handle = move |call: &Call| crm.lock().unwrap().answer(call);
            Raw::start(move |request, came| {
                let call = Call::of(request);
                match faults.iter().find(|(at, _)| *at == came).map(|(_, fault)| fault) {
                    None => handle(&call).reply(),
                    Some(Fault::Killed) => kill(),
                    Some(Fault::HandledThenKilled) => {
                        handle(&call);
                        kill()
                    }
                    Some(Fault::Cut) => Reply::hang_up(),
                    Some(Fault::HandledThenCut) => {
                        handle(&call);
                        Reply::hang_up()
                    }
                    Some(Fault::Says(answer)) => answer.reply(),
                    Some(Fault::HandledThenSays(answer)) => {
                        handle(&call);
                        answer.reply()
                    }
                }
            })
            .await
        };
        let place = Arc::new(Place::empty());
        place.write_text("leadhook.toml", &self.file(&api.base_url(), &raw.url()));
        api.finalize(LEAD, &self.row, Some(&self.details));
        if self.twice {
            api.finalize(LEAD + 1, &leads::row(LEAD + 1), Some(&self.details));
        }
        if let Some(later) = &self.later {
            api.tell_next(LEAD, Some(later));
        }
        let lives = run(&place, &alive, self.wait).await;
        let status = {
            let place = Arc::clone(&place);
            tokio::task::spawn_blocking(move || place.status()).await.unwrap()
        };
        let calls = raw.requests().iter().map(Call::of).collect();
        let crm = crm.lock().unwrap().clone();
        Played { calls, crm, destination: destination(&status, "crm").clone(), place, lives }
    }

    fn file(&self, api: &str, crm: &str) -> String {
        let start = Timestamp::now() - std::time::Duration::from_secs(3_600);
        format!(
            "[source]\nbase_url = {api:?}\nplatform_id = \"demo\"\nusername = \"demo\"\npassword = \"demo\"\n\
             start = \"{start}\"\n{}\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[destinations.crm]\nrate = \"1000/s\"\n{RETRY}\n{}\n\n\
             [[routes]]\nname = \"crm\"\non = {:?}\nto = [\"crm\"]\n",
            self.source,
            (self.keys)(crm),
            self.on,
        )
    }

    /// Plays it without a fault, and then with every fault at every request, and in the end each time there must be one
    /// contact and as many notes as without a fault, and all must be delivered. `own`: faults of this CRM alone.
    ///
    /// Then the same with two in a row: an answer that is lost, and every fault at the request that comes after it.
    pub async fn whatever_happens(&self, own: &[Fault]) {
        let wrong = self.what_goes_wrong(own).await;
        assert!(wrong.is_empty(), "{} stories do not end well:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// The same with what can double something alone: at every request, the answer is lost. For a CRM whose other stories
    /// had it all.
    pub async fn whatever_is_lost(&self) {
        let calm = self.calm().await;
        let lost = [Fault::HandledThenCut, Fault::HandledThenKilled];
        let plans = (0..calm.calls.len()).flat_map(|at| lost.clone().map(|fault| vec![(at, fault)]));
        let wrong = self.wrong_of(&calm, plans.collect()).await;
        assert!(wrong.is_empty(), "{} stories do not end well:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Without a fault.
    async fn calm(&self) -> Played<C> {
        let calm = self.play(&[]).await;
        let (delivered, dead, pending) = calm.fates();
        let good = delivered >= 1 && (dead, pending) == (0, 0) && calm.crm.contacts().len() == 1;
        let told = told(&calm);
        assert!(good && !calm.crm.notes().is_empty(), "without a fault: {told}");
        calm
    }

    /// The stories that do not end well, each with what happened.
    pub async fn what_goes_wrong(&self, own: &[Fault]) -> Vec<String> {
        let calm = self.calm().await;
        let requests = calm.calls.len();

        let faults: Vec<Fault> = Fault::all().into_iter().chain(own.iter().cloned()).collect();
        let mut plans: Vec<Vec<(usize, Fault)>> = Vec::new();
        for at in 0..requests {
            let fits = |fault: &&Fault| fault.is_for_tokens() || !C::is_token(&calm.calls[at]);
            plans.extend(faults.iter().filter(fits).map(|fault| vec![(at, fault.clone())]));
            // What comes next is not known: it may ask for a token.
            let next = faults.iter().filter(|fault| fault.is_for_tokens());
            plans.extend(next.map(|fault| vec![(at, Fault::HandledThenKilled), (at + 1, fault.clone())]));
        }
        self.wrong_of(&calm, plans).await
    }

    /// Those of these that end otherwise than the calm one.
    async fn wrong_of(&self, calm: &Played<C>, plans: Vec<Vec<(usize, Fault)>>) -> Vec<String> {
        let ((delivered, _, _), notes) = (calm.fates(), calm.crm.notes().len());
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        let mut playing = JoinSet::new();
        for plan in plans {
            let (story, places) = (self.clone(), Arc::clone(&places));
            playing.spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                let played = story.play(&plan).await;
                (plan, played)
            });
        }
        let mut wrong = Vec::new();
        while let Some(story) = playing.join_next().await {
            let (plan, played) = story.unwrap();
            let whole = played.fates() == (delivered, 0, 0);
            let once = (played.crm.contacts().len(), played.crm.notes().len()) == (1, notes);
            if !(whole && once) {
                wrong.push(format!("{plan:?}: {}", self::told(&played)));
            }
        }
        wrong
    }
}

/// Runs leadhook until it ends by itself, and gives how often that took.
async fn run(place: &Arc<Place>, alive: &AtomicU32, wait: &str) -> usize {
    for life in 1..=LIVES {
        let running = place.spawn(&["run", "--once", "--wait", wait]);
        alive.store(running.id(), Ordering::SeqCst);
        let ran = tokio::task::spawn_blocking(move || running.ends()).await.unwrap();
        match ran.code {
            // 1: it made a dead letter, which the status tells too.
            0 | 1 => return life,
            -1 => {}
            code => panic!("{code}: {}{}", ran.out, ran.err),
        }
    }
    panic!("it was killed {LIVES} times");
}

fn told<C: Crm>(played: &Played<C>) -> String {
    let calls: Vec<String> = super::shown(&played.calls).iter().map(|call| format!("    {call}")).collect();
    let log = std::fs::read_dir(played.place.path("")).into_iter().flatten().flatten();
    let mut logs: Vec<_> =
        log.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "err")).collect();
    logs.sort();
    let mut lines = String::new();
    for path in logs {
        lines += &std::fs::read_to_string(path).unwrap_or_default();
    }
    format!(
        "(delivered, dead, pending) = {:?}, {} contacts, {} notes\n{}\n  contacts: {}\n  notes: {}\n  {}\n  log:\n{lines}",
        played.fates(),
        played.crm.contacts().len(),
        played.crm.notes().len(),
        calls.join("\n"),
        Value::from(played.crm.contacts()),
        Value::from(played.crm.notes()),
        played.dead(),
    )
}
