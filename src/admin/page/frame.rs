//! What every page has in common: who reads it and how, and the frame that its content is put into.
//!
//! A page is a template in `html/` and what it is given. To add one: the template here in [`TEMPLATES`], its texts as a table
//! in [`words`](super::words), and a handler that takes a [`Reader`] and ends in [`Reader::show`]. What is marked
//! `data-live` with an `id` is kept up to date by the script. In a template there are
//!
//! | | |
//! |---|---|
//! | `t("key", n=3, name=...)` | a text in the reader's language |
//! | `time(at)` | how long ago, or in how long; the whole time on pointing at it |
//! | `clock(at)` | the time of day; with the date where it is not today |
//! | `number(n)`, `size(bytes)`, `span(seconds)` | as the language writes them |
//! | `reason(said)` | what came back, in the reader's language |
//! | `part("file.html", name=...)` | another template with these names and no others |
//! | `asset("page.css")` | where it is to be had |

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Object};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value, context};

use super::language::Language;
use super::{assets, reason, shown, words};
use crate::admin::asked::Asked;
use crate::app::operator::Refusal;
use crate::domain::clock;

/// Every template by its file's name.
pub(super) const TEMPLATES: [(&str, &str); 12] = [
    ("layout.html", include_str!("html/layout.html")),
    ("message.html", include_str!("html/message.html")),
    ("overview.html", include_str!("html/overview.html")),
    ("sign_in.html", include_str!("html/sign_in.html")),
    ("curtain.html", include_str!("html/curtain.html")),
    ("dead.html", include_str!("html/dead.html")),
    ("destination.html", include_str!("html/destination.html")),
    ("entries.html", include_str!("html/entries.html")),
    ("event.html", include_str!("html/event.html")),
    ("lead.html", include_str!("html/lead.html")),
    ("letter.html", include_str!("html/letter.html")),
    ("request.html", include_str!("html/request.html")),
];

/// Who reads a page, and how; taken from the request.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Reader {
    /// In which language.
    pub(super) language: Language,
    /// On whose clocks: the source's.
    pub(super) zone: TimeZone,
    /// When.
    pub(super) now: Timestamp,
    /// Signed in, if so.
    pub(super) session: Option<Session>,
    /// What is told above the page, after something was done.
    notice: Option<String>,
}

/// Somebody who has signed in. Whoever lets people in puts it among the request's extensions.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Session {
    /// What every form must carry as `forgery`, so that no other site can send it.
    pub(in crate::admin) forgery: String,
}

/// Where a page stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Place {
    /// The first page.
    Overview,
    /// The dead letters.
    Dead,
    /// Somewhere below.
    Elsewhere,
}

/// A page's content.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Page<'a> {
    /// The file in `html/`.
    pub(super) template: &'static str,
    /// As it stands in the browser's tab.
    pub(super) title: &'a str,
    /// What is lit up in the navigation.
    pub(super) place: Place,
}

impl FromRequestParts<Asked> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, asked: &Asked) -> Result<Reader, Infallible> {
        let wished = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let language = Language::asked_for(wished);
        Ok(Reader {
            language,
            zone: asked.operator.timezone(),
            now: asked.operator.now(),
            session: parts.extensions.get::<Session>().cloned(),
            notice: notice(parts.uri.query().unwrap_or(""), language),
        })
    }
}

impl Reader {
    /// A text in the reader's language; the key itself where there is none.
    pub(super) fn say(&self, key: &str) -> String {
        words::word(key, self.language).unwrap_or(key).to_owned()
    }

    /// The page within its frame.
    pub(super) fn show(&self, page: Page<'_>, given: Value) -> Response {
        self.show_as(StatusCode::OK, page, given)
    }

    /// The same with another status.
    pub(super) fn show_as(&self, status: StatusCode, page: Page<'_>, given: Value) -> Response {
        let content = match self.render(page.template, &given) {
            Ok(content) => content,
            Err(error) => return broken(page.template, &error),
        };
        let framed = context! {
            title => page.title,
            lang => self.language.code(),
            place => match page.place {
                Place::Overview => "overview",
                Place::Dead => "dead",
                Place::Elsewhere => "elsewhere",
            },
            zone => self.zone.iana_name().unwrap_or("UTC"),
            version => env!("CARGO_PKG_VERSION"),
            notice => self.notice.clone(),
            content => Value::from_safe_string(content),
        };
        match self.render("layout.html", &framed) {
            Ok(text) => {
                let vary = [(header::VARY, HeaderValue::from_static("accept-language, cookie"))];
                (status, vary, Html(text)).into_response()
            }
            Err(error) => broken("layout.html", &error),
        }
    }

    /// One template, for this reader.
    pub(super) fn render(&self, template: &str, given: &Value) -> Result<String, Error> {
        let own = context! {
            reader => Value::from_object(self.clone()),
            signed_in => self.session.is_some(),
            forgery => self.session.as_ref().map(|session| session.forgery.as_str()),
        };
        environment().get_template(template)?.render(context! { ..own, ..given.clone() })
    }

    /// A page that says in a sentence what is the matter.
    pub(super) fn tell(&self, status: StatusCode, title: &str, what: &str) -> Response {
        let page = Page { template: "message.html", title, place: Place::Elsewhere };
        self.show_as(status, page, context! { title, what })
    }

    /// There is no such page.
    pub(super) fn not_found(&self) -> Response {
        self.tell(StatusCode::NOT_FOUND, &self.say("not_found.title"), &self.say("not_found.what"))
    }

    /// Why a verb was not carried out, as a page.
    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let status = match refusal {
            Refusal::Usage(_) | Refusal::File(_) => StatusCode::NOT_FOUND,
            Refusal::Unavailable(_) | Refusal::Misfit(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        self.tell(status, &self.say("unavailable.title"), &refusal.to_string())
    }
}

/// After something was done: to that page, which tells of it. `notice`: a key of [`words`](super::words) that begins with
/// `notice.`; `n`: the number that it speaks of.
pub(super) fn done(to: &str, notice: &str, n: u64) -> Response {
    let mark = if to.contains('?') { '&' } else { '?' };
    let notice = notice.strip_prefix("notice.").unwrap_or(notice);
    Redirect::to(&format!("{to}{mark}notice={notice}&n={n}")).into_response()
}

/// What the address says was done. Only what stands in the table can be said, whoever made the address up.
fn notice(query: &str, language: Language) -> Option<String> {
    let of = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let key = of("notice")?;
    let n: u64 = of("n").and_then(|n| n.parse().ok()).unwrap_or(0);
    words::say(&format!("notice.{key}"), Some(n), &[("n", shown::number(n, language))], language)
}

/// A template that does not render is a bug of ours; what it was given stays out of the log.
fn broken(template: &str, error: &Error) -> Response {
    tracing::error!(template, line = error.line(), kind = %error.kind(), "a page cannot be shown: this is a bug");
    (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be shown: a bug of leadhook, see its log\n").into_response()
}

impl Object for Reader {}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.add_function("t", text);
        environment.add_function("time", time);
        environment.add_function("clock", time_of_day);
        environment.add_function("number", number);
        environment.add_function("size", size);
        environment.add_function("span", span);
        environment.add_function("reason", said);
        environment.add_function("part", part);
        environment.add_function("asset", asset);
        for (name, source) in TEMPLATES {
            if let Err(error) = environment.add_template(name, source) {
                tracing::error!(template = name, %error, "a template does not parse: this is a bug");
            }
        }
        environment
    })
}

fn reader(state: &State<'_, '_>) -> Result<Arc<Reader>, Error> {
    let reader = state.lookup("reader").and_then(|value| value.downcast_object::<Reader>());
    reader.ok_or_else(|| Error::new(ErrorKind::UndefinedError, "nobody reads this"))
}

fn text(state: &State<'_, '_>, key: &str, given: Kwargs) -> Result<String, Error> {
    let language = reader(state)?.language;
    let n = given.get::<Option<u64>>("n").ok().flatten();
    let mut names = Vec::new();
    for name in given.args() {
        let value = given.get::<Value>(name)?;
        let shown = match u64::try_from(value.clone()) {
            Ok(whole) if value.is_number() => shown::number(whole, language),
            _ => value.to_string(),
        };
        names.push((name, shown));
    }
    words::say(key, n, &names, language)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("there is no text {key}")))
}

fn instant(at: &str) -> Result<Timestamp, Error> {
    at.parse().map_err(|_| Error::new(ErrorKind::InvalidOperation, "no time"))
}

/// How long ago, or in how long; the script keeps it true while nothing else changes.
fn time(state: &State<'_, '_>, at: &str) -> Result<Value, Error> {
    let (reader, at) = (reader(state)?, instant(at)?);
    let near = match at.duration_since(reader.now).is_positive() {
        true => shown::hence(clock::elapsed(reader.now, at), reader.language),
        false => shown::ago(clock::elapsed(at, reader.now), reader.language),
    };
    let whole = shown::at(at, &reader.zone, reader.language);
    Ok(Value::from_safe_string(format!(r#"<time datetime="{at}" title="{whole}" data-near>{near}</time>"#)))
}

fn time_of_day(state: &State<'_, '_>, at: &str) -> Result<Value, Error> {
    let (reader, at) = (reader(state)?, instant(at)?);
    let whole = shown::at(at, &reader.zone, reader.language);
    let short = shown::at_in_short(at, reader.now, &reader.zone, reader.language);
    Ok(Value::from_safe_string(format!(r#"<time datetime="{at}" title="{whole}">{short}</time>"#)))
}

fn number(state: &State<'_, '_>, value: u64) -> Result<String, Error> {
    Ok(shown::number(value, reader(state)?.language))
}

fn size(state: &State<'_, '_>, bytes: u64) -> Result<String, Error> {
    Ok(shown::size(bytes, reader(state)?.language))
}

fn span(seconds: u64) -> String {
    shown::span(Duration::from_secs(seconds))
}

fn said(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    Ok(reason::in_words(text, reader(state)?.language))
}

fn part(state: &State<'_, '_>, template: &str, given: Kwargs) -> Result<Value, Error> {
    let mut names: Vec<(String, Value)> = Vec::new();
    for name in given.args() {
        names.push((name.to_owned(), given.get(name)?));
    }
    for own in ["reader", "signed_in", "forgery"] {
        names.extend(state.lookup(own).map(|value| (own.to_owned(), value)));
    }
    Ok(Value::from_safe_string(state.env().get_template(template)?.render(Value::from_pairs(names))?))
}

fn asset(name: &str) -> Result<Value, Error> {
    assets::path(name)
        .map(Value::from_safe_string)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("there is no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(language: Language) -> Reader {
        let now = "2026-11-25T16:00:46Z".parse().expect("a time");
        let zone = TimeZone::get("America/Sao_Paulo").expect("bundled");
        Reader { language, zone, now, session: None, notice: None }
    }

    #[test]
    fn every_template_parses() {
        for (name, _) in TEMPLATES {
            environment().get_template(name).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
    }

    #[test]
    fn what_somebody_wrote_is_text_and_no_part_of_the_page() {
        let given = context! { title => "<script>", what => "\"><img src=x onerror=alert(1)>" };
        let shown = reader(Language::English).render("message.html", &given).expect("it renders");
        assert!(!shown.contains("<script") && !shown.contains("<img"), "{shown}");
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
    }

    #[test]
    fn a_notice_is_one_of_ours_or_none() {
        assert_eq!(notice("", Language::English), None);
        assert_eq!(notice("notice=search.label&n=1", Language::English), None);
        assert_eq!(notice("notice=<script>&n=1", Language::English), None);
    }
}
