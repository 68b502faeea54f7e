//! The environment: what `${NAME}` stands for, and the variables that override keys of the file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// Environment variables, handed in, so that a test needs not touch those of its process. Prints names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    stand_ins: bool,
}

impl Environment {
    /// The variables of this process. One whose name is not Unicode cannot be meant by any file and is left out.
    pub fn of_process() -> Environment {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Environment { variables: variables.collect(), stand_ins: false }
    }

    /// The same, but what `${...}` refers to and is not there is no mistake: something harmless stands in for it, so that a
    /// file can be tried without its secrets.
    pub fn with_stand_ins(self) -> Environment {
        Environment { stand_ins: true, ..self }
    }

    pub(super) fn has_stand_ins(&self) -> bool {
        self.stand_ins
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Environment {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Environment { variables, stand_ins: false }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

const PREFIX: &str = "LEADHOOK_";

/// The variable that sets the key with this path, where one can.
pub(super) fn variable_for(path: &str) -> Option<String> {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) && path.contains('.');
    plain.then(|| format!("{PREFIX}{}", path.replace('.', "__").replace('-', "_").to_uppercase()))
}

/// One variable that sets one key. Its value stays text until it is known which type the key has.
#[derive(Clone)]
pub(super) struct Override {
    pub(super) variable: String,
    path: Vec<String>,
    text: String,
}

impl Provider for Override {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.variable.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut value = Value::from(self.text.as_str());
        for name in self.path.iter().rev() {
            value = Dict::from([(name.clone(), value)]).into();
        }
        Ok(Profile::Default.collect(value.into_dict().unwrap_or_default()))
    }
}

/// A variable that looks like an override and cannot be one.
pub(super) struct Misfit {
    pub(super) variable: String,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// The overrides among the variables: those named `LEADHOOK_` and a path whose parts stand between `__`.
///
/// Names of variables know neither small letters nor dashes, so a part means the file's key that is the same but for
/// case, and for `_` in the place of `-`. A part that means no key of the file is taken in small letters: so a new
/// destination gets its name. Within `headers`, where names have dashes, `_` then becomes `-`.
pub(super) fn overrides(environment: &Environment, file: &Dict) -> (Vec<Override>, Vec<Misfit>) {
    let (mut found, mut misfits): (Vec<Override>, Vec<Misfit>) = (Vec::new(), Vec::new());
    for (variable, value) in &environment.variables {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|name| name.contains("__")) else { continue };
        let path = match path(name, file) {
            Ok(path) => path,
            Err((message, help)) => {
                misfits.push(Misfit { variable: variable.clone(), message, help });
                continue;
            }
        };
        let Some(text) = value.to_str() else {
            misfits.push(Misfit {
                variable: variable.clone(),
                message: "the variable's value is not UTF-8 text".into(),
                help: "set it to text, or unset it",
            });
            continue;
        };
        match found.iter().find(|other| path.starts_with(&other.path) || other.path.starts_with(&path)) {
            Some(other) => misfits.push(Misfit {
                variable: variable.clone(),
                message: format!("sets what {} sets too", other.variable),
                help: "unset one of the two",
            }),
            None => found.push(Override { variable: variable.clone(), path, text: text.to_owned() }),
        }
    }
    (found, misfits)
}

fn path(name: &str, file: &Dict) -> Result<Vec<String>, (String, &'static str)> {
    let mut path: Vec<String> = Vec::new();
    let mut here = Some(file);
    for part in name.split("__") {
        if part.is_empty() {
            return Err((
                "an override's name is a path of keys with `__` between them, and a part of this one is empty".into(),
                "write for example LEADHOOK_SOURCE__PLATFORM_ID",
            ));
        }
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        let same: Vec<(&String, &Value)> =
            here.into_iter().flatten().filter(|(key, _)| plain(key) == plain(part)).collect();
        let (key, value) = match same.as_slice() {
            [] if path.last().is_some_and(|last| last == "headers") => (part.to_lowercase().replace('_', "-"), None),
            [] => (part.to_lowercase(), None),
            [(key, value)] => ((*key).clone(), Some(*value)),
            [(one, _), (two, _), ..] => {
                return Err((format!("may mean `{one}` or `{two}`"), "rename one of them, or set the key in the file"));
            }
        };
        path.push(key);
        here = value.and_then(Value::as_dict);
        if value.is_some_and(|value| value.as_array().is_some()) && path.len() < name.split("__").count() {
            return Err((
                format!("`{}` is a list, and a variable can only set the whole of it", path.join(".")),
                "change it in the file",
            ));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(variables: &[&str], file: &str) -> Vec<String> {
        let document = super::super::document::Document::parse("x.toml".as_ref(), file);
        let values = document.map(|document| document.values).unwrap_or_default();
        let environment = variables.iter().map(|name| (*name, "x")).collect();
        let (found, misfits) = overrides(&environment, &values);
        let found = found.iter().map(|found| found.path.join("."));
        found.chain(misfits.iter().map(|misfit| format!("{}: {}", misfit.variable, misfit.message))).collect()
    }

    #[test]
    fn names_become_paths() {
        let file = "[destinations.team-chat]\nurl = 'x'\n[destinations.CRM.headers]\nX-Api-Key = 'x'\n";
        for (variable, path) in [
            ("LEADHOOK_SOURCE__PLATFORM_ID", "source.platform_id"),
            ("LEADHOOK_source__rate", "source.rate"),
            ("LEADHOOK_DESTINATIONS__TEAM_CHAT__URL", "destinations.team-chat.url"),
            ("LEADHOOK_DESTINATIONS__CRM__RETRY__JITTER", "destinations.CRM.retry.jitter"),
            ("LEADHOOK_DESTINATIONS__CRM__HEADERS__X_API_KEY", "destinations.CRM.headers.X-Api-Key"),
            ("LEADHOOK_DESTINATIONS__CRM__HEADERS__X_NEW", "destinations.CRM.headers.x-new"),
            ("LEADHOOK_DESTINATIONS__NEW_ONE__URL", "destinations.new_one.url"),
        ] {
            assert_eq!(paths(&[variable], file), [path], "{variable}");
        }
        assert!(paths(&["LEADHOOK_CONFIG", "LEADHOOK_LOG", "OTHER__X"], file).is_empty());
    }

    #[test]
    fn what_cannot_be_an_override_is_told() {
        let file = "routes = []\n[destinations]\na-b = {}\na_b = {}\n";
        for (variables, told) in [
            (vec!["LEADHOOK_SOURCE__"], "a part of this one is empty"),
            (vec!["LEADHOOK_DESTINATIONS__A_B__URL"], "may mean `a-b` or `a_b`"),
            (vec!["LEADHOOK_ROUTES__0__NAME"], "`routes` is a list"),
            (vec!["LEADHOOK_A__B", "LEADHOOK_A__B__C"], "sets what LEADHOOK_A__B sets too"),
        ] {
            let said = paths(&variables, file);
            assert!(said.iter().any(|said| said.contains(told)), "{said:?}");
        }
    }

    #[test]
    fn the_variable_for_a_key() {
        assert_eq!(variable_for("source.platform_id").as_deref(), Some("LEADHOOK_SOURCE__PLATFORM_ID"));
        assert_eq!(
            variable_for("destinations.team-chat.url").as_deref(),
            Some("LEADHOOK_DESTINATIONS__TEAM_CHAT__URL")
        );
        assert_eq!(variable_for("routes[0].name"), None);
        assert_eq!(variable_for("destinations.\"a b\".url"), None);
    }

    #[test]
    fn values_are_never_printed() {
        let environment: Environment = [("A", "hunter2")].into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"A"}"#);
    }
}
