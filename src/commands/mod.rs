//! What a person types, and what they read.
//!
//! Standard output is for results, standard error for logs and progress. [`exit`] holds the exit codes.

mod auth;
mod backfill;
mod check;
mod completions;
mod confirm;
mod dead;
mod demo;
mod destination;
mod doctor;
pub mod exit;
mod explain;
mod forget;
mod health;
mod init;
mod logging;
mod man;
mod online;
mod open_files;
mod output;
mod page;
mod preset;
mod progress;
mod reconcile;
mod reload;
mod route;
mod run;
mod schema;
mod signals;
mod status;
mod status_watch;
mod store;
mod supervisor;
mod tap;
mod verify;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::admin::{Desk, Remote, reach, reach_soon};
use crate::config::{Config, Environment, Loaded, Locate, load, store_path};
use crate::simulator::{SimulateArgs, simulate};
use exit::{Exit, Failure};
use output::Output;

/// The version, and what it was built from and for; `build.rs` finds that out.
const VERSION: &str = env!("LEADHOOK_VERSION");

/// Tells your CRM, your chat room and your queue what happens in WeClever, and never loses a lead.
#[derive(Debug, Parser)]
#[command(name = "leadhook", version = VERSION, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// The file to read [default: leadhook.toml, or what LEADHOOK_CONFIG names]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print results as JSON: one document, or one object a line
    #[arg(long, global = true)]
    json: bool,
    /// How logs are written to standard error
    #[arg(long, global = true, value_enum, default_value_t, env = "LEADHOOK_LOG_FORMAT", value_name = "FORMAT")]
    log_format: logging::Format,
    /// How much is logged [default: info; for demo: error]
    #[arg(long, global = true, value_enum, env = "LEADHOOK_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<logging::Level>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: poll WeClever and deliver, until it is stopped
    Run(run::RunArgs),
    /// Watch it work, against a simulated WeClever and three destinations; nothing to set up
    Demo(demo::DemoArgs),
    /// Write a commented leadhook.toml
    Init(init::InitArgs),
    /// Find every mistake in the file
    Check(check::CheckArgs),
    /// Find out what the API's page does not say, and what to write into the file
    Doctor(doctor::DoctorArgs),
    /// Show the source, the destinations, what waits and what needs a look
    Status(status::StatusArgs),
    /// Watch events and attempts as they happen, in the running service
    Tap(tap::TapArgs),
    /// Have the running service read its file again; a file that is wrong changes nothing
    Reload,
    /// Print a link that opens the page of the running service, signed in
    Page,
    /// Tell a lead's whole story: what happened to it, who wanted it, each attempt, and what is next
    Explain(explain::ExplainArgs),
    /// Erase people for good, wherever anything of them is kept, and print a receipt; they are never sent again
    Forget(forget::ForgetArgs),
    /// Hold WeClever's list against what was delivered, and send what is missing
    Reconcile(reconcile::ReconcileArgs),
    /// Send history to a destination, behind what is new
    Backfill(backfill::BackfillArgs),
    /// Look at dead letters, send them again or drop them
    #[command(subcommand)]
    Dead(dead::DeadCommand),
    /// Sign in to a destination that wants a token, or look at its token
    Auth(auth::AuthArgs),
    /// Pause, resume or test a destination; move or drop what waits for it
    #[command(subcommand)]
    Destination(destination::DestinationCommand),
    /// Try a lead against the routes, offline: who wants it, why, and the exact requests
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// List and show the presets for chat rooms, CRMs and automation services
    #[command(subcommand)]
    Preset(preset::PresetCommand),
    /// Print the JSON Schema of leadhook.toml, for editors
    Schema,
    /// Check, compact, export or import the store
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Check the signature of a request that was captured
    Verify(verify::VerifyArgs),
    /// Run a simulated WeClever, to try a file against
    Simulate(Box<SimulateArgs>),
    /// Print what your shell needs to complete commands and options
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(man::ManArgs),
    /// Exit with 0 where the service beside it answers: for container engines
    #[command(hide = true)]
    Health,
}

/// Does what was typed.
///
/// # Errors
/// A [`Failure`], which says what went wrong and holds its exit code.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    logging::start(cli.global.log_format, cli.global.log_level.unwrap_or(cli.command.log_level()));
    let global = cli.global;
    let output = Output::new(global.json);
    match cli.command {
        Command::Run(args) => run::run(&global, &args, &output).await,
        Command::Demo(args) => demo::demo(&args, global.json).await,
        Command::Init(args) => init::init(&global, args, &output),
        Command::Check(args) => check::check(&global, &args, &output).await,
        Command::Doctor(args) => doctor::doctor(&global, &args, &output).await,
        Command::Status(args) => status::status(&global, &args, &output).await,
        Command::Tap(args) => tap::tap(&global, &args, &output).await,
        Command::Reload => reload::reload(&global, &output).await,
        Command::Page => page::page(&global, &output).await,
        Command::Explain(args) => explain::explain(&global, &args, &output).await,
        Command::Backfill(args) => backfill::backfill(&global, &args, &output).await,
        Command::Forget(args) => forget::forget(&global, args, &output).await,
        Command::Reconcile(args) => reconcile::reconcile(&global, &args, &output).await,
        Command::Dead(command) => dead::dead(&global, command, &output).await,
        Command::Auth(args) => auth::auth(&global, args, &output).await,
        Command::Destination(command) => destination::destination(&global, command, &output).await,
        Command::Route(command) => route::route(&global, command, &output),
        Command::Preset(command) => preset::preset(&global, command, &output),
        Command::Schema => schema::schema(),
        Command::Store(command) => store::store(&global, command, &output).await,
        Command::Verify(args) => verify::verify(&global, &args, &output),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args, &output),
        Command::Health => health::health(&global, &output).await,
        Command::Simulate(args) => {
            let stop = signals::listen();
            simulate(*args, global.json, stop.gently.cancelled_owned()).await.map_err(Failure::unavailable)?;
            Ok(Exit::Done)
        }
    }
}

/// Everything that can be typed, under the plain version: what is made of it must not differ from build to build.
fn whole_command() -> clap::Command {
    Cli::command().version(env!("CARGO_PKG_VERSION"))
}

impl Command {
    /// How much is logged where nobody says.
    fn log_level(&self) -> logging::Level {
        match self {
            // What it shows is what a log would tell; both on one terminal would be a mess.
            Command::Demo(_) => logging::Level::Error,
            _ => logging::Level::default(),
        }
    }
}

impl Global {
    /// Reads and checks the file; nothing else is opened before it is right.
    fn load(&self) -> Result<Loaded, Failure> {
        self.load_with(&Environment::of_process())
    }

    /// The same for a file that is only to be looked at: its secrets need not be set.
    fn load_without_secrets(&self) -> Result<Loaded, Failure> {
        self.load_with(&Environment::of_process().with_stand_ins())
    }

    fn load_with(&self, environment: &Environment) -> Result<Loaded, Failure> {
        load(&Locate { file: self.config.as_deref(), environment }).map_err(Failure::Config)
    }

    /// The running service, or, where none runs, the store itself. A service goes by a file of its own: what is wrong with
    /// the file now, or is not set here, is no reason not to ask it.
    async fn desk(&self) -> Result<Desk, Failure> {
        match self.load() {
            Ok(loaded) => Ok(reach(&loaded.config).await?),
            Err(wrong) => self.service().await.map(Desk::There).ok_or(wrong),
        }
    }

    /// The service that works on the store that the file names, as far as that can be told.
    async fn service(&self) -> Option<Remote> {
        let environment = Environment::of_process().with_stand_ins();
        let store = store_path(&Locate { file: self.config.as_deref(), environment: &environment })?;
        reach_soon(&store).await
    }

    /// The same, with its warnings told on standard error.
    fn load_and_warn(&self) -> Result<Config, Failure> {
        let loaded = self.load()?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded.config)
    }
}
