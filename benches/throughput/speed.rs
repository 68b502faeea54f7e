//! Leads a second through details, store, signature and POST, against a bare loop of the same GET and POST.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::{Cost, Process, StandIn};
use super::service::{Service, Setup};
use super::{scratch, spread};

#[derive(clap::Args)]
pub struct Args {
    /// Leads in each run
    #[arg(long, default_value_t = 20_000)]
    leads: u64,
    /// Runs of each, in turn
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Posts at a time. leadhook reads 16 details at a time beside them, the bare loop reads and posts 16 leads
    #[arg(long, default_value_t = 8)]
    posts: usize,
}

/// Details that leadhook reads at a time unless its file says otherwise.
const DETAILS: usize = 16;

const LONGEST: Duration = Duration::from_secs(300);

/// The ratio to the bare loop, and the peak of resident memory, that are aimed at.
const RATIO: f64 = 0.60;
const MEMORY_MIB: f64 = 128.0;

struct Run {
    seconds: f64,
    cost: Cost,
    stand_ins: f64,
    bytes: u64,
}

pub fn measure(args: &Args) -> Result<()> {
    println!("{} leads, {} pairs: bare loop, then leadhook\n", args.leads, args.pairs);
    println!(
        "{:>8}  {:>8}  {:>8}  {:>7}  {:>7}  {:>9}  {:>9}  {:>8}",
        "", "seconds", "leads/s", "user s", "sys s", "peak MiB", "disk MiB", "others s"
    );
    let (mut ratios, mut peaks, mut rates) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
    for _ in 0..args.pairs {
        let bare = bare(args)?;
        row("bare", args.leads, &bare);
        let ours = leadhook(args)?;
        row("leadhook", args.leads, &ours);
        ratios.push(bare.seconds / ours.seconds);
        peaks.push(mib(ours.cost.peak));
        rates.0.push(args.leads as f64 / bare.seconds);
        rates.1.push(args.leads as f64 / ours.seconds);
    }
    let (ratio, least, most) = spread(ratios)?;
    let (_, _, peak) = spread(peaks)?;
    println!("\nleads/s  bare {:.0}, leadhook {:.0} (medians)", spread(rates.0)?.0, spread(rates.1)?.0);
    println!(
        "ratio    {ratio:.2} (median; {least:.2} to {most:.2}), the aim is at least {RATIO:.2}: {}",
        met(ratio >= RATIO)
    );
    println!("memory   {peak:.0} MiB at most, the aim is under {MEMORY_MIB:.0} MiB: {}", met(peak < MEMORY_MIB));
    Ok(())
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "NOT met" }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn row(name: &str, leads: u64, run: &Run) {
    let disk = if run.bytes == 0 { "-".to_owned() } else { format!("{:.1}", mib(run.bytes)) };
    println!(
        "{name:>8}  {:>8.2}  {:>8.0}  {:>7.2}  {:>7.2}  {:>9.1}  {disk:>9}  {:>8.2}",
        run.seconds,
        leads as f64 / run.seconds,
        run.cost.user.as_secs_f64(),
        run.cost.system.as_secs_f64(),
        mib(run.cost.peak),
        run.stand_ins
    );
}

/// The stand-ins of one run.
struct Others {
    weclever: StandIn,
    receiver: StandIn,
}

impl Others {
    fn start(leads: u64) -> Result<Others> {
        Ok(Others {
            weclever: StandIn::start("weclever", leads, Duration::ZERO)?,
            receiver: StandIn::start("receiver", leads, Duration::ZERO)?,
        })
    }

    /// From the first list to the last lead's acceptance, in seconds.
    fn time(&mut self, working: &mut Process) -> Result<f64> {
        let all = self.receiver.wait_for("all", LONGEST, Some(working)).context("leads are missing")?;
        let list = self.weclever.wait_for("list", Duration::from_secs(1), None)?;
        Ok(all.saturating_sub(list) as f64 / 1e6)
    }

    /// Their processor time, and that each lead was posted once.
    fn end(self, leads: u64) -> Result<f64> {
        let cost = self.weclever.process.cost()?.processor() + self.receiver.process.cost()?.processor();
        self.weclever.end()?;
        let posts = self.receiver.end()?;
        if posts != leads {
            bail!("{posts} posts for {leads} leads");
        }
        Ok(cost.as_secs_f64())
    }
}

fn bare(args: &Args) -> Result<Run> {
    let mut others = Others::start(args.leads)?;
    let words = [
        "bare".to_owned(),
        format!("--weclever={}", others.weclever.port),
        format!("--receiver={}", others.receiver.port),
        format!("--at-a-time={DETAILS}"),
    ];
    let mut process = Process::again("the bare loop", &words)?;
    let seconds = others.time(&mut process)?;
    let cost = process.cost()?;
    Ok(Run { seconds, cost, stand_ins: others.end(args.leads)?, bytes: 0 })
}

fn leadhook(args: &Args) -> Result<Run> {
    let mut others = Others::start(args.leads)?;
    let directory = scratch("speed")?;
    let crm = format!("http://127.0.0.1:{}/hook", others.receiver.port);
    let setup = Setup {
        weclever: others.weclever.port,
        poll_every: "1h",
        from_the_beginning: true,
        destinations: vec![("crm".to_owned(), crm, args.posts)],
    };
    let mut service = Service::start(&directory, &setup)?;
    let seconds = others.time(&mut service.process)?;
    let cost = service.process.cost()?;
    let bytes = service.stop("crm", args.leads)?;
    Ok(Run { seconds, cost, stand_ins: others.end(args.leads)?, bytes })
}
