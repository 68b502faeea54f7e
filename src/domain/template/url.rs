//! URLs with `{{ }}` in their path and query. What has no place in one of a broker is told by [`super::super::queue`].

use std::fmt;

use ::url::Url;
use percent_encoding::percent_decode_str;

use super::language::{MARK_BEGIN, MARK_END, Use};
use super::names::Name;
use super::{Context, RenderError, Text, Wrong, is_template};
use crate::domain::queue::Broker;

/// A template for a URL. Where requests go, its scheme, host, port and user, is written out; whatever a lead says can
/// only fill a part of the path or of the query.
#[derive(Clone)]
pub struct UrlTemplate {
    text: Text,
    /// The URL up to its path.
    origin: Url,
    source: String,
}

impl UrlTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where. Holds nothing of the URL, in which a secret may be.
    pub fn parse(text: &str) -> Result<UrlTemplate, Wrong> {
        let all = 0..text.len();
        let help = "write for example https://crm.example.com/leads/{{ weclever_lead_id }}";
        let known = |scheme: &str| matches!(scheme, "https" | "http") || Broker::of_scheme(scheme).is_some();
        let scheme = text.find("://").filter(|end| known(&text[..*end].to_ascii_lowercase()));
        let Some(after_scheme) = scheme.map(|end| end + "://".len()) else {
            return Err(Wrong::new("is no http or https address", all, help));
        };
        let authority = text[after_scheme..].find(['/', '?', '#', '\\']).map_or(text.len(), |end| after_scheme + end);
        if let Some(begin) = ["{{", "{%", "{#"].iter().filter_map(|mark| text[..authority].find(mark)).min() {
            let help = "write the host out; only what comes after it, path and query, can be a template";
            return Err(Wrong::new("the host cannot be a template", begin..authority, help));
        }
        let origin =
            Url::parse(&text[..authority]).map_err(|error| Wrong::new(error.to_string(), all.clone(), help))?;
        if let Some(odd) = text.find(|c: char| c.is_control() || c == '\\') {
            return Err(Wrong::new("has a character that no address has", odd..odd + 1, "take it out"));
        }
        let text_template = Text::parse_for(text, Use::Url)?;
        let template = UrlTemplate { text: text_template, origin, source: text.to_owned() };
        if !is_template(text) {
            let url = Url::parse(text).map_err(|error| Wrong::new(error.to_string(), all.clone(), help))?;
            if url.fragment().is_some() {
                return Err(fragment(text, all));
            }
        } else if let Some(literal) = literal_parts(text).find(|(_, part)| part.contains('#')) {
            return Err(fragment(text, literal.0..literal.0 + literal.1.len()));
        }
        Ok(template)
    }

    /// The URL that begins with this one and goes on with `below`, which begins with `/`. A `/` at the end of this one is
    /// dropped.
    ///
    /// # Errors
    /// What is wrong with it, and where in `below`; or that this one has a query, which nothing can stand behind.
    pub fn join(&self, below: &str) -> Result<UrlTemplate, Wrong> {
        let base = self.source.trim_end_matches('/');
        if literal_parts(base).any(|(_, part)| part.contains('?')) {
            let help = "write it without `?` and what follows, or write this one out";
            return Err(Wrong::new(
                "nothing can be added to the destination's url, for it has a query",
                0..below.len(),
                help,
            ));
        }
        UrlTemplate::parse(&format!("{base}{below}")).map_err(|wrong| Wrong {
            at: wrong.at.start.saturating_sub(base.len())..wrong.at.end.saturating_sub(base.len()),
            ..wrong
        })
    }

    /// How long it is as it was written, in bytes.
    pub fn source_len(&self) -> usize {
        self.source.len()
    }

    /// Whether requests go to the same scheme, host and port, for every event.
    pub fn goes_where(&self, other: &UrlTemplate) -> bool {
        let of =
            |url: &Url| (url.scheme().to_owned(), url.host().map(|host| host.to_string()), url.port_or_known_default());
        of(&self.origin) == of(&other.origin)
    }

    /// The URL for this event.
    ///
    /// # Errors
    /// What could not be evaluated, and why; or that what a lead says would lead elsewhere.
    pub fn render(&self, context: &Context) -> Result<Url, RenderError> {
        let marked = self.text.render(context)?;
        let text: String = marked.chars().filter(|c| *c != MARK_BEGIN && *c != MARK_END).collect();
        self.check_path(&marked)?;
        let url = Url::parse(&text).map_err(|_| refused("makes no address", "look at what the expressions give"))?;
        let same = url.scheme() == self.origin.scheme()
            && url.host() == self.origin.host()
            && url.port() == self.origin.port()
            && url.username() == self.origin.username()
            && url.password() == self.origin.password();
        if !same || url.fragment().is_some() {
            return Err(refused("leads to another place than the file says", "take `| safe` out of the address"));
        }
        Ok(url)
    }

    /// No segment of the path may be empty, or lead upward, because of what an event says.
    fn check_path(&self, marked: &str) -> Result<(), RenderError> {
        let begin = marked.find("://").map_or(0, |i| i + 3);
        let path = marked[begin..].find('/').map_or("", |i| &marked[begin + i + 1..]);
        let path = path.find('?').map_or(path, |end| &path[..end]);
        for segment in path.split('/').filter(|segment| segment.contains(MARK_BEGIN)) {
            let text: String = segment.chars().filter(|c| *c != MARK_BEGIN && *c != MARK_END).collect();
            if text.is_empty() {
                let help = "give it something to fall back on, for example {{ client_lead_id | default(weclever_lead_id) }}, \
                            or choose events in which it is there with `when`";
                return Err(refused("a part of the path would be empty", help));
            }
            if leads_upward(&text) {
                let help = "use something that is a number or an id, or put it into the query";
                return Err(refused("a part of the path would be `.` or `..`, which leads elsewhere", help));
            }
        }
        Ok(())
    }

    /// Whether it is the same for every event.
    pub fn is_literal(&self) -> bool {
        self.text.is_literal()
    }

    /// The URL up to its path: where requests go, for every event.
    pub fn origin(&self) -> &Url {
        &self.origin
    }

    /// Whose URL it is; `None`: it is one of HTTP.
    pub fn broker(&self) -> Option<Broker> {
        Broker::of_scheme(self.origin.scheme())
    }

    /// What it looks up.
    pub fn names(&self) -> &[Name] {
        self.text.names()
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A secret may be in it.
        f.write_str("UrlTemplate(..)")
    }
}

/// Servers decode before they look, some of them twice, and some take an encoded slash for one.
fn leads_upward(segment: &str) -> bool {
    let mut text = segment.to_owned();
    for _ in 0..3 {
        if text.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return true;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    text.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

/// What stands outside of `{{ }}`, `{% %}` and `{# #}`, with where it begins.
fn literal_parts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= text.len() {
            return None;
        }
        let rest = &text[at..];
        let begin = at;
        let marks = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
        let next = marks.iter().filter_map(|(open, close)| rest.find(open).map(|i| (i, *close))).min();
        let (length, skip) = match next {
            Some((i, close)) => (i, rest[i..].find(close).map_or(rest.len() - i, |end| end + close.len())),
            None => (rest.len(), 0),
        };
        at += length + skip;
        Some((begin, &rest[..length]))
    })
}

fn fragment(text: &str, at: std::ops::Range<usize>) -> Wrong {
    let at = text.get(at.clone()).and_then(|part| part.find('#')).map_or(at.clone(), |i| at.start + i..at.end);
    Wrong::new("has a part behind `#`, which is never sent", at, "take `#` and what follows out, or write %23")
}

fn refused(message: &str, help: &str) -> RenderError {
    RenderError { leaf: None, message: message.to_owned(), help: Some(help.to_owned()) }
}
