//! The short file that `leadhook init` writes.

/// What `leadhook init` has been told. Each may hold `${NAME}` or `${file:/path}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitAnswers {
    /// The platform, as WeClever names it.
    pub platform_id: String,
    /// The first destination's name.
    pub destination: String,
    /// Where it is.
    pub url: String,
    /// `now`, a date or a date and time.
    pub start: String,
    /// The zone in which the API reads dates.
    pub timezone: String,
    /// The store's directory.
    pub store: String,
}

impl InitAnswers {
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
pub fn template(answers: &InitAnswers) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let name = toml_edit::Key::new(answers.destination.as_str()).display_repr().into_owned();
    format!(
        r#"# leadhook.toml, written by `leadhook init`. `leadhook check` finds every mistake in it.
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
url = {url}
# Signs what is sent. Make one with: printf 'whsec_%s\n' "$(openssl rand -base64 32)"
secret = "${{{secret}}}"

[[routes]]
name = "finished conversations"
on = ["lead.finalized"]
to = [{to}]
"#,
        platform_id = quoted(&answers.platform_id),
        timezone = quoted(&answers.timezone),
        start = quoted(&answers.start),
        store = quoted(&answers.store),
        url = quoted(&answers.url),
        secret = answers.secret_variable(),
        to = quoted(&answers.destination),
    )
}
