//! `leadhook man`: the pages for `man`, one for each command.

use std::fs;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::{self, Output, count};
use super::whole_command;

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write every command's page into this directory, made if need be; else the first page is printed
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    pages: Vec<PathBuf>,
}

pub fn man(args: &ManArgs, output: &Output) -> Result<Exit, Failure> {
    let command = whole_command().disable_help_subcommand(true);
    let Some(directory) = &args.dir else {
        output::raw(&page(command)?)?;
        return Ok(Exit::Done);
    };
    let mut pages = Vec::new();
    write(command, directory, &mut pages)
        .map_err(|e| Failure::unavailable(format!("cannot write the pages into {}: {e}", directory.display())))?;
    pages.sort();
    output.print(&Written { pages }, |written| {
        format!("{} in {}", count(written.pages.len() as u64, "page"), directory.display())
    })?;
    Ok(Exit::Done)
}

/// The command's page and those of all below it.
fn write(mut command: clap::Command, directory: &Path, pages: &mut Vec<PathBuf>) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    // Gives each command its full name, `leadhook-dead-list`.
    command.build();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below.clone(), directory, pages)?;
    }
    let path = directory.join(format!("{}.1", command.get_display_name().unwrap_or("leadhook")));
    fs::write(&path, page(command)?)?;
    pages.push(path);
    Ok(())
}

fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let source = format!("leadhook {}", env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    // No date, so that the same source makes the same pages; but were it empty, man would take what follows for one.
    Man::new(command).date(" ").source(source).manual("leadhook").render(&mut text)?;
    Ok(text)
}
