//! `leadhook completions`: what a shell needs to finish what a person begins to type.

use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{output, whole_command};

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell to write for
    #[arg(value_enum)]
    shell: Shell,
}

pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut whole_command(), "leadhook", &mut script);
    output::raw(&script)?;
    Ok(Exit::Done)
}
