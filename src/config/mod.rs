//! The file: what was typed becomes what is ready, once.
//!
//! A [`Config`] holds only values that have been checked; behind it nothing parses a URL, a secret, a rate or a route again.
//!
//! ```text
//! document      the text, and where each key of it stands
//! environment   variables that override keys; figment merges both
//! reader, node, text  the merged tree, pulled key by key; `${...}` is put in on the way, and told of by its reference
//! source, csat, destination, auth, connection, contact, retry, fields, outcomes, route, local, admin
//!               each section's rules
//! form, body    what is made of an event; preset: what a vendor expects, where the file leaves it open
//! telling, trial what is doubtful about a template, told where it stands; requests tried with made-up events
//! stand_in      what stands for a secret that is not set, where a file is only looked at
//! again         what cannot change while leadhook runs
//! marks         whether a file that is read again says the same of a destination; current: the file that is in force
//! notice        what is wrong, where, and what to write instead
//! schema        as much of all this as an editor can be told
//! ```
//!
//! To teach the file a new key: ask for it in its section's file, name it in `mask::shown` if its value may be shown, write
//! it into `config/leadhook.toml` with what it means, and give it a shape in `schema`; then
//! `leadhook schema >config/leadhook.schema.json`.

mod admin;
mod again;
mod auth;
mod body;
mod condition;
mod connection;
mod contact;
mod csat;
mod current;
mod destination;
mod document;
mod environment;
mod fields;
mod form;
mod interpolate;
mod load;
mod local;
mod marks;
mod mask;
mod network;
mod node;
mod notice;
mod outcomes;
mod places;
mod preset;
mod queue;
mod reader;
mod readings;
mod retry;
mod route;
mod schema;
mod secret_file;
mod source;
mod stand_in;
mod starter;
mod steps;
mod suggest;
mod summary;
mod telling;
#[cfg(test)]
mod tests;
mod text;
mod trial;
mod wrap;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use crate::domain::csat::CsatRules;
use crate::domain::destination::{Destination, Mark};
use crate::domain::pace::Rate;
use crate::domain::recheck::Ages;
use crate::domain::route::Route;
use crate::domain::seal::EncryptionKey;
use crate::domain::secret::{Secret, SecretUrl};
use crate::domain::veil::Veil;
use crate::domain::watched::Watch;

pub use current::Current;
pub use destination::{NAME_HELP, is_name};
pub use environment::Environment;
pub use load::{DEFAULT_FILE, FILE_VARIABLE, Loaded, Locate, load, load_again, parse, store_path};
pub use notice::{Mistakes, Notice, Position, Severity};
pub use places::{Lines, Places};
pub use preset::Preset;
pub use schema::{SCHEMA_FILE, is_schema, schema};
pub use starter::{InitAnswers, starter_file};
pub use summary::SummaryLine;

/// A whole, checked file.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[source]`
    pub source: SourceConfig,
    /// `[csat]`
    pub csat: CsatRules,
    /// `[store]`
    pub store: StoreConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[destinations.*]`, by name.
    pub destinations: Vec<Destination>,
    /// `[[routes]]`, in the file's order: the first that matches wins.
    pub routes: Vec<Route>,
    /// Hides what `${...}` stands for, and how destinations know us, wherever a request or an answer is shown.
    pub veil: Veil,
    /// Where destinations and routes stand in the file.
    pub places: Places,
    /// References for which something stands in, because they lead nowhere; see [`Environment::with_stand_ins`].
    pub unset: Vec<String>,
    /// What each part of the file says, in short.
    pub marks: Marks,
}

/// What parts of the file say, in short: as long as a mark is the same, so is the part. Each destination has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `[source]`
    pub source: Mark,
    /// `[csat]`
    pub csat: Mark,
    /// `[[routes]]`
    pub routes: Mark,
}

impl Config {
    /// Whether this file says the same of every destination as another.
    pub fn destinations_are_those_of(&self, other: &Config) -> bool {
        let same = |(one, two): (&Destination, &Destination)| one.name == two.name && one.mark == two.mark;
        self.destinations.len() == other.destinations.len()
            && self.destinations.iter().zip(&other.destinations).all(same)
    }
}

/// `[source]`: where leads come from, and how hard it may be asked.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Without a trailing slash; `http` or `https`.
    pub base_url: Url,
    /// Also the key under which the store keeps its state.
    pub platform_id: String,
    /// How a token is had.
    pub access: Access,
    /// The header that carries the token.
    pub auth_header: http::HeaderName,
    /// What stands before the token in that header; empty: the bare token.
    pub auth_scheme: String,
    /// How `+` in the dates goes over the wire: as it is, or as `%2B`.
    pub encode_plus: bool,
    /// The zone in which the API reads dates.
    pub timezone: TimeZone,
    /// From the start of one poll to the start of the next.
    pub poll_every: Duration,
    /// How far back every poll reaches.
    pub overlap: Duration,
    /// How far back some readings reach, for leads that show up late ...
    pub lookback: Duration,
    /// ... and how often.
    pub lookback_every: Duration,
    /// How often the widest reading is made.
    pub sweep_every: Duration,
    /// How far back the widest reading reaches; with `start = "now"` the floor lies so far back.
    pub sweep: Duration,
    /// What to do with the past.
    pub start: Start,
    /// Details read at one time.
    pub concurrency: usize,
    /// Requests of any kind; `None`: no limit.
    pub rate: Option<Rate>,
    /// For one whole request.
    pub timeout: Duration,
    /// How long a lead's details may fail, while others can be read, before it is set aside for a person.
    pub give_up_after: Duration,
    /// Ages at which a lead without a rating is read again.
    pub recheck: Ages,
    /// Fields of a lead that make it updated.
    pub watch: Watch,
    /// After so long without a good poll, the source counts as stale.
    pub stale_after: Duration,
    /// Called after each good poll.
    pub heartbeat_url: Option<SecretUrl>,
}

/// How a token for the source is had.
#[derive(Clone, Debug)]
pub enum Access {
    /// Asked for with Basic authentication.
    Basic {
        /// Any characters.
        username: Secret,
        /// Any characters.
        password: Secret,
        /// Sent as `?time=` where set.
        token_time: Option<String>,
    },
    /// Given in the file; cannot be renewed.
    Token(Secret),
}

/// `start`: what of the past is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing: what is there at the first reading is only remembered.
    Now,
    /// Everything since then.
    At(Timestamp),
}

/// `[store]`: where everything is kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// A directory; made at the first start. Relative paths are relative to the working directory.
    pub path: PathBuf,
    /// How long delivered events and their attempts are kept.
    pub retention: Duration,
    /// What the store's files may have, in bytes. Near it, nothing new is read. `None`: as much as the disk has.
    pub max_bytes: Option<u64>,
    /// The first encrypts what is stored, each decrypts; none: nothing is encrypted.
    pub encryption_keys: Vec<EncryptionKey>,
}

/// `[admin]`: where the service can be asked, by which name, and who may ask.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Off loopback only with a token.
    pub listen: SocketAddr,
    /// What whoever asks from elsewhere must show; at least 20 characters, fit for a header.
    pub token: Option<Secret>,
    /// Where people reach it, behind a reverse proxy; without a path.
    pub url: Option<Url>,
}
