//! Who plays: the simulated WeClever, three destinations, and the file that knows them.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::super::exit::Failure;
use super::super::init::new_secret;
use super::tally::{Received, Seen, Told};
use crate::app::operator::StatusReport;
use crate::config::{Config, Environment, parse};
use crate::domain::clock;
use crate::simulator::{Behaviour, FaultKind, Faults, Mishap, Options, Receiver, ReceiverOptions, WeClever};

/// The destinations, in the order in which they are shown: a fine one, a flaky one, a broken one.
pub const NAMES: [&str; 3] = ["crm", "chat", "legacy"];

/// Few enough that a person can follow them.
const LEADS_PER_SECOND: f64 = 2.0;

/// Leads that were finalized just before, so that there is something to see at once.
const PAST_LEADS: u64 = 3;

/// Everything that is simulated, and the directory of the store. All of it is gone when this is dropped.
pub struct Stage {
    pub weclever: WeClever,
    receivers: [Receiver; 3],
    secret: String,
    directory: TempDir,
}

impl Stage {
    /// Puts everything on free ports of the loopback interface.
    pub async fn set() -> Result<Stage, Failure> {
        let secret = new_secret()?;
        let options = Options {
            seed: fastrand::u64(..),
            past_leads: PAST_LEADS,
            past_stretch: Duration::from_secs(20),
            leads_per_second: LEADS_PER_SECOND,
            faults: faults(),
            ..Options::default()
        };
        let weclever = WeClever::start(listener().await?, options).map_err(Failure::unavailable)?;
        let flaky = Behaviour::Flaky { share: 0.35, kinds: Mishap::ALL.to_vec() };
        let receivers = [
            receiver(Behaviour::Fine, &secret).await?,
            receiver(flaky, &secret).await?,
            receiver(Behaviour::Broken { status: 500 }, &secret).await?,
        ];
        let directory = tempfile::Builder::new().prefix("leadhook-demo-").tempdir().map_err(|error| {
            let place = std::env::temp_dir();
            Failure::unavailable(format!(
                "cannot make a directory in {}: {error}; TMPDIR may name another place",
                place.display()
            ))
        })?;
        Ok(Stage { weclever, receivers, secret, directory })
    }

    /// A file such as a person would write, checked as `run` checks it.
    pub fn config(&self) -> Result<Config, Failure> {
        let [crm, chat, legacy] = self.urls();
        let (weclever, secret) = (self.weclever.base_url(), &self.secret);
        let start = clock::before(Timestamp::now(), Duration::from_secs(60));
        let text = format!(
            r#"
[source]
base_url    = "{weclever}"
platform_id = "demo"
username    = "demo"
password    = "demo"
poll_every  = "500ms"
timeout     = "2s"
start       = "{start:.0}"

[destinations.crm]
url    = "{crm}"
secret = "{secret}"

[destinations.chat]
url    = "{chat}"
secret = "{secret}"
retry  = {{ initial = "1s", factor = 1.5, max = "3s", attempts = 12 }}

[destinations.legacy]
url    = "{legacy}"
secret = "{secret}"
retry  = {{ schedule = ["2s"] }}   # two attempts, so that nobody waits three days for a dead letter

[[routes]]
name = "finished conversations"
on   = ["lead.finalized"]
to   = ["crm", "chat", "legacy"]
"#
        );
        // An empty environment: what is set for a real service must not reach in here.
        let loaded = parse(Path::new("demo.toml"), &text, &Environment::default()).map_err(Failure::Config)?;
        let mut config = loaded.config;
        config.store.path = self.directory.path().join("data");
        Ok(config)
    }

    /// Where each destination listens.
    pub fn urls(&self) -> [String; 3] {
        self.receivers.each_ref().map(Receiver::url)
    }

    /// WeClever finalizes nothing more and breaks nothing more; the destinations stay as they are.
    pub fn calm_down(&self) {
        self.weclever.finalize_no_more();
        self.weclever.set_faults(Faults::default());
    }

    /// What each side says it saw.
    pub fn seen(&self, status: StatusReport, told: Told, cut: bool, long: Duration) -> Seen {
        let finalized = self.weclever.finalized_ids();
        let received = |receiver: &Receiver| {
            receiver.tally(|tally| Received {
                requests: tally.requests,
                verified: tally.verified,
                accepted: tally.accepted_by_id.len() as u64,
                repeated: tally.repeated().len() as u64,
                leads: finalized.iter().filter(|id| tally.by_lead.contains_key(*id)).count() as u64,
            })
        };
        let received = NAMES.iter().zip(&self.receivers).map(|(name, at)| ((*name).to_owned(), received(at))).collect();
        Seen { long, weclever: self.weclever.summary(), status, received, told, cut }
    }

    /// Ends everything and removes the directory.
    pub async fn clear(self) {
        for receiver in self.receivers {
            receiver.stop().await;
        }
        self.weclever.stop().await;
    }
}

/// Everything that can go wrong within a few seconds. Lists are broken less often, for one holds up all leads that are in it.
fn faults() -> Faults {
    Faults {
        token: 0.0,
        list: 0.05,
        detail: 0.15,
        stall: Duration::from_secs(5),
        slow: Duration::from_secs(1),
        ..Faults::of(0.0, FaultKind::usual())
    }
}

async fn receiver(behaviour: Behaviour, secret: &str) -> Result<Receiver, Failure> {
    let options = ReceiverOptions {
        secrets: vec![secret.to_owned()],
        slow: Duration::from_millis(700),
        seed: fastrand::u64(..),
        ..ReceiverOptions::default()
    };
    Receiver::start_with(listener().await?, behaviour, options).map_err(Failure::unavailable)
}

async fn listener() -> Result<TcpListener, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Failure::unavailable(format!("cannot listen on the loopback interface: {error}")))
}
