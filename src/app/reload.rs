//! Another file for a leadhook that runs: read, checked whole, and only then taken over.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::in_force::InForce;
use super::operator::{Operator, Refusal, Reloaded};
use crate::config::{Config, Environment, Loaded, Locate, Mistakes, load_again};
use crate::watch::Trouble;

/// A file is parsed as the main thread does it at start: templates nest deeper than the stack of a worker thread reaches.
const STACK: usize = 8 << 20;

/// Where the file comes from, each time that it is read.
#[derive(Clone, Debug)]
pub struct Origin {
    /// As it was named at start; a relative path begins in the directory in which leadhook was started.
    pub file: Option<PathBuf>,
    /// As it was at start: a process does not hear of what is set later. Secret files are read anew.
    pub environment: Environment,
    /// Hears of each time.
    pub heard: fn(Phase),
}

/// How far reading the file again has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is being read.
    Begins,
    /// Another file is in force, or the same as before.
    Ends,
}

/// Reads the file again when it is told to; cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    pub(super) in_force: InForce,
    origin: Option<Arc<Origin>>,
    /// One after another, and each of them whole.
    turn: Arc<Mutex<()>>,
    stopping: Arc<OnceLock<CancellationToken>>,
}

impl Reloader {
    pub(super) fn new(in_force: InForce) -> Reloader {
        Reloader { in_force, origin: None, turn: Arc::default(), stopping: Arc::default() }
    }

    pub(super) fn of(self, origin: Origin) -> Reloader {
        Reloader { origin: Some(Arc::new(origin)), ..self }
    }

    /// Once this is cancelled, no file is read any more.
    pub(super) fn until(&self, stopping: CancellationToken) {
        // It runs once.
        let _ = self.stopping.set(stopping);
    }

    /// Reads the file again and goes by it, unless something is wrong with it: then nothing changes.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be read now.
    pub async fn reload(&self) -> Result<Reloaded, Refusal> {
        let _turn = self.turn.lock().await;
        if self.stopping.get().is_some_and(CancellationToken::is_cancelled) {
            let why = "leadhook is stopping: the file is read when it is started again";
            info!("{why}");
            return Err(Refusal::Unavailable(why.to_owned()));
        }
        let Some(origin) = self.origin.clone() else {
            return Err(Refusal::Usage("this leadhook was not started with a file".to_owned()));
        };
        (origin.heard)(Phase::Begins);
        let end = self.read(Arc::clone(&origin)).await;
        (origin.heard)(Phase::Ends);
        let health = &self.in_force.parts.health;
        match &end {
            Ok(_) => health.note_reload(None),
            Err(refusal) => {
                let (said, now) = (in_short(refusal), self.in_force.parts.clock.now());
                match refusal {
                    Refusal::File(mistakes) => {
                        error!(
                            mistakes = mistakes.count(),
                            "the file was not taken over, the one before stays in force"
                        );
                        mistakes.iter().for_each(|mistake| error!("{mistake}"));
                    }
                    other => error!("the file was not taken over, the one before stays in force: {other}"),
                }
                let before = health.reload();
                health.note_reload(Some(Trouble::again(before, said, now)));
            }
        }
        end
    }

    async fn read(&self, origin: Arc<Origin>) -> Result<Reloaded, Refusal> {
        let before = self.in_force.current.now();
        let Loaded { config, warnings, path, needs_restart } =
            parsed(origin, Arc::clone(&before)).await?.map_err(Refusal::File)?;
        let changed = changes(&before, &config);
        self.in_force.take(config).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let file = path.display().to_string();
        info!(file, changed = changed.join(", "), "the file was read again and is in force");
        warnings.iter().for_each(|warning| warn!("{warning}"));
        if let Err(error) = Operator::beside(self.clone()).tell_what_is_parked().await {
            warn!("what is parked cannot be told: {error}");
        }
        self.in_force.parts.health.note_needs_restart(needs_restart.clone());
        Ok(Reloaded { file, changed, warnings, needs_restart })
    }
}

/// Reads the file where there is room for it. The inner error: what is wrong with it.
async fn parsed(origin: Arc<Origin>, running: Arc<Config>) -> Result<Result<Loaded, Mistakes>, Refusal> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let parse = move || {
        let locate = Locate { file: origin.file.as_deref(), environment: &origin.environment };
        // Whoever asked may be gone.
        let _ = tell.send(load_again(&locate, &running));
    };
    let thread = std::thread::Builder::new().name("reload".to_owned()).stack_size(STACK).spawn(parse);
    let unavailable = |why: String| Refusal::Unavailable(format!("the file cannot be read now: {why}"));
    thread.map_err(|error| unavailable(error.to_string()))?;
    told.await.map_err(|_| unavailable("its reader failed; this is a bug in leadhook, please report it".to_owned()))
}

/// What the new file says otherwise, each in a few words.
fn changes(before: &Config, after: &Config) -> Vec<String> {
    let mut changes = Vec::new();
    let (then, now) = (&before.marks, &after.marks);
    for (part, same) in
        [("source", then.source == now.source), ("csat", then.csat == now.csat), ("routes", then.routes == now.routes)]
    {
        if !same {
            changes.push(part.to_owned());
        }
    }
    let limits = |config: &Config| (config.store.retention, config.store.max_bytes);
    if limits(before) != limits(after) {
        changes.push("store".to_owned());
    }
    for new in &after.destinations {
        match before.destinations.iter().find(|old| old.name == new.name) {
            None => changes.push(format!("destination {} is new", new.name)),
            Some(old) if old.mark != new.mark => changes.push(format!("destination {}", new.name)),
            Some(_) => {}
        }
    }
    let gone = before.destinations.iter().filter(|old| !after.destinations.iter().any(|new| new.name == old.name));
    changes.extend(gone.map(|old| format!("destination {} is gone", old.name)));
    changes
}

/// Why it was not taken over, in a sentence.
fn in_short(refusal: &Refusal) -> String {
    match refusal {
        Refusal::File(mistakes) => {
            let first = mistakes.iter().next().map(ToString::to_string).unwrap_or_default();
            match mistakes.count() {
                1 => first,
                n => format!("{n} mistakes, the first: {first}"),
            }
        }
        other => other.to_string(),
    }
}
