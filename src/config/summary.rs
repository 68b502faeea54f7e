//! What `leadhook check` shows of a file that is right.

use super::{Access, AdminConfig, Config, Start, StoreConfig};
use crate::domain::connection::Connection;
use crate::domain::csat::{CsatRules, Direction, Scale};
use crate::domain::destination::Destination;
use crate::domain::oauth2::Grant;
use crate::domain::pace::Rate;
use crate::domain::span;

/// One line: what it is about, and what holds for it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SummaryLine {
    /// `source`, `zone`, `destination crm`, `route low CSAT`, ...
    pub label: String,
    /// What holds.
    pub text: String,
}

impl Config {
    /// The file in a few lines, in its own order.
    pub fn summary(&self) -> Vec<SummaryLine> {
        let source = &self.source;
        let access = match source.access {
            Access::Basic { .. } => "with user and password",
            Access::Token(_) => "with a token",
        };
        let zone = source.timezone.iana_name().unwrap_or("unknown");
        let start = match source.start {
            Start::Now => {
                format!("from now on; what is there already, up to {} back, is not sent", span::format(source.sweep))
            }
            Start::At(at) => {
                format!("everything since {}", at.to_zoned_datetime(source.timezone.clone()).strftime("%F %T %:z"))
            }
        };
        let base_url = source.base_url.as_str().trim_end_matches('/');
        let mut lines = vec![
            line("source", format!("{base_url}, platform {}, {access}", source.platform_id)),
            line("zone", zone.to_owned()),
            line("start", start),
            line("polls", format!("every {}, {} back", span::format(source.poll_every), span::format(source.overlap))),
            line("csat", csat(&self.csat)),
            line("store", store(&self.store)),
            line("admin", admin(&self.admin)),
        ];
        lines.extend(self.destinations.iter().map(|to| line(&format!("destination {}", to.name), destination(to))));
        lines.extend(self.routes.iter().map(|route| {
            let on: Vec<&str> = route.on.iter().map(|on| on.as_str()).collect();
            line(&format!("route {}", route.name), format!("{} to {}", on.join(", "), route.to.join(", ")))
        }));
        lines
    }
}

fn csat(rules: &CsatRules) -> String {
    let Scale { from, to } = rules.scale;
    match rules.direction {
        Direction::Up => format!("{from} to {to}, low up to {}", rules.low_max),
        Direction::Down => format!("{from} to {to}, {from} is the best, low from {}", rules.low_from()),
    }
}

fn store(store: &StoreConfig) -> String {
    let encrypted = if store.encryption_keys.is_empty() { "" } else { ", encrypted" };
    format!("{}, what is delivered is kept for {}{encrypted}", store.path.display(), span::format(store.retention))
}

fn admin(admin: &AdminConfig) -> String {
    let url =
        admin.url.as_ref().map_or(String::new(), |url| format!(", reached as {}", url.as_str().trim_end_matches('/')));
    let token = if admin.token.is_some() { ", with a token" } else { "" };
    format!("{}{url}{token}", admin.listen)
}

fn destination(to: &Destination) -> String {
    let signed = match to.secrets.len() {
        0 => "not signed".to_owned(),
        1 => "signed".to_owned(),
        n => format!("signed with {n} secrets"),
    };
    let auth = to.oauth2().map_or(String::new(), |oauth2| match oauth2.grant {
        Grant::ClientCredentials => format!(", tokens from {}", oauth2.token_url),
        Grant::RefreshToken => format!(", tokens from {} by `leadhook auth {}`", oauth2.token_url, to.name),
    });
    let rate = to.rate.map(|rate| format!(", at most {}", rate_text(rate))).unwrap_or_default();
    let steps: Vec<&str> = to.steps.iter().map(|step| step.name.as_str()).collect();
    let steps = match steps.len() {
        0 => String::new(),
        1 => format!(", one step ({})", steps.join(", ")),
        n => format!(", {n} steps ({})", steps.join(", ")),
    };
    let contact = &to.rate_per_contact;
    let contact = contact.as_ref().map(|each| format!(", {} for a contact", rate_text(each.limit))).unwrap_or_default();
    let Connection { roots, identity, proxy, private } = &to.connection;
    let way = [
        proxy.as_ref().map(|proxy| format!(" through {proxy}")),
        roots.as_ref().map(|_| ", believed by `ca` alone".to_owned()),
        identity.as_ref().map(|_| ", shown a certificate".to_owned()),
        private.then(|| ", perhaps on a private network".to_owned()),
    ];
    format!(
        "{}{}{steps}, {signed}{auth}, {} at a time{rate}{contact}, for up to {}",
        to.form.shown_url(),
        way.into_iter().flatten().collect::<String>(),
        to.concurrency,
        span::format(to.max_age)
    )
}

fn rate_text(rate: Rate) -> String {
    let per = match (rate.per.as_millis(), span::format(rate.per)) {
        (1_000, _) => "s".to_owned(),
        (60_000, _) => "m".to_owned(),
        (3_600_000, _) => "h".to_owned(),
        (_, long) => long,
    };
    format!("{}/{per}", rate.count)
}

fn line(label: &str, text: String) -> SummaryLine {
    SummaryLine { label: label.to_owned(), text }
}
