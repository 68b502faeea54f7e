//! How fast leadhook is, and what it costs: see `benches/README.md`.
//!
//! The stand-in for WeClever, the receiver, the bare loop and leadhook itself are processes of their own, so that the time
//! and the memory of each can be told apart. This program starts itself again for the first three.

// A program that prints is what a benchmark is, and its own mistakes may end it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod bare;
mod beside;
mod idle;
mod poll;
mod process;
mod service;
mod speed;
mod stand_in;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Measures leadhook against a bare loop on this machine.
#[derive(Parser)]
#[command(name = "throughput", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    speed: speed::Args,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// Leads a second through details, store, signature and POST, against a bare loop of the same GET and POST [default]
    Speed(speed::Args),
    /// A hanging and a refusing destination beside a good one
    Beside(beside::Args),
    /// Polls that list known leads
    Poll(poll::Args),
    /// A service with ten destinations and nothing to do
    Idle(idle::Args),
    #[command(hide = true)]
    StandIn(stand_in::Args),
    #[command(hide = true)]
    Bare(bare::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let did = match cli.what.unwrap_or(What::Speed(cli.speed)) {
        What::Speed(args) => speed::measure(&args),
        What::Beside(args) => beside::measure(&args),
        What::Poll(args) => poll::measure(&args),
        What::Idle(args) => idle::measure(&args),
        What::StandIn(args) => stand_in::serve(&args),
        What::Bare(args) => bare::run(&args),
    };
    match did {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("throughput: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where stores and logs are kept: on the disk that the build is on, since a memory disk would make every sync free.
fn scratch(name: &str) -> Result<std::path::PathBuf> {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("throughput").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// The middle, the least and the most of these.
fn spread(mut values: Vec<f64>) -> Result<(f64, f64, f64)> {
    if values.is_empty() {
        bail!("nothing was measured");
    }
    values.sort_by(f64::total_cmp);
    let middle = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
    Ok((middle, values[0], values[values.len() - 1]))
}
