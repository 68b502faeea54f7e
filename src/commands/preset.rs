//! `leadhook preset`: which there are, and what each of them says.

use serde::Serialize;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, table};
use crate::config::{DEFAULT_FILE, Preset};

#[derive(Debug, clap::Subcommand)]
pub enum PresetCommand {
    /// List those that are built in
    List,
    /// Show one whole: what it sends, what its answers mean, and what could not be verified
    Show {
        /// Its name, or a preset file of your own
        name: String,
    },
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    preset: Preset,
    file: String,
}

pub fn preset(global: &Global, command: PresetCommand, output: &Output) -> Result<Exit, Failure> {
    match command {
        PresetCommand::List => output.print(&Preset::built_in(), |presets| list(presets))?,
        PresetCommand::Show { name } => {
            let file = global.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
            let directory = file.parent().map(ToOwned::to_owned).unwrap_or_default();
            let preset = Preset::find(&name, &directory).map_err(Failure::usage)?;
            let whole = Whole { file: preset.text.clone(), preset };
            output.print(&whole, |whole| show(&whole.preset))?;
        }
    }
    Ok(Exit::Done)
}

fn list(presets: &[Preset]) -> String {
    let mut rows = table(&["preset", "for", "checked"]);
    for preset in presets {
        rows.add_row([&preset.name, &preset.title, &preset.checked]);
    }
    format!("{rows}\n\n`leadhook preset show NAME` shows one; in a file: [destinations.chat] preset = \"NAME\"")
}

/// What a file needs, and then the preset's own text, which is commented.
fn show(preset: &Preset) -> String {
    let mut out = format!("# {}: {}\n#\n# In your file:\n", preset.name, preset.title);
    out.push_str(&format!("#   [destinations.NAME]\n#   preset = \"{}\"\n", preset.name));
    out.push_str(&format!("#   url = \"{}\"   # {}\n", preset.url_example, preset.url));
    if let Some(auth) = &preset.auth {
        out.push_str(&format!("#   auth = {}   # {}\n", auth.example, auth.about));
    }
    for setting in &preset.settings {
        let value = setting.default.as_deref().unwrap_or("...");
        let must = if setting.required { "" } else { "# " };
        out.push_str(&format!("#   {must}settings.{} = \"{value}\"   # {}\n", setting.name, setting.about));
    }
    out.push_str("# Every key below may be set there too, and then wins.\n\n");
    out.push_str(&preset.text);
    out
}
