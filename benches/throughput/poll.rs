//! What a poll costs that lists leads which are all known.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::process::{Process, StandIn};
use super::scratch;
use super::service::{Service, Setup};

#[derive(clap::Args)]
pub struct Args {
    /// Leads in the list
    #[arg(long, default_value_t = 10_000)]
    leads: u64,
    /// Polls that are measured, a second apart
    #[arg(long, default_value_t = 20)]
    polls: u32,
}

/// Processor time of a poll of 10,000.
const AIM_MS: f64 = 10.0;

pub fn measure(args: &Args) -> Result<()> {
    let each = |leads| processor_ms(args, leads);
    // What an empty list costs, and the passing of the seconds in between, is no part of it.
    let (empty, full) = (each(0)?, each(args.leads)?);
    let poll = full - empty;
    println!("a second with a poll of an empty list   {empty:>6.2} ms of processor time");
    println!("a second with a poll of {:>6} leads    {full:>6.2} ms", args.leads);
    print!("so a poll of them takes                 {poll:>6.2} ms");
    match args.leads {
        10_000 => println!(", the aim is {AIM_MS} ms: {}", if poll <= AIM_MS { "met" } else { "NOT met" }),
        _ => println!(),
    }
    Ok(())
}

fn processor_ms(args: &Args, leads: u64) -> Result<f64> {
    let mut weclever = StandIn::start("weclever", leads, Duration::ZERO)?;
    let setup = Setup {
        weclever: weclever.port,
        poll_every: "1s",
        from_the_beginning: false,
        destinations: vec![("crm".to_owned(), "http://127.0.0.1:9/hook".to_owned(), 8)],
    };
    let mut service = Service::start(&scratch("poll")?, &setup)?;
    let mut wait = |polls: u32, process: &mut Process| -> Result<()> {
        for _ in 0..polls {
            weclever.wait_for("list", Duration::from_secs(30), Some(process))?;
        }
        Ok(())
    };
    // The first reading remembers the leads, and the week before it is caught up on.
    let quiet = Instant::now() + Duration::from_secs(5);
    while Instant::now() < quiet {
        wait(1, &mut service.process)?;
    }
    let (before, started) = (service.process.cost()?, Instant::now());
    wait(args.polls, &mut service.process)?;
    let after = service.process.cost()?;
    let seconds = started.elapsed().as_secs_f64();
    if (seconds - f64::from(args.polls)).abs() > 0.2 * f64::from(args.polls) {
        bail!("{} polls took {seconds:.1} s, not a second each", args.polls);
    }
    let used = after.processor().saturating_sub(before.processor());
    service.stop("crm", 0)?;
    Ok(used.as_secs_f64() * 1e3 / f64::from(args.polls))
}
