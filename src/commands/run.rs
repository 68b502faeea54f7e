//! `leadhook run`: the service, and `--once` for cron.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use super::exit::{Exit, Failure};
use super::output::{Output, count};
use super::signals::Asked;
use super::{Global, open_files, signals, supervisor};
use crate::admin::{Server, reach_at};
use crate::app::{App, AppError, OnceReport, Origin, Reloader, Stop};
use crate::config::{Config, Environment};
use crate::domain::span;
use crate::store::StoreError;
use crate::watch::Clock;

/// A store that a command has is looked at so often, beside the time for which opening it waits by itself.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// For cron: poll once, deliver all that is due, and exit
    #[arg(long)]
    once: bool,
    /// With --once: how long to wait for what is to be tried again
    #[arg(long, requires = "once", default_value = "0s", value_parser = span::parse, value_name = "DURATION")]
    wait: Duration,
}

pub async fn run(global: &Global, args: &RunArgs, output: &Output) -> Result<Exit, Failure> {
    open_files::take_what_is_allowed();
    if args.once {
        let config = global.load_and_warn()?;
        return once(config, args.wait, signals::listen(), output).await;
    }
    // Until the service runs, it waits: one that comes during a long start does not end it.
    let asked_to_reload = Asked::to_reload();
    let config = global.load_and_warn()?;
    let origin =
        Origin { file: global.config.clone(), environment: Environment::of_process(), heard: supervisor::reloading };
    service(config, origin, asked_to_reload, signals::listen()).await
}

async fn service(config: Config, origin: Origin, asked_to_reload: Asked, stop: Stop) -> Result<Exit, Failure> {
    let (reached, store) = (config.admin.clone(), config.store.path.clone());
    let (platform, destinations) = (config.source.platform_id.clone(), config.destinations.len() as u64);
    let Some(app) = built(&config, &stop).await? else {
        info!("stopped while it waited for the store");
        return Ok(Exit::Done);
    };
    let app = app.of(origin);
    let admin = Server::bind(&reached, &store, app.operator()).await?;
    if let Some(address) = admin.address() {
        info!(%address, "listens there; `leadhook page` prints a link to the page, and commands ask it by themselves");
    }
    supervisor::ready(&format!("reads platform {platform} for {}", count(destinations, "destination")));
    tokio::spawn(supervisor::tell_when_stopping(stop.gently.clone()));
    tokio::spawn(supervisor::tell_while_alive(app.liveness()));
    tokio::spawn(reload_when_asked(app.reloader(), asked_to_reload));
    // It answers until everything is drained: `status` is never more wanted than while stopping takes long.
    let drained = CancellationToken::new();
    let answering = tokio::spawn(admin.serve(drained.clone()));
    let end = app.run(stop).await;
    drained.cancel();
    // It ends by itself once it is told; how makes no difference any more.
    let _ = tokio::time::timeout(Duration::from_secs(1), answering).await;
    end?;
    info!("stopped; everything that is not delivered is on disk");
    Ok(Exit::Done)
}

/// Builds it. Where a command that will end by itself has the store, it waits; `None`: it was stopped meanwhile.
async fn built(config: &Config, stop: &Stop) -> Result<Option<App>, Failure> {
    let mut told = None;
    loop {
        let (path, by) = match App::build(config.clone(), Clock::system()).await {
            Err(AppError::Store(StoreError::InUse { path, by: Some(by) })) if !by.is_service => (path, by),
            built => return Ok(Some(built?)),
        };
        // A service has it of which nothing else can be seen.
        if let Some(error) = reach_at(&path).await.map(|_| StoreError::InUse { path, by: Some(by.clone()) }) {
            return Err(AppError::from(error).into());
        }
        if told.as_ref() != Some(&by) {
            info!("{} has the store: the service begins once it lets go", by.told());
            told = Some(by);
        }
        supervisor::waits("waits for a command that has the store", AGAIN * 10);
        tokio::select! {
            () = stop.gently.cancelled() => return Ok(None),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// What comes of it is logged, and `status` tells of it.
async fn reload_when_asked(reloader: Reloader, mut asked: Asked) {
    loop {
        asked.again().await;
        info!("SIGHUP: the file is read again");
        let _ = reloader.reload().await;
    }
}

async fn once(config: Config, wait: Duration, stop: Stop, output: &Output) -> Result<Exit, Failure> {
    let app = App::build(config, Clock::system()).await?;
    let report = app.run_once(wait, stop).await?;
    output.print(&report, text)?;
    Ok(match report {
        OnceReport { windows_read: 0, malformed_rows: 0, .. } => Exit::Unavailable,
        OnceReport { windows_left: 0, dead: 0, unchecked: 0, malformed_rows: 0, .. } => Exit::Done,
        _ => Exit::NeedsALook,
    })
}

fn text(report: &OnceReport) -> String {
    let mut lines = vec![format!(
        "{} read, {}, {} delivered",
        count(report.windows_read.into(), "window"),
        count(report.new_leads, "new lead"),
        report.delivered
    )];
    if report.windows_left > 0 {
        lines.push(format!("{} still to be read: run again", count(report.windows_left.into(), "window")));
    }
    if report.unchecked > 0 {
        lines.push(format!(
            "{} as full as the fullest, in windows that cannot be made shorter: leads may be missing, see the log",
            count(report.unchecked.into(), "list")
        ));
    }
    if report.malformed_rows > 0 {
        lines.push(format!(
            "{} of WeClever's list cannot be read: see the log, and tell WeClever",
            count(report.malformed_rows, "row")
        ));
    }
    if report.set_aside > 0 {
        lines.push(format!("{} set aside, tried again by a later run", count(report.set_aside, "lead")));
    }
    if report.pending > 0 {
        lines.push(format!(
            "{} pending, for a later run",
            count(report.pending, "delivery").replace("deliverys", "deliveries")
        ));
    }
    if report.dead > 0 {
        lines.push(format!("{}: see `leadhook dead list`", count(report.dead, "new dead letter")));
    }
    lines.join("\n")
}
