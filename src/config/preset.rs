//! Presets: what a vendor expects, kept as data, so that a destination is one name and a URL.
//!
//! Those in `config/presets` are compiled in. A file `presets/NAME.toml` beside the configuration wins over one of the same
//! name, and `preset = "./mine.toml"` names any file.

use std::path::Path;

use figment::value::{Dict, Value};

use super::document::Document;
use super::node::Node;
use super::queue;
use super::reader::Section;
use super::suggest;

/// Compiled in, by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("agendor", include_str!("../../config/presets/agendor.toml")),
    ("bitrix24", include_str!("../../config/presets/bitrix24.toml")),
    ("discord", include_str!("../../config/presets/discord.toml")),
    ("google-chat", include_str!("../../config/presets/google-chat.toml")),
    ("hubspot", include_str!("../../config/presets/hubspot.toml")),
    ("kommo", include_str!("../../config/presets/kommo.toml")),
    ("make", include_str!("../../config/presets/make.toml")),
    ("n8n", include_str!("../../config/presets/n8n.toml")),
    ("pipedream", include_str!("../../config/presets/pipedream.toml")),
    ("pipedrive", include_str!("../../config/presets/pipedrive.toml")),
    ("ploomes", include_str!("../../config/presets/ploomes.toml")),
    ("rd-station", include_str!("../../config/presets/rd-station.toml")),
    ("rd-station-conversion", include_str!("../../config/presets/rd-station-conversion.toml")),
    ("rd-station-crm", include_str!("../../config/presets/rd-station-crm.toml")),
    ("salesforce", include_str!("../../config/presets/salesforce.toml")),
    ("slack", include_str!("../../config/presets/slack.toml")),
    ("sqs", include_str!("../../config/presets/sqs.toml")),
    ("teams", include_str!("../../config/presets/teams.toml")),
    ("zapier", include_str!("../../config/presets/zapier.toml")),
    ("zoho", include_str!("../../config/presets/zoho.toml")),
];

/// A preset, as its file tells it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Preset {
    /// What `preset = "..."` says.
    pub name: String,
    /// What it is for, in a few words.
    pub title: String,
    /// The vendor's pages from which it was written.
    pub docs: Vec<String>,
    /// When they were read: a year and a month.
    pub checked: String,
    /// What could not be verified.
    pub unverified: Vec<String>,
    /// Whether a receiver behind it can check leadhook's signatures.
    pub signed: bool,
    /// What a destination sets under `settings`.
    pub settings: Vec<Setting>,
    /// What the URL is, and where it is found.
    pub url: String,
    /// One that looks right.
    pub url_example: String,
    /// How the vendor knows who asks, where it asks for it, and where that is found.
    pub auth: Option<AuthExample>,
    /// Which events one would send there first.
    pub on: Vec<String>,
    /// Which of them; `None`: all.
    pub when: Option<String>,
    /// The file's text.
    #[serde(skip)]
    pub text: String,
    /// The keys of a destination that it sets.
    #[serde(skip)]
    pub(super) destination: Dict,
}

/// What a destination writes under `auth`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AuthExample {
    /// What it is, and where it is found.
    pub about: String,
    /// As it stands in the file: `{ type = "bearer", token = "${CRM_TOKEN}" }`.
    pub example: String,
}

/// Something that a preset's templates need to know.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Setting {
    /// Its key under `settings`.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether it must be set.
    pub required: bool,
    /// What it is where it is not set.
    pub default: Option<String>,
    /// What it may be; empty: anything.
    pub one_of: Vec<String>,
}

impl Preset {
    /// Whether it knows the URL, so that a destination need not say it.
    pub fn has_url(&self) -> bool {
        self.destination.contains_key("url")
    }

    /// All that are compiled in, by name.
    pub fn built_in() -> Vec<Preset> {
        // That each of them reads is tested.
        BUILT_IN.iter().filter_map(|(name, text)| Preset::parse(name, text).ok()).collect()
    }

    /// The preset that a file means by `name`, where relative files begin in `directory`.
    ///
    /// # Errors
    /// A sentence that says what is wrong and, behind `; `, what to write.
    pub fn find(name: &str, directory: &Path) -> Result<Preset, String> {
        if name.ends_with(".toml") {
            return Preset::of_file(&directory.join(name)).unwrap_or_else(|error| {
                Err(format!("the preset file {name} cannot be read: {error}; a relative path begins beside the file"))
            });
        }
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if plain && let Ok(theirs) = Preset::of_file(&directory.join("presets").join(format!("{name}.toml"))) {
            return theirs;
        }
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Preset::parse(name, text),
            None => {
                let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                let help = suggest::instead(name, &known).unwrap_or_else(|| format!("there are: {}", known.join(", ")));
                Err(format!("there is no preset `{name}`; {help}"))
            }
        }
    }

    fn of_file(path: &Path) -> std::io::Result<Result<Preset, String>> {
        let text = std::fs::read_to_string(path)?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let read = Preset::parse(&name, &text);
        Ok(read.map_err(|error| format!("the preset file {}: {error}", path.display())))
    }

    fn parse(name: &str, text: &str) -> Result<Preset, String> {
        let document = Document::parse(Path::new(name), text)
            .map_err(|error| format!("this is not TOML: {}; see https://toml.io", error.message))?;
        let mut values = document.values;
        let mut url = table(values.remove("url"));
        let auth = values.remove("auth").map(|value| {
            let mut auth = table(Some(value));
            AuthExample { about: text_of(auth.remove("about")), example: text_of(auth.remove("example")) }
        });
        let mut route = table(values.remove("example_route"));
        let settings = table(values.remove("settings")).into_iter().map(|(name, value)| {
            let mut value = table(Some(value));
            Setting {
                name,
                about: text_of(value.remove("about")),
                required: value.remove("required").and_then(|required| required.to_bool()).unwrap_or(false),
                default: value.remove("default").map(|default| text_of(Some(default))),
                one_of: texts(value.remove("one_of")),
            }
        });
        let settings = settings.collect();
        let destination = match values.remove("destination") {
            Some(Value::Dict(_, dict)) => dict,
            _ => return Err("it has no table [destination]; see `leadhook preset show slack`".to_owned()),
        };
        for key in ["secret", "secrets", "preset", "settings"] {
            if destination.contains_key(key) {
                return Err(format!("[destination] sets `{key}`, which is each destination's own; take it out"));
            }
        }
        Ok(Preset {
            name: name.to_owned(),
            title: text_of(values.remove("title")),
            docs: texts(values.remove("docs")),
            checked: text_of(values.remove("checked")),
            unverified: texts(values.remove("unverified")),
            signed: values.remove("signed").and_then(|signed| signed.to_bool()).unwrap_or(false),
            settings,
            url: text_of(url.remove("about")),
            url_example: text_of(url.remove("example")),
            auth,
            on: texts(route.remove("on")),
            when: route.remove("when").map(|when| text_of(Some(when))),
            text: text.to_owned(),
            destination,
        })
    }
}

fn table(value: Option<Value>) -> Dict {
    value.and_then(Value::into_dict).unwrap_or_default()
}

fn text_of(value: Option<Value>) -> String {
    match value {
        Some(Value::String(_, text)) => text,
        Some(Value::Bool(_, flag)) => flag.to_string(),
        Some(value) => value.to_num().and_then(|n| n.to_i128().map(|n| n.to_string())).unwrap_or_default(),
        None => String::new(),
    }
}

fn texts(value: Option<Value>) -> Vec<String> {
    let items = value.and_then(Value::into_array).unwrap_or_default();
    items.into_iter().map(|item| text_of(Some(item))).collect()
}

/// Keys of which any that the file sets replaces all that the preset says of the body, or of the steps with theirs.
const BODY: [&str; 4] = ["body", "body_file", "content_type", "steps"];

/// Tables of which the file may set a part and leave the rest to the preset.
const IN_PARTS: [&str; 1] = ["auth"];

/// Reads `preset`, and sets what the file leaves to it. `None` where there is none, or no good one.
pub(super) fn preset(section: &mut Section<'_>) -> Option<Preset> {
    let text = section.take("preset").and_then(Node::filled)?;
    match Preset::find(text.value.trim(), section.reading.directory) {
        Ok(preset) => {
            section.reading.inputs.note(text.spot.path(), preset.text.as_bytes());
            if let Some(broker) = section.as_written("url").and_then(queue::broker)
                && preset.destination.keys().any(|key| queue::OF_HTTP.contains(&key.as_str()))
            {
                // Nothing is set by it: of each key of its own nobody has written it would be said that it means nothing.
                let message = format!("is for HTTP, and `url` leads to {broker}, which does not speak it");
                text.mistake(&message, "take it out: an event goes there as it is, or as a `body` of your own says");
                return None;
            }
            section.fill_in(&preset.destination, &BODY, &IN_PARTS);
            Some(preset)
        }
        Err(said) => {
            let (message, help) = said.split_once("; ").unwrap_or((&said, "see `leadhook preset list`"));
            // A name that was put in may be anything.
            text.mistake(if text.is_put_in() { "names no preset that can be read" } else { message }, help);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_compiled_in_and_reads() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/presets");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .expect("the presets")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
            .collect();
        files.sort_unstable();
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, files);
        for preset in Preset::built_in() {
            let told = !preset.title.is_empty() && !preset.docs.is_empty() && preset.checked.starts_with("20");
            assert!(told && !preset.url.is_empty(), "{}", preset.name);
            assert!(preset.settings.iter().all(|setting| !setting.about.is_empty()), "{}", preset.name);
        }
        assert_eq!(Preset::built_in().len(), files.len());
    }
}
