//! A good destination alone, and beside one that hangs and one that refuses.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};

use super::process::StandIn;
use super::service::{Service, Setup};
use super::{scratch, spread};

#[derive(clap::Args)]
pub struct Args {
    /// Leads in each run
    #[arg(long, default_value_t = 5_000)]
    leads: u64,
    /// Runs of each, in turn
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// How long the good destination takes for an answer; 0 makes the processors the limit
    #[arg(long, default_value_t = 10)]
    takes_ms: u64,
}

/// The share of its speed alone that the good one is to keep.
const SHARE: f64 = 0.95;

pub fn measure(args: &Args) -> Result<()> {
    println!("{} leads, {} pairs, an answer of the good one takes {} ms\n", args.leads, args.pairs, args.takes_ms);
    println!("{:>8}  {:>13}", "alone", "beside others");
    let mut shares = Vec::new();
    for _ in 0..args.pairs {
        let alone = run(args, false)?;
        let beside = run(args, true)?;
        println!("{:>6.0}/s  {:>11.0}/s", args.leads as f64 / alone, args.leads as f64 / beside);
        shares.push(alone / beside);
    }
    let (share, least, most) = spread(shares)?;
    let met = if share >= SHARE { "met" } else { "NOT met" };
    println!("\nshare    {share:.2} (median; {least:.2} to {most:.2}), the aim is at least {SHARE:.2}: {met}");
    Ok(())
}

/// From the first list to the last acceptance at the good one, in seconds.
fn run(args: &Args, beside: bool) -> Result<f64> {
    let mut weclever = StandIn::start("weclever", args.leads, Duration::ZERO)?;
    let mut receiver = StandIn::start("receiver", args.leads, Duration::from_millis(args.takes_ms))?;
    let hanging = StandIn::start("hanging", 0, Duration::ZERO)?;
    // A port that was free a moment ago: nobody listens there.
    let refusing = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let at = |port: u16| format!("http://127.0.0.1:{port}/hook");
    let mut destinations = vec![("good".to_owned(), at(receiver.port), 8)];
    if beside {
        destinations.push(("hanging".to_owned(), at(hanging.port), 8));
        destinations.push(("refusing".to_owned(), at(refusing), 8));
    }
    let setup = Setup { weclever: weclever.port, poll_every: "1h", from_the_beginning: true, destinations };
    let mut service = Service::start(&scratch("beside")?, &setup)?;
    let all =
        receiver.wait_for("all", Duration::from_secs(300), Some(&mut service.process)).context("leads are missing")?;
    let list = weclever.wait_for("list", Duration::from_secs(1), None)?;
    service.stop("good", args.leads)?;
    Ok(all.saturating_sub(list) as f64 / 1e6)
}
