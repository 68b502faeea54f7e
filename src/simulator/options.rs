//! How a simulated WeClever behaves.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use super::faults::Faults;

/// Everything that can be chosen about a simulated WeClever.
///
/// ```
/// use leadhook::simulator::Options;
/// let options = Options { leads_per_second: 5.0, max_leads: Some(100), ..Options::default() };
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The same seed gives the same leads.
    pub seed: u64,
    /// When the live leads begin and the past ones end. `None`: when the simulator starts. Set it where a restarted simulator is to be the
    /// same one.
    pub base: Option<Timestamp>,
    /// How many leads were finalized before `base`.
    pub past_leads: u64,
    /// Over how long a stretch before `base` they are spread.
    pub past_stretch: Duration,
    /// How many leads are finalized in each second after `base`.
    pub leads_per_second: f64,
    /// No more leads than this altogether, the past ones among them.
    pub max_leads: Option<u64>,
    /// The id of the first lead; the others follow one by one.
    pub first_id: u64,

    /// The share of leads that a list shows late ...
    pub late_share: f64,
    /// ... and how late at most.
    pub late_up_to: Duration,
    /// The share of leads that are never rated; some of them have no `csat` at all.
    pub unrated_share: f64,
    /// The share of the rated leads whose rating comes after they were finalized ...
    pub ratings_later_share: f64,
    /// ... and how long after at most.
    pub ratings_later_up_to: Duration,
    /// A list holds at most so many rows; the rest is cut without a word.
    pub cap: Option<usize>,
    /// Which rows such a list keeps.
    pub cap_keeps: CapKeeps,
    /// How the dates of a lead's messages are written.
    pub message_dates: MessageDates,

    /// The platform whose token can be asked for.
    pub platform_id: String,
    /// The user of Basic authentication.
    pub username: String,
    /// The password of Basic authentication.
    pub password: String,
    /// A token that is good without being asked for.
    pub ready_token: Option<String>,
    /// How long a token is good. `None`: until it is killed.
    pub token_lifetime: Option<Duration>,
    /// The header in which a token is expected.
    pub auth_header: String,
    /// The word before the token; empty for the bare token.
    pub auth_scheme: String,
    /// Whether lists and leads are shown to whoever asks, with a token or without.
    pub open: bool,
    /// Whether a token is a JWT, which says when it ends.
    pub jwt: bool,

    /// The zone of the dates in a list request.
    pub zone: String,
    /// Whether a lead finalized in the first second of a list's stretch is in the list ...
    pub first_included: bool,
    /// ... and one finalized in its last second.
    pub last_included: bool,
    /// How the `+` of a date may be written.
    pub plus: Plus,
    /// What becomes of a date whose `+` is written in another way.
    pub misread: Misread,
    /// The status of an answer that holds a lead.
    pub lead_status: StatusCode,
    /// How far the simulated clock is ahead of the real one, in milliseconds; below zero: behind it.
    pub clock_skew_ms: i64,
    /// How long each answer takes.
    pub latency: Duration,
    /// Which answers are broken, and how.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            base: None,
            past_leads: 0,
            past_stretch: Duration::from_secs(2 * 60 * 60),
            leads_per_second: 1.0,
            max_leads: None,
            first_id: 100_000,
            late_share: 0.0,
            late_up_to: Duration::from_secs(40 * 60 * 60),
            unrated_share: 0.3,
            ratings_later_share: 0.0,
            ratings_later_up_to: Duration::from_secs(30 * 60),
            cap: None,
            cap_keeps: CapKeeps::Oldest,
            message_dates: MessageDates::Utc,
            platform_id: "demo".to_owned(),
            username: "demo".to_owned(),
            password: "demo".to_owned(),
            ready_token: None,
            token_lifetime: None,
            auth_header: "Authorization".to_owned(),
            auth_scheme: "Bearer".to_owned(),
            open: false,
            jwt: false,
            zone: "America/Sao_Paulo".to_owned(),
            first_included: true,
            last_included: true,
            plus: Plus::Either,
            misread: Misread::Refused,
            lead_status: StatusCode::OK,
            clock_skew_ms: 0,
            latency: Duration::ZERO,
            faults: Faults::default(),
        }
    }
}

/// How the `+` between a date and a time may stand in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Plus {
    /// As `+` or as `%2B`.
    #[default]
    Either,
    /// Only as `+`.
    Plain,
    /// Only as `%2B`, as with a server that reads `+` as a space.
    Escaped,
}

/// What becomes of a date whose `+` is written in a way that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Misread {
    /// The list is refused with 400.
    #[default]
    Refused,
    /// The list is empty.
    Empty,
    /// Its time of day is left out of account.
    Day,
}

/// Which rows a list keeps that is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CapKeeps {
    /// The oldest.
    #[default]
    Oldest,
    /// The newest.
    Newest,
}

/// How the dates of a lead's messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum MessageDates {
    /// In UTC, with a `Z`.
    #[default]
    Utc,
    /// In the zone of the lists' dates, without saying so.
    Local,
}

/// Which of the two ends of its stretch a list includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Ends {
    /// Both.
    #[default]
    Both,
    /// The first second alone.
    First,
    /// The last second alone.
    Last,
    /// Neither.
    Neither,
}
