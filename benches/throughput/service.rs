//! leadhook itself, as it is shipped: the release build, a file, a store on disk, its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::process::Process;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What its file says beside what every benchmark needs.
pub struct Setup {
    pub weclever: u16,
    pub poll_every: &'static str,
    /// Whether what is there at the start is sent; otherwise it is only remembered.
    pub from_the_beginning: bool,
    /// Name, URL, and how many attempts at a time.
    pub destinations: Vec<(String, String, usize)>,
}

pub struct Service {
    pub process: Process,
    directory: PathBuf,
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
    command.current_dir(directory);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LEADHOOK_")) {
        command.env_remove(name);
    }
    command
}

impl Service {
    pub fn start(directory: &Path, setup: &Setup) -> Result<Service> {
        // Within the newest window, so that there is nothing to catch up on beside the first poll.
        let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
        let start = if setup.from_the_beginning { format!("start = \"{hour_ago:.0}\"\n") } else { String::new() };
        let mut file = format!(
            "[source]\nbase_url = \"http://127.0.0.1:{}\"\nplatform_id = \"bench\"\ntoken = \"bench\"\n\
             poll_every = \"{}\"\n{start}\n[admin]\nlisten = \"127.0.0.1:0\"\n",
            setup.weclever, setup.poll_every
        );
        for (name, url, at_a_time) in &setup.destinations {
            file.push_str(&format!(
                "\n[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nconcurrency = {at_a_time}\n\
                 \n[[routes]]\nname = \"to {name}\"\non = [\"lead.finalized\"]\nto = [\"{name}\"]\n"
            ));
        }
        std::fs::write(directory.join("leadhook.toml"), file)?;
        let log = File::create(directory.join("log"))?;
        let process = Process::start("leadhook", command(directory).arg("run").stdout(Stdio::null()).stderr(log))?;
        Ok(Service { process, directory: directory.to_owned() })
    }

    /// Stops it, and makes sure that the store says of every delivery what the receiver said.
    pub fn stop(self, destination: &str, leads: u64) -> Result<u64> {
        let said = |directory: &Path| std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        self.process.stop().with_context(|| format!("its last words: {}", tail(&said(&self.directory))))?;
        let out = command(&self.directory).args(["status", "--json"]).output()?;
        let status: serde_json::Value = serde_json::from_slice(&out.stdout).context("status")?;
        let there = status["destinations"].as_array().and_then(|all| all.iter().find(|d| d["name"] == destination));
        let delivered = there.and_then(|d| d["delivered"].as_u64());
        if delivered != Some(leads) {
            bail!("the store counts {delivered:?} deliveries at `{destination}`, not {leads}");
        }
        bytes_below(&self.directory.join("data"))
    }
}

fn tail(log: &str) -> &str {
    let from = log.len().saturating_sub(1000);
    log.get(from..).unwrap_or(log)
}

fn bytes_below(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
