//! `leadhook simulate`: the simulated WeClever alone, to try a file against.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use http::StatusCode;
use tokio::net::TcpListener;

use super::faults::{FaultKind, Faults};
use super::happenings::{Requests, Summary};
use super::options::{CapKeeps, Ends, MessageDates, Misread, Options, Plus};
use super::weclever::WeClever;

/// What `leadhook simulate` takes.
#[derive(Debug, Clone, clap::Args)]
// The description of the command belongs to the command, not to its arguments.
#[command(about = None, long_about = None)]
pub struct SimulateArgs {
    /// Where to listen; with port 0 the address comes as the first line on standard output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8786")]
    pub listen: SocketAddr,
    /// The platform id to expect
    #[arg(long, value_name = "ID", default_value = "demo")]
    pub platform_id: String,
    /// The user to expect
    #[arg(long, value_name = "USER", default_value = "demo")]
    pub username: String,
    /// The password to expect
    #[arg(long, value_name = "PASSWORD", default_value = "demo")]
    pub password: String,
    /// A token that is good without being asked for
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How long a token is good [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub token_lifetime: Option<Duration>,
    /// The header in which to expect the token
    #[arg(long, value_name = "NAME", default_value = "Authorization")]
    pub auth_header: String,
    /// The word before the token; "" for the bare token
    #[arg(long, value_name = "WORD", default_value = "Bearer")]
    pub auth_scheme: String,
    /// Answer whoever asks, with a token or without
    #[arg(long)]
    pub open: bool,
    /// Give tokens that are JWTs, which say when they end
    #[arg(long)]
    pub jwt: bool,

    /// The same seed gives the same leads
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many leads are finalized each second
    #[arg(long, value_name = "RATE", default_value_t = 1.0, value_parser = rate)]
    pub leads_per_second: f64,
    /// How many leads were finalized before the start
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub past_leads: u64,
    /// Over how long the past leads are spread
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub past_stretch: Duration,
    /// No more leads than this, the past ones among them
    #[arg(long, value_name = "COUNT")]
    pub max_leads: Option<u64>,
    /// The id of the first lead
    #[arg(long, value_name = "ID", default_value_t = 100_000)]
    pub first_id: u64,
    /// The zone of the dates in a list request
    #[arg(long, value_name = "ZONE", default_value = "America/Sao_Paulo")]
    pub timezone: String,
    /// How the + between a date and a time may be written
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Plus::Either)]
    pub plus: Plus,
    /// What becomes of a date whose + is written in another way
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Misread::Refused)]
    pub misread: Misread,
    /// Which ends of its stretch a list includes
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Ends::Both)]
    pub ends: Ends,
    /// How far the simulated clock is ahead, or behind with a minus
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = skew, allow_hyphen_values = true)]
    pub clock_skew: i64,
    /// The status of a good answer with a lead, such as 500
    #[arg(long, value_name = "STATUS", default_value = "200")]
    pub lead_status: StatusCode,
    /// How the dates of a lead's messages are written
    #[arg(long, value_name = "FORM", value_enum, default_value_t = MessageDates::Utc)]
    pub message_dates: MessageDates,

    /// The share of leads that a list shows late, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub late: f64,
    /// How late at most
    #[arg(long, value_name = "TIME", default_value = "40h", value_parser = duration)]
    pub late_up_to: Duration,
    /// The share of leads that are never rated
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    pub unrated: f64,
    /// The share of ratings that come after the lead was finalized
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub ratings_later: f64,
    /// How long after at most
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub ratings_later_up_to: Duration,
    /// Cut every list after so many rows, silently
    #[arg(long, value_name = "ROWS")]
    pub cap: Option<usize>,
    /// Which rows such a list keeps
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = CapKeeps::Oldest)]
    pub cap_keeps: CapKeeps,

    /// The share of answers that are broken, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub fault: f64,
    /// How they are broken [default: every way but huge and blank]
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    pub fault_kinds: Vec<FaultKind>,
    /// Another share for tokens
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub fault_token: Option<f64>,
    /// Another share for lists
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub fault_list: Option<f64>,
    /// Another share for details
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub fault_detail: Option<f64>,
    /// How long a stalled answer takes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub stall: Duration,
    /// How long a slow answer trickles
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub slow: Duration,
    /// How long every answer takes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub latency: Duration,
}

impl SimulateArgs {
    /// The same as options.
    pub fn options(&self) -> Options {
        let kinds = if self.fault_kinds.is_empty() { FaultKind::usual() } else { self.fault_kinds.clone() };
        Options {
            seed: self.seed,
            base: None,
            past_leads: self.past_leads,
            past_stretch: self.past_stretch,
            leads_per_second: self.leads_per_second,
            max_leads: self.max_leads,
            first_id: self.first_id,
            late_share: self.late,
            late_up_to: self.late_up_to,
            unrated_share: self.unrated,
            ratings_later_share: self.ratings_later,
            ratings_later_up_to: self.ratings_later_up_to,
            cap: self.cap,
            cap_keeps: self.cap_keeps,
            message_dates: self.message_dates,
            platform_id: self.platform_id.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            ready_token: self.token.clone(),
            token_lifetime: self.token_lifetime,
            auth_header: self.auth_header.clone(),
            auth_scheme: self.auth_scheme.clone(),
            open: self.open,
            jwt: self.jwt,
            zone: self.timezone.clone(),
            first_included: matches!(self.ends, Ends::Both | Ends::First),
            last_included: matches!(self.ends, Ends::Both | Ends::Last),
            plus: self.plus,
            misread: self.misread,
            lead_status: self.lead_status,
            clock_skew_ms: self.clock_skew,
            latency: self.latency,
            faults: Faults {
                token: self.fault_token.unwrap_or(self.fault),
                list: self.fault_list.unwrap_or(self.fault),
                detail: self.fault_detail.unwrap_or(self.fault),
                stall: self.stall,
                slow: self.slow,
                ..Faults::of(self.fault, kinds)
            },
        }
    }

    /// The lines to put into a leadhook.toml: what differs from the product's defaults, and the credentials.
    fn source_lines(&self, base_url: &str) -> String {
        let mut lines = format!("[source]\nbase_url    = {}\n", quoted(base_url));
        lines += &format!("platform_id = {}\n", quoted(&self.platform_id));
        match &self.token {
            Some(token) => lines += &format!("token       = {}\n", quoted(token)),
            None => {
                lines += &format!("username    = {}\n", quoted(&self.username));
                lines += &format!("password    = {}\n", quoted(&self.password));
            }
        }
        if self.auth_header != "Authorization" {
            lines += &format!("auth_header = {}\n", quoted(&self.auth_header));
        }
        if self.auth_scheme != "Bearer" {
            lines += &format!("auth_scheme = {}\n", quoted(&self.auth_scheme));
        }
        if self.timezone != "America/Sao_Paulo" {
            lines += &format!("timezone    = {}\n", quoted(&self.timezone));
        }
        if self.plus == Plus::Escaped {
            lines += "encode_plus = true\n";
        }
        lines
    }
}

/// A TOML string that means this text, also to a reader that replaces `${...}`.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text.replace("${", "$${")).to_string()
}

/// Serves until `stop` is done.
///
/// Standard output gets the address, where port 0 was asked for, and the summary, where JSON was; people read standard error.
///
/// # Errors
/// An address that cannot be listened on, a zone or a header that is none, or an output that is closed.
pub async fn simulate(args: SimulateArgs, json: bool, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    serve(args, json, stop, std::io::stdout(), anstream::stderr()).await
}

/// The same, with the two outputs as arguments.
async fn serve(
    args: SimulateArgs,
    json: bool,
    stop: impl Future<Output = ()>,
    mut results: impl Write,
    mut words: impl Write,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("cannot listen on {}; --listen 127.0.0.1:0 takes any port that is free", args.listen)
    })?;
    let weclever = WeClever::start(listener, args.options())?;
    let base_url = weclever.base_url();
    if args.listen.port() == 0 {
        writeln!(results, "{base_url}")?;
        results.flush()?;
    }
    let lines = args.source_lines(&base_url);
    writeln!(words, "A simulated WeClever listens on {base_url}. In your leadhook.toml:\n\n{lines}\nCtrl-C ends it.")?;
    stop.await;
    let summary = weclever.summary();
    weclever.stop().await;
    if json {
        writeln!(results, "{}", serde_json::to_string(&summary)?)?;
    } else {
        let Summary { leads_finalized, requests, faults } = summary;
        let broken: u64 = faults.values().sum();
        let Requests { token, list, detail, .. } = requests;
        writeln!(
            words,
            "Leads finalized: {leads_finalized}. Asked for: {token} tokens, {list} lists, {detail} details."
        )?;
        writeln!(words, "Answers broken: {broken}{}", Listed(&faults))?;
    }
    Ok(())
}

/// ` (html 3, reset 2)`, or nothing.
struct Listed<'a>(&'a BTreeMap<&'static str, u64>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, count)) in self.0.iter().enumerate() {
            write!(out, "{}{kind} {count}", if at == 0 { " (" } else { ", " })?;
        }
        out.write_str(if self.0.is_empty() { "" } else { ")" })
    }
}

/// `500ms`, `90s`, `15m`, `48h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let wrong = || format!("`{text}` is no duration; write for instance 90s, 15m, 48h or 7d");
    let count: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    // A century is enough, and keeps every sum of instants in range.
    let limit_ms = 100 * 365 * 86_400_000;
    count.checked_mul(unit_ms).filter(|ms| *ms <= limit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// `90s`, or `-90s`; in milliseconds.
fn skew(text: &str) -> Result<i64, String> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    duration(rest).map(|skew| sign * i64::try_from(skew.as_millis()).unwrap_or(i64::MAX))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share; write a number from 0 to 1, for instance 0.2"))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1e6).contains(rate));
    rate.ok_or_else(|| format!("`{text}` is no rate; write how many a second, for instance 5 or 0.2"))
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parse(line: &str) -> Result<SimulateArgs, clap::Error> {
        let command = SimulateArgs::augment_args(Command::new("simulate").no_binary_name(true));
        command
            .try_get_matches_from(line.split_whitespace())
            .and_then(|matches| SimulateArgs::from_arg_matches(&matches))
    }

    #[test]
    fn the_defaults_are_those_of_the_options() {
        let options = parse("").unwrap().options();
        assert_eq!(format!("{options:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn everything_can_be_said() {
        let line = "--fault 0.2 --fault-list 0.5 --fault-kinds reset,status500 --stall 2s --past-stretch 7d --cap 100 \
            --token-lifetime 500ms --leads-per-second 0.5 --plus escaped --late 1 --late-up-to 15m \
            --misread day --ends last --clock-skew -90s --lead-status 500 --message-dates local --cap-keeps newest --jwt";
        let options = parse(line).unwrap().options();
        assert_eq!((options.faults.token, options.faults.list, options.faults.detail), (0.2, 0.5, 0.2));
        assert_eq!(options.faults.kinds, [FaultKind::Reset, FaultKind::Status500]);
        assert_eq!(options.past_stretch, Duration::from_secs(7 * 86_400));
        assert_eq!(options.token_lifetime, Some(Duration::from_millis(500)));
        assert_eq!((options.plus, options.misread), (Plus::Escaped, Misread::Day));
        assert_eq!((options.first_included, options.last_included), (false, true));
        assert_eq!((options.clock_skew_ms, options.lead_status.as_u16(), options.jwt), (-90_000, 500, true));
        assert_eq!((options.message_dates, options.cap_keeps), (MessageDates::Local, CapKeeps::Newest));
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (line, way_out) in [
            ("--fault 20", "0.2"),
            ("--fault -1", "0.2"),
            ("--stall 5", "90s"),
            ("--stall 5é", "90s"),
            ("--stall s", "90s"),
            ("--stall 99999999999999d", "90s"),
            ("--leads-per-second NaN", "for instance 5"),
            ("--fault-kinds explode", "truncated"),
        ] {
            let message = parse(line.replacen(' ', "=", 1).as_str()).unwrap_err().to_string();
            assert!(message.contains(way_out), "{line}: {message}");
        }
    }

    #[test]
    fn the_lines_for_the_file_mean_what_was_said() {
        let mut args = parse("--auth-header X-Token --timezone UTC").unwrap();
        args.password = "a\"b\\c${D}".to_owned();
        let lines = args.source_lines("http://127.0.0.1:1");
        let table = lines.parse::<toml_edit::DocumentMut>().unwrap();
        assert_eq!(table["source"]["password"].as_str(), Some("a\"b\\c$${D}"));
        assert_eq!(table["source"]["auth_header"].as_str(), Some("X-Token"));
        assert!(!lines.contains("auth_scheme"), "{lines}");
    }

    #[tokio::test]
    async fn it_serves_until_it_is_told_to_stop() {
        for (json, results, words) in [
            (false, vec!["http://127.0.0.1:"], "Answers broken: 0\n"),
            (true, vec!["http://127.0.0.1:", r#"{"leads_finalized":0,"#], "[source]\n"),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let args = parse("--listen 127.0.0.1:0").unwrap();
            serve(args, json, std::future::ready(()), &mut out, &mut err).await.unwrap();
            let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
            assert_eq!(out.lines().count(), results.len(), "{out}");
            assert!(out.lines().zip(results).all(|(line, start)| line.starts_with(start)), "{out}");
            assert!(err.contains(words), "{err}");
        }
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let args = parse(&format!("--listen {}", taken.local_addr().unwrap())).unwrap();
        let error = simulate(args, false, std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains("--listen"), "{error}");
        let faults = BTreeMap::from([("html", 3), ("reset", 2)]);
        assert_eq!(Listed(&faults).to_string(), " (html 3, reset 2)");
    }
}
