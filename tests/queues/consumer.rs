//! A program on the queue's other side, in Python, and what came of what it was told.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::python;
use crate::support::{PATIENCE, SECRET};

/// A message, as `told.py` prints it.
#[derive(Clone, Debug, Deserialize)]
pub struct Arrived {
    /// Its `webhook-id`.
    pub id: String,
    pub lead: u64,
    pub revision: u64,
    /// What the official library said of it.
    pub verified: bool,
}

/// Whether an event may have come more than once, as after a kill.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    None,
    Some,
}

/// A consumer that runs.
pub struct Consumer {
    child: Child,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

/// The interpreter that has everything of `python/requirements.txt`.
pub fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python::environment("python-queues", Path::new("tests/queues/python/requirements.txt")))
}

/// One of the programs in `python/`, ready to start.
pub fn program(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queues/python").join(name);
    let mut command = Command::new(python());
    command.arg(path).env("LEADHOOK_SECRET", SECRET).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}

impl Consumer {
    /// Starts a program of `python/`, which tells by `told.py` what it was sent.
    pub fn start(name: &str, arguments: &[&str]) -> Consumer {
        Consumer::start_with(name, arguments, &[])
    }

    /// The same, with these variables in its environment.
    pub fn start_with(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Consumer {
        let mut command = program(name);
        command.args(arguments).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (lines, arrived) = (BufReader::new(child.stdout.take().unwrap()), Arc::<Mutex<Vec<Arrived>>>::default());
        let kept = Arc::clone(&arrived);
        // It ends with the program.
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(message) => kept.lock().unwrap().push(message),
                    Err(error) => eprintln!("the consumer said something else ({error}): {line}"),
                }
            }
        });
        Consumer { child, arrived }
    }

    /// All that came so far, in its order.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// Waits until so many different events came: as long as it takes, if only some come meanwhile.
    pub async fn has(&mut self, events: usize) {
        let (mut last, mut changed) = (0, Instant::now());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the consumer ended with {status}");
            }
            let came = self.arrived().into_iter().map(|message| message.id).collect::<HashSet<_>>().len();
            if came >= events {
                return;
            }
            if came != last {
                (last, changed) = (came, Instant::now());
            }
            assert!(changed.elapsed() < PATIENCE, "{came} of {events} events came, and then no more");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Judges all that came: so many different events, each verified, once each unless repeats are to be expected, and in
    /// order within each lead.
    #[track_caller]
    pub fn is_content(&self, events: usize, repeats: Repeats) {
        let (mut ids, mut revisions) = (HashSet::new(), BTreeMap::<u64, u64>::new());
        for message in self.arrived() {
            assert!(message.verified, "{message:?}");
            if !ids.insert(message.id.clone()) {
                assert!(repeats == Repeats::Some, "{message:?} came twice");
                continue;
            }
            let last = revisions.insert(message.lead, message.revision).unwrap_or(0);
            assert_eq!(message.revision, last + 1, "lead {} is out of order", message.lead);
        }
        assert_eq!(ids.len(), events);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
