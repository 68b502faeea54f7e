//! Other processes: what they say, what they cost, and that none is left behind.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A process that is killed when it is let go.
pub struct Process {
    pub name: &'static str,
    child: Child,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub user: Duration,
    pub system: Duration,
    /// Resident now, and at most, in bytes.
    pub resident: u64,
    pub peak: u64,
}

impl Cost {
    pub fn processor(&self) -> Duration {
        self.user + self.system
    }
}

impl Process {
    pub fn start(name: &'static str, command: &mut Command) -> Result<Process> {
        // The input is kept open: its end tells our own processes that they are no longer wanted.
        let child = command.stdin(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Process { name, child })
    }

    /// This program again, in another part.
    pub fn again(name: &'static str, args: &[String]) -> Result<Process> {
        Process::start(name, Command::new(std::env::current_exe()?).args(args).stdout(Stdio::piped()))
    }

    /// What the process has cost so far, as Linux counts it.
    pub fn cost(&self) -> Result<Cost> {
        let read = |file| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        let (stat, status) = (read("stat").context("only Linux tells what a process costs")?, read("status")?);
        // The second field is a name in parentheses, which may hold anything; user and system time are the 14th and 15th.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("");
            line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        // A tick is a hundredth of a second on every Linux that is in use.
        Ok(Cost {
            user: Duration::from_millis(10 * ticks(11)),
            system: Duration::from_millis(10 * ticks(12)),
            resident: bytes("VmRSS:"),
            peak: bytes("VmHWM:"),
        })
    }

    /// Fails where it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended early: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status().context("kill")?;
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("{} ended badly: {status}", self.name);
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} does not end", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stand-in, and what it says.
pub struct StandIn {
    pub process: Process,
    pub port: u16,
    said: Receiver<(String, u64)>,
}

impl StandIn {
    pub fn start(role: &'static str, leads: u64, takes: Duration) -> Result<StandIn> {
        let takes = takes.as_millis();
        let args = ["stand-in", role, &format!("--leads={leads}"), &format!("--takes-ms={takes}")].map(str::to_owned);
        let mut process = Process::again(role, &args)?;
        let out = process.child.stdout.take().context("no output")?;
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in std::io::BufReader::new(out).lines().map_while(Result::ok) {
                if let Some((word, number)) = line.split_once(' ') {
                    let _ = tell.send((word.to_owned(), number.parse().unwrap_or(0)));
                }
            }
        });
        let mut stand_in = StandIn { process, port: 0, said };
        stand_in.port = u16::try_from(stand_in.wait_for("port", Duration::from_secs(20), None)?)?;
        Ok(stand_in)
    }

    /// The number that comes with the next such word; fails where `working` ends before it.
    pub fn wait_for(&mut self, word: &str, long: Duration, mut working: Option<&mut Process>) -> Result<u64> {
        let until = Instant::now() + long;
        while Instant::now() < until {
            match self.said.recv_timeout(Duration::from_millis(100)) {
                Ok((said, number)) if said == word => return Ok(number),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => working.as_mut().map_or(Ok(()), |process| process.check())?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        bail!("{} did not say `{word}` within {long:?}", self.process.name)
    }

    /// Ends it, and says how many requests it served.
    pub fn end(mut self) -> Result<u64> {
        drop(self.process.child.stdin.take());
        self.wait_for("served", Duration::from_secs(20), None)
    }
}
