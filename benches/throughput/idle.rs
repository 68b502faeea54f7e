//! What a service costs that has ten destinations and nothing to do.

use std::time::Duration;

use anyhow::Result;

use super::process::StandIn;
use super::scratch;
use super::service::{Service, Setup};

#[derive(clap::Args)]
pub struct Args {
    /// How long it is watched
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// Resident memory.
const AIM_MIB: f64 = 20.0;

pub fn measure(args: &Args) -> Result<()> {
    let weclever = StandIn::start("weclever", 0, Duration::ZERO)?;
    let destinations = (1..=10).map(|no| (format!("crm-{no}"), format!("http://127.0.0.1:9/{no}"), 8)).collect();
    let setup = Setup { weclever: weclever.port, poll_every: "60s", from_the_beginning: false, destinations };
    let mut service = Service::start(&scratch("idle")?, &setup)?;
    // The start is not what is measured.
    std::thread::sleep(Duration::from_secs(3));
    let before = service.process.cost()?;
    std::thread::sleep(Duration::from_secs(args.seconds));
    service.process.check()?;
    let after = service.process.cost()?;
    let used = after.processor().saturating_sub(before.processor()).as_secs_f64() / args.seconds as f64;
    let resident = after.resident as f64 / f64::from(1 << 20);
    let met = if resident <= AIM_MIB { "met" } else { "NOT met" };
    println!("processor  {:.2} % of one", used * 100.0);
    println!("resident   {resident:.1} MiB, the aim is {AIM_MIB:.0} MiB: {met}");
    service.process.stop()
}
