//! The short file that `leadhook init` writes.

use super::interpolate::{Piece, pieces};
use super::preset::Preset;
use super::schema::SCHEMA_LINE;

/// What `leadhook init` has been told. Each may hold `${NAME}` or `${file:/path}`.
#[derive(Clone, Debug)]
pub struct InitAnswers {
    /// The platform, as WeClever names it.
    pub platform_id: String,
    /// The first destination's name.
    pub destination: String,
    /// What is known of it already.
    pub preset: Option<Preset>,
    /// Where it is; `None` where the preset knows.
    pub url: Option<String>,
    /// `now`, a date or a date and time.
    pub start: String,
    /// The zone in which the API reads dates.
    pub timezone: String,
    /// The store's directory.
    pub store: String,
}

impl InitAnswers {
    /// Whether whoever receives can check a signature.
    pub fn is_signed(&self) -> bool {
        self.preset.as_ref().is_none_or(|preset| preset.signed)
    }

    /// Every variable that the written file looks up, in its order; the destination's secret, if it has one, comes last.
    pub fn variables(&self) -> Vec<String> {
        let text = starter_file(self);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut variables: Vec<String> = Vec::new();
        for (_, piece) in lines.flat_map(pieces) {
            if let Piece::Variable(name) = piece
                && !variables.iter().any(|known| known == name)
            {
                variables.push(name.to_owned());
            }
        }
        if self.is_signed() {
            let secret = self.secret_variable();
            variables.retain(|name| *name != secret);
            variables.push(secret);
        }
        variables
    }

    /// The variable in which the written file looks for the destination's secret: `CRM_SECRET` for `crm`.
    pub fn secret_variable(&self) -> String {
        let name: String = self
            .destination
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        // A variable's name cannot begin with a digit.
        let before = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
        format!("{before}{name}_SECRET")
    }
}

/// A commented file with these answers; all else is left at its defaults.
pub fn starter_file(answers: &InitAnswers) -> String {
    let name = toml_edit::Key::new(answers.destination.as_str()).display_repr().into_owned();
    format!(
        r#"{SCHEMA_LINE}
# leadhook.toml, written by `leadhook init`. `leadhook check` finds every mistake in it.
# ${{NAME}} is an environment variable, ${{file:/path}} a file with the secret in it.

[source]
platform_id = {platform_id}
username = "${{WECLEVER_USERNAME}}"
password = "${{WECLEVER_PASSWORD}}"

# The zone in which WeClever reads and writes dates.
timezone = {timezone}

# What of the past is sent: "now" for nothing, or everything since a date. Read at the very first start alone.
start = {start}

[store]
# Made at the first start; leads and deliveries are kept here.
path = {store}

[destinations.{name}]
{destination}
[[routes]]
{route}"#,
        platform_id = quoted(&answers.platform_id),
        timezone = quoted(&answers.timezone),
        start = quoted(&answers.start),
        store = quoted(&answers.store),
        destination = destination(answers),
        route = route(answers),
    )
}

fn destination(answers: &InitAnswers) -> String {
    let mut lines = String::new();
    if let Some(preset) = &answers.preset {
        lines.push_str(&format!("# {}: `leadhook preset show {}`\n", preset.title, preset.name));
        lines.push_str(&format!("preset = {}\n", quoted(&preset.name)));
    }
    if let Some(url) = &answers.url {
        lines.push_str(&format!("url = {}\n", quoted(url)));
    }
    if answers.is_signed() {
        lines.push_str("# Signs what is sent. Make one with: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"\n");
        lines.push_str(&format!("secret = \"${{{}}}\"\n", answers.secret_variable()));
    }
    if let Some(auth) = answers.preset.as_ref().and_then(|preset| preset.auth.as_ref()) {
        lines.push_str(&format!("# {}\nauth = {}\n", auth.about, auth.example));
    }
    for setting in answers.preset.iter().flat_map(|preset| &preset.settings).filter(|setting| setting.required) {
        lines.push_str(&format!("# {}\nsettings.{} = \"...\"\n", setting.about, setting.name));
    }
    lines
}

fn route(answers: &InitAnswers) -> String {
    let preset = answers.preset.as_ref().filter(|preset| !preset.on.is_empty());
    let on = preset.map_or_else(|| vec!["lead.finalized".to_owned()], |preset| preset.on.clone());
    let when = preset.and_then(|preset| preset.when.as_ref());
    let name = if when.is_some() { answers.destination.as_str() } else { "finished conversations" };
    let on: Vec<String> = on.iter().map(|on| quoted(on)).collect();
    let when = when.map(|when| format!("when = {}\n", quoted(when))).unwrap_or_default();
    format!("name = {}\non = [{}]\n{when}to = [{}]\n", quoted(name), on.join(", "), quoted(&answers.destination))
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
