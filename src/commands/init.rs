//! `leadhook init`: a commented file to begin with.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::config::{
    Environment, InitAnswers, Locate, NAME_HELP, Preset, SCHEMA_FILE, is_name, is_schema, schema, starter_file,
};

#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Your platform at WeClever
    #[arg(long, value_name = "ID")]
    platform_id: Option<String>,
    /// What to call the first destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// What it is, if `leadhook preset list` knows it
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Its URL; `${NAME}` takes it from the environment
    #[arg(long)]
    url: Option<String>,
    /// What of the past to send: now, or everything since a date
    #[arg(long, default_value = "now")]
    start: String,
    /// The zone in which WeClever reads dates
    #[arg(long, default_value = "America/Sao_Paulo", value_name = "ZONE")]
    timezone: String,
    /// Where to keep leads and deliveries
    #[arg(long, default_value = "data", value_name = "DIRECTORY")]
    store: String,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    /// Beside it, for editors: its first line names it.
    schema: PathBuf,
    /// What must be set before leadhook runs.
    variables: Vec<String>,
    /// A new signing secret, for the last of them; it is kept nowhere. `None`: nobody there could check a signature.
    secret: Option<String>,
}

pub fn init(global: &Global, args: InitArgs, output: &Output) -> Result<Exit, Failure> {
    let environment = Environment::of_process();
    let file = Locate { file: global.config.as_deref(), environment: &environment }.path();
    if file.exists() && !args.force {
        return Err(Failure::usage(format!(
            "{} is there already; --force writes over it, --config names another",
            file.display()
        )));
    }
    let directory = file.parent().map(ToOwned::to_owned).unwrap_or_default();
    if let Some(name) = &args.destination {
        must_be_name(name)?;
    }
    let preset = args.preset.map(|name| Preset::find(&name, &directory)).transpose().map_err(Failure::usage)?;
    let name = preset.as_ref().map_or("crm", |preset| preset.name.as_str());
    let url = match &preset {
        Some(preset) if preset.has_url() => args.url,
        Some(preset) => Some(ask(args.url, &format!("Its URL ({})", preset.url), "--url", None)?),
        None => Some(ask(args.url, "Its URL", "--url", None)?),
    };
    let answers = InitAnswers {
        platform_id: ask(args.platform_id, "Your platform at WeClever", "--platform-id", None)?,
        destination: ask(args.destination, "A name for the first destination", "--destination", Some(name))?,
        preset,
        url,
        start: args.start,
        timezone: args.timezone,
        store: args.store,
    };
    must_be_name(&answers.destination)?;
    write(&file, &starter_file(&answers))?;
    let beside = directory.join(SCHEMA_FILE);
    // One that leadhook has not written is not its to change.
    if std::fs::read_to_string(&beside).map_or(!beside.exists(), |text| is_schema(&text)) {
        write(&beside, &schema())?;
    }
    let variables = answers.variables();
    let secret = if answers.is_signed() { Some(new_secret()?) } else { None };
    let written = Written { file, schema: beside, variables, secret };
    output.print(&written, text)?;
    Ok(Exit::Done)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|e| Failure::usage(format!("cannot write {}: {e}", file.display())))
}

fn must_be_name(name: &str) -> Result<(), Failure> {
    if is_name(name) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{name}` is no name for a destination; {NAME_HELP}")))
}

/// What was given, or what a person types.
fn ask(given: Option<String>, question: &str, flag: &str, default: Option<&str>) -> Result<String, Failure> {
    if let Some(given) = given {
        return Ok(given);
    }
    if !std::io::stdin().is_terminal() {
        let otherwise = || Failure::usage(format!("{flag} is missing, and there is no terminal to ask on"));
        return default.map(str::to_owned).ok_or_else(otherwise);
    }
    let mut err = anstream::stderr().lock();
    loop {
        match default {
            Some(default) => write!(err, "{question} [{default}]: ")?,
            None => write!(err, "{question}: ")?,
        }
        err.flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(Failure::usage("nothing was written"));
        }
        match (line.trim(), default) {
            ("", Some(default)) => return Ok(default.to_owned()),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

/// A signing secret that nobody has had before.
pub fn new_secret() -> Result<String, Failure> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(Failure::unavailable)?;
    Ok(format!("whsec_{}", STANDARD.encode(key)))
}

fn text(written: &Written) -> String {
    let mut out = format!("{} is written. Next:\n\n", written.file.display());
    let last = written.variables.last().filter(|_| written.secret.is_some());
    for variable in &written.variables {
        let value = written.secret.as_deref().filter(|_| Some(variable) == last).unwrap_or("...");
        out.push_str(&format!("  export {variable}='{value}'\n"));
    }
    out.push_str("\n  leadhook check --online\n  leadhook run\n\n");
    if written.secret.is_some() {
        out.push_str(
            "The last secret is new and kept nowhere: give it to whoever receives, so that they can verify what comes.",
        );
    }
    out
}
