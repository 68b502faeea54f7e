//! `leadhook reload`: the running service reads its file again.

use std::io::IsTerminal;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::admin::Desk;
use crate::app::operator::{Refusal, Reload, Reloaded};

pub async fn reload(global: &Global, output: &Output) -> Result<Exit, Failure> {
    // What is wrong with the file is the service's to say: it has its own, and what it refers to.
    let Some(service) = global.service().await else {
        let store = global.load_without_secrets()?.config.store.path;
        let why = format!(
            "no service works on {}: the file is read when one is started. If one runs, and the file says another [store] path \
             by now, it works on the one that the file said then: start it again, or name that with LEADHOOK_STORE__PATH=DIRECTORY \
             in front of this command",
            store.display()
        );
        return Err(Failure::unavailable(why));
    };
    let reloaded = match Desk::There(service).ask(Reload {}).await {
        Ok(reloaded) => reloaded,
        Err(Refusal::File(mistakes)) => {
            if global.json {
                output.print(&json!({ "mistakes": mistakes.to_json() }), |_| String::new())?;
            }
            return Err(Failure::Config(mistakes));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    output.print(&reloaded, text)?;
    Ok(if reloaded.needs_restart.is_empty() { Exit::Done } else { Exit::NeedsALook })
}

fn text(reloaded: &Reloaded) -> String {
    let color = std::io::stdout().is_terminal();
    let mut out = String::new();
    for warning in &reloaded.warnings {
        out.push_str(&warning.render(color));
        out.push_str("\n\n");
    }
    out.push_str(&match reloaded.changed.as_slice() {
        [] => format!("{} says what it said before: nothing has changed", reloaded.file),
        changed => format!("{} is in force; changed: {}", reloaded.file, changed.join(", ")),
    });
    if !reloaded.needs_restart.is_empty() {
        out.push_str(&format!("\nneeds a restart: {}", reloaded.needs_restart.join(", ")));
    }
    out
}
