//! Logs: readable on a terminal, JSON for machines, always on standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Nothing.
    Off,
    /// What stops leadhook.
    Error,
    /// And what needs a look.
    Warn,
    /// And each reading and each attempt.
    #[default]
    Info,
    /// And each lead.
    Debug,
    /// And everything else.
    Trace,
}

/// Logs from now on. Only leadhook's own lines are written: those of its HTTP client would show URLs and headers, which
/// hold secrets.
pub fn start(format: Format, level: Level) {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("leadhook", level);
    let registry = tracing_subscriber::registry().with(ours);
    // Fails only where logging was begun before, which is as good.
    let _ = match format {
        Format::Text => {
            let colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(colors).with_target(false)).try_init()
        }
        Format::Json => {
            let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
            registry.with(lines.with_writer(std::io::stderr)).try_init()
        }
    };
}
