//! `leadhook store`: the files themselves, looked at, made smaller, saved and restored.

use std::fs::OpenOptions;
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, count};
use crate::admin::{Desk, Reached, here_or_there, reach};
use crate::app::operator::StoreCheck;
use crate::config::Config;
use crate::domain::size;
use crate::store::check::Checked;
use crate::store::export::{Compacted, ExportError, Told};
use crate::store::{AGAIN, Store};

#[derive(Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// Read everything and hold it against each other: is all there that must be? Changes nothing, and works beside the service;
    /// where none runs, a copy is looked at
    Check {
        /// Where the copy is made, if there is no room for it beside the store
        #[arg(long, value_name = "DIR")]
        work: Option<PathBuf>,
    },
    /// Write the store's files anew, without the room that deleted records took; the service must be stopped
    Compact,
    /// Write the store as text, a line for each record, as far as it can be read, and say what cannot; changes nothing. The
    /// service must be stopped. The text holds people's data and the destinations' tokens: keep it as you keep those
    Export {
        /// A file, which is made with mode 0600 and must not be there yet; `-` for standard output
        #[arg(default_value = "-")]
        file: PathBuf,
        /// Where a copy of the store is made meanwhile, if there is no room for it beside the store
        #[arg(long, value_name = "DIR")]
        work: Option<PathBuf>,
    },
    /// Make a store of such a text, in [store] path, which must be empty or not there yet
    Import {
        /// The file; `-` for standard input
        file: PathBuf,
    },
}

pub async fn store(global: &Global, command: StoreCommand, output: &Output) -> Result<Exit, Failure> {
    let config = match command {
        // Records that are encrypted are opened.
        StoreCommand::Check { .. } => global.load()?.config,
        // Records are taken as they are: what is in trouble at three in the morning needs no secrets.
        _ => global.load_without_secrets()?.config,
    };
    let path = config.store.path.clone();
    match command {
        StoreCommand::Check { work } => {
            let checked = check(&config, work).await?;
            let right = checked.wrong.is_empty();
            output.print(&checked, |checked| text(&path, checked))?;
            Ok(if right { Exit::Done } else { Exit::NeedsALook })
        }
        StoreCommand::Compact => {
            let compacted = away(move || Store::compact(&path)).await?;
            output.print(&compacted, |Compacted { before, after }| {
                format!("{} before, {} now", size::format(*before), size::format(*after))
            })?;
            Ok(Exit::Done)
        }
        StoreCommand::Export { file, work } => {
            let to = file.clone();
            let told = away(move || export(&path, work.as_deref(), &to)).await?;
            if file != Path::new("-") {
                output.print(&told, |told| format!("{} in {}{}", records(told), file.display(), lost(told)))?;
            }
            Ok(tell_what_is_missing(&told))
        }
        StoreCommand::Import { file } => {
            let to = path.clone();
            let told = away(move || import(&to, &file)).await?;
            output.print(&told, |told| format!("{} in {}{}", records(told), path.display(), lost(told)))?;
            Ok(tell_what_is_missing(&told))
        }
    }
}

/// By the service that works on it, or else by looking at a copy.
async fn check(config: &Config, work: Option<PathBuf>) -> Result<Checked, Failure> {
    let (path, keys) = (config.store.path.clone(), config.store.encryption_keys.clone());
    if !Store::is_there(&path) {
        return Ok(reach(config).await?.ask(StoreCheck {}).await?);
    }
    let as_it_is = move || Store::check_as_it_is(&path, &keys, work.as_deref());
    match here_or_there(&config.store.path, as_it_is).await? {
        Reached::Here(checked) => Ok(checked),
        Reached::There(remote) => Ok(Desk::There(remote).ask(StoreCheck {}).await?),
    }
}

/// On standard error: the text may go to standard output.
fn tell_what_is_missing(told: &Told) -> Exit {
    for place in &told.unreadable {
        tracing::warn!(place, "something could not be read, and is not in the export");
    }
    match told.lacks() {
        Some(lacks) => {
            tracing::warn!("{lacks}");
            Exit::NeedsALook
        }
        None => Exit::Done,
    }
}

/// Does what blocks for long.
async fn away<T: Send + 'static>(what: impl FnOnce() -> Result<T, ExportError> + Send + 'static) -> Result<T, Failure> {
    let end = tokio::task::spawn_blocking(what).await.map_err(Failure::unavailable)?;
    end.map_err(|error| match error {
        // Whoever reads the text has seen enough, as in `leadhook store export - | head`.
        ExportError::Io(error) if error.kind() == ErrorKind::BrokenPipe => Failure::EnoughRead,
        error => Failure::unavailable(error),
    })
}

/// What the system says of a file, and what to do where that is plain.
fn of(file: &Path, error: std::io::Error) -> std::io::Error {
    let todo = match error.kind() {
        ErrorKind::AlreadyExists => "; it is never written over: name another file, or move that one away",
        _ => "",
    };
    std::io::Error::new(error.kind(), format!("{}: {error}{todo}", file.display()))
}

fn export(store: &Path, work: Option<&Path>, file: &Path) -> Result<Told, ExportError> {
    if file == Path::new("-") {
        return Store::export(store, work, &mut BufWriter::new(std::io::stdout().lock()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut out = BufWriter::new(options.open(file).map_err(|error| of(file, error))?);
    let told = Store::export(store, work, &mut out).and_then(|told| {
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(told)
    });
    if told.is_err() {
        // What was begun is worth nothing; a file of that name was not there before.
        let _ = std::fs::remove_file(file);
    }
    told
}

fn import(store: &Path, file: &Path) -> Result<Told, ExportError> {
    if file == Path::new("-") {
        return Store::import(store, &mut BufReader::new(std::io::stdin().lock()));
    }
    let text = std::fs::File::open(file).map_err(|error| of(file, error))?;
    Store::import(store, &mut BufReader::new(text))
}

fn records(told: &Told) -> String {
    count(told.records, "record")
}

fn lost(told: &Told) -> String {
    let mut lost = String::new();
    if !told.unreadable.is_empty() {
        let places = count(told.unreadable.len() as u64, "place");
        lost += &format!("; {places} could not be read, and what was there is missing");
    }
    if told.missing_commits > 0 {
        lost += &format!("; {} missing", count(told.missing_commits, "acknowledged commit"));
    }
    lost
}

fn text(path: &Path, checked: &Checked) -> String {
    let mut lines: Vec<String> = checked.records.iter().map(|(what, n)| format!("{n:>9}  {what}")).collect();
    lines.push(String::new());
    if checked.wrong.is_empty() {
        lines.push("everything reads, and agrees".to_owned());
        return lines.join("\n");
    }
    lines.extend(checked.wrong.iter().map(|wrong| format!("wrong: {wrong}")));
    if checked.more_wrong > 0 {
        lines.push(format!("and {} more", count(checked.more_wrong, "finding")));
    }
    lines.push(format!(
        "\nStop the service and keep a copy of {}. Then restore a backup; or let `leadhook store export FILE` save what reads, \
         and import that into an empty [store] path, or begin with an empty one: leads are read again and keep their event ids. In each case \
         {AGAIN}",
        path.display()
    ));
    lines.join("\n")
}
