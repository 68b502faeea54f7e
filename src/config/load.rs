//! Finding the file, reading it, and saying all that is wrong with it.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::Figment;

use super::document::{Document, line_column};
use super::environment::{Environment, overrides};
use super::notice::{Mistakes, Notice, Position, Severity, sort};
use super::places::Places;
use super::reader::{Reading, Section};
use super::{Config, Marks, admin, again, csat, destination, local, mask, queue, route, source, trial};

/// The file's name where none is given.
pub const DEFAULT_FILE: &str = "leadhook.toml";

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "LEADHOOK_CONFIG";

/// Which file to read, and what `${NAME}` means in it.
#[derive(Clone, Copy, Debug)]
pub struct Locate<'a> {
    /// `--config FILE`; else the variable [`FILE_VARIABLE`], else [`DEFAULT_FILE`].
    pub file: Option<&'a Path>,
    /// Where `${NAME}` and the overrides are looked up.
    pub environment: &'a Environment,
}

impl Locate<'_> {
    /// The file that is meant, whether or not it is there.
    pub fn path(&self) -> PathBuf {
        let named = self.environment.get(FILE_VARIABLE).filter(|name| !name.is_empty());
        let named = self.file.map(Path::as_os_str).or(named).unwrap_or(OsStr::new(DEFAULT_FILE));
        PathBuf::from(named)
    }
}

/// A file that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What a person should know about it all the same, in the file's order.
    pub warnings: Vec<Notice>,
    /// The file itself.
    pub path: PathBuf,
    /// Keys that say something else than the leadhook that runs goes by, and that take a restart.
    pub needs_restart: Vec<String>,
}

/// Reads and checks the file. Apart from it, only the secret files that it names are opened.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(locate: &Locate<'_>) -> Result<Loaded, Mistakes> {
    let (path, text) = read(locate)?;
    parse(&path, &text, locate.environment)
}

/// The same beside a leadhook that runs: what cannot change meanwhile is as it is there, and is warned of.
///
/// # Errors
/// Everything that is wrong with it, and what would make another leadhook of the one that runs.
pub fn load_again(locate: &Locate<'_>, running: &Config) -> Result<Loaded, Mistakes> {
    let (path, text) = read(locate)?;
    parse_beside(&path, &text, locate.environment, Some(running))
}

/// The directory of the store, as far as it can be told beside a file that may be wrong elsewhere, or not be there:
/// whoever looks there for a service finds out whether that is the one.
pub fn store_path(locate: &Locate<'_>) -> Option<PathBuf> {
    let path = locate.path();
    let text = read(locate).map(|(_, text)| text).unwrap_or_default();
    let document = Document::parse(&path, text.strip_prefix('\u{feff}').unwrap_or(&text));
    let document = document.or_else(|_| Document::parse(&path, "")).ok()?;
    let (overrides, _) = overrides(locate.environment, &document.values);
    let figment = overrides.into_iter().fold(Figment::from(&document), Figment::merge);
    let merged = figment.find_value("").ok().and_then(figment::value::Value::into_dict).unwrap_or_default();
    let reading = Reading::new(&document, &figment, locate.environment, path.parent().unwrap_or(Path::new("")));
    local::store(reading.root(merged).table("store")?).map(|store| store.path)
}

fn read(locate: &Locate<'_>) -> Result<(PathBuf, String), Mistakes> {
    let path = locate.path();
    let bytes = std::fs::read(&path).map_err(|error| alone(unreadable(locate, &path, &error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let (bytes, valid) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
        let (line, column) = line_column(&before, before.len());
        let at = Position::Line { file: path.display().to_string(), line, column };
        alone(whole_file(at, "the file is not UTF-8 text".to_owned(), "save it as UTF-8".to_owned()))
    })?;
    Ok((path, text))
}

/// Checks a text as if it stood in the file `path`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(path: &Path, text: &str, environment: &Environment) -> Result<Loaded, Mistakes> {
    parse_beside(path, text, environment, None)
}

fn parse_beside(
    path: &Path,
    text: &str,
    environment: &Environment,
    running: Option<&Config>,
) -> Result<Loaded, Mistakes> {
    // Some editors begin files with a mark that no one sees and that would be counted as a column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document::parse(path, text).map_err(|error| {
        let (line, column) = line_column(text, error.at);
        let at = Position::Line { file: path.display().to_string(), line, column };
        let help = "texts stand in quotes, as in timeout = \"30s\"; see https://toml.io".to_owned();
        let notice = whole_file(at, format!("this is not TOML: {}", error.message), help);
        alone(Notice { excerpt: Some(mask::broken(text, error.at)), ..notice })
    })?;
    let (overrides, misfits) = overrides(environment, &document.values);
    let figment = overrides.into_iter().fold(Figment::from(&document), Figment::merge);
    let merged = figment.find_value("").ok().and_then(figment::value::Value::into_dict).unwrap_or_default();
    let directory = path.parent().unwrap_or(Path::new(""));
    let reading = Reading::new(&document, &figment, environment, directory);
    for misfit in misfits {
        reading.misfit(&misfit.variable, misfit.message, misfit.help);
    }
    let mut config = config(&reading, reading.root(merged));
    let needs_restart = match (&mut config, running) {
        (Some(config), Some(running)) => again::hold(&reading, config, running),
        _ => Vec::new(),
    };
    let (mistakes, mut warnings): (Vec<Notice>, Vec<Notice>) =
        reading.notices().into_iter().partition(|notice| notice.severity == Severity::Mistake);
    match config {
        Some(config) if mistakes.is_empty() => {
            sort(&mut warnings);
            Ok(Loaded { config, warnings, path: path.to_owned(), needs_restart })
        }
        _ => Err(Mistakes::new(mistakes)),
    }
}

/// `None` only where a mistake has been said.
fn config(reading: &Reading<'_>, mut root: Section<'_>) -> Option<Config> {
    let tables = ["source", "csat", "routes"].map(|key| (key, root.as_it_stands(key)));
    let source = root.table("source").and_then(source::source);
    let csat = root.table("csat").and_then(csat::csat);
    let store = root.table("store").and_then(local::store);
    let admin = root.table("admin").and_then(admin::admin);
    let destinations_node = root.take("destinations");
    let destinations = destination::destinations(destinations_node);
    let routes_node = root.take("routes");
    let routes = route::routes(reading, routes_node, &destinations);
    idle(reading, &root, &destinations.names, &routes);
    root.finish(&[]);
    let (source, csat) = (source?, csat?);
    queue::one_stream(reading, &destinations.checked, &routes);
    trial::every_request(reading, &source, &csat, &destinations.checked, &routes);
    let forms = destinations.checked.iter().flat_map(|destination| {
        std::iter::once(&destination.form).chain(destination.steps.iter().map(|step| &step.form))
    });
    let hidden = destinations.checked.iter().flat_map(|destination| destination.connection.secrets());
    let veil = reading.veil().knowing(forms).hiding(hidden);
    let names = destinations.checked.iter().map(|destination| destination.name.as_str());
    let places = Places::of(reading.document, names, routes.iter().map(|route| route.name.as_str()));
    Some(Config {
        source,
        csat,
        store: store?,
        admin: admin?,
        destinations: destinations.checked,
        routes,
        veil,
        places,
        unset: reading.unset(),
        marks: {
            let [source, csat, routes] = tables.map(|(key, table)| reading.inputs.mark(key, &table));
            Marks { source, csat, routes }
        },
    })
}

/// What is set up and never used, or not set up at all.
fn idle(reading: &Reading<'_>, root: &Section<'_>, names: &[String], routes: &[crate::domain::route::Route]) {
    if names.is_empty() || routes.is_empty() {
        let message = "there is no route to a destination: leads are recorded, and nobody hears of them";
        let help = "write [destinations.NAME] with a url, and [[routes]] with name, on and to";
        reading.warn(&root.spot, message, Some(help.to_owned()));
        return;
    }
    for name in names.iter().filter(|name| !routes.iter().any(|route| route.to.contains(*name))) {
        let spot = reading.spot_of_key(&super::document::child("destinations", name));
        reading.warn(&spot, "no route sends anything here", Some(format!("write to = [\"{name}\"] in a route")));
    }
}

fn alone(notice: Notice) -> Mistakes {
    Mistakes::new(vec![notice])
}

fn whole_file(at: Position, message: String, help: String) -> Notice {
    Notice { severity: Severity::Mistake, at, key: String::new(), message, help: Some(help), excerpt: None }
}

fn unreadable(locate: &Locate<'_>, path: &Path, error: &std::io::Error) -> Notice {
    let why = match (locate.file, locate.environment.get(FILE_VARIABLE).is_some_and(|name| !name.is_empty())) {
        (Some(_), _) => "named by --config".to_owned(),
        (None, true) => format!("named by {FILE_VARIABLE}"),
        (None, false) => "looked for in the working directory".to_owned(),
    };
    let shown = path.display();
    let (message, help) = if error.kind() == ErrorKind::NotFound {
        (
            format!("there is no file {shown} ({why})"),
            format!("make one with `leadhook init`, or name yours with --config FILE or {FILE_VARIABLE}"),
        )
    } else {
        (
            format!("the file {shown} ({why}) cannot be read: {error}"),
            "see whether it is a file and who may read it".to_owned(),
        )
    };
    whole_file(Position::File { file: shown.to_string() }, message, help)
}
