//! What a destination makes of an event: its form for a request, filled in with one event.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ::url::Url;
use http::{HeaderName, Method};

use super::auth::Auth;
use super::cut;
use super::fields::Fields;
use super::outcome;
use super::queue;
use super::raw;
use super::request::{self, JSON, Request};
use super::retry::Death;
use super::secret::{Secret, SecretUrl};
use super::size;
use super::template::{Context, HeaderTemplate, InStep, Name, Place, Text, Tree, UrlTemplate};

/// What a destination, or a destination and one of its routes, makes of an event.
#[derive(Clone, Debug)]
pub struct Form {
    /// `POST`, unless the file says otherwise.
    pub method: Method,
    /// Its scheme, host and port stand fast.
    pub url: UrlTemplate,
    /// The file's own, in its order.
    pub headers: Vec<(HeaderName, HeaderTemplate)>,
    /// How the destination knows us.
    pub auth: Option<Auth>,
    /// What of the event may leave at all; `None`: everything.
    pub fields: Option<Fields>,
    /// The body.
    pub body: BodyForm,
    /// How a lead's texts are made harmless there.
    pub escape: Place,
    /// How large a body may be; `None`: no limit.
    pub limit: Option<Limit>,
    /// What the request is put into when it is sent; `None`: it is sent as it is.
    pub wrap: Option<Wrap>,
    /// What templates know as `settings`.
    pub settings: Arc<BTreeMap<String, String>>,
}

/// What the body is.
#[derive(Clone, Debug)]
pub enum BodyForm {
    /// The event's envelope as it is.
    Envelope,
    /// There is none: the request only asks.
    Nothing,
    /// JSON, whose leaves are templates.
    Json(Tree),
    /// Text of another kind.
    Text {
        /// The template.
        text: Text,
        /// As in `application/xml`.
        content_type: String,
    },
}

/// What a request is put into when it is sent. Its body and its signature stay what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// A call of Amazon SQS's API, which puts it into the queue of the request's URL.
    Sqs,
}

/// How large a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// In bytes.
    pub bytes: usize,
    /// What becomes of a larger one.
    pub over: OverLimit,
}

/// What becomes of a body over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// The oldest messages are left out, with a mark, until it fits.
    Cut,
    /// The delivery is dead at once.
    Dead,
}

/// Why no request could be made of an event. Never holds the lead's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A template could not be filled in.
    #[error("{part} cannot be filled in: {reason}; mend it in the file, try it with `leadhook route test`")]
    Unrenderable {
        /// `the body`, `the url`, `the header x-lead`.
        part: String,
        /// Why, without the lead's data.
        reason: String,
    },
    /// Too large for the destination, whatever is left out.
    #[error("the body is {}, and the destination takes {}; {remedy}", size::format(*.bytes as u64), size::format(*.limit as u64))]
    TooLarge {
        /// As it would have been sent.
        bytes: usize,
        /// What the destination takes.
        limit: usize,
        /// What would make it fit.
        remedy: &'static str,
    },
}

impl Unfit {
    /// That this part of a request could not be filled in.
    pub fn unrenderable(part: &dyn fmt::Display, reason: &dyn fmt::Display) -> Unfit {
        Unfit::Unrenderable { part: part.to_string(), reason: reason.to_string() }
    }

    /// The same, told of one of several steps.
    pub fn at_step(self, step: &str) -> Unfit {
        match self {
            Unfit::Unrenderable { part, reason } => {
                Unfit::Unrenderable { part: format!("{part} of the step {step}"), reason }
            }
            too_large @ Unfit::TooLarge { .. } => too_large,
        }
    }

    /// The same to whoever has a dead letter of it.
    pub fn of_the_dead(&self) -> String {
        format!("{self}, then `leadhook dead retry`")
    }

    /// What the delivery dies of.
    pub fn death(&self) -> Death {
        match self {
            Unfit::Unrenderable { .. } => Death::Unrenderable,
            Unfit::TooLarge { .. } => Death::TooLarge,
        }
    }
}

/// The lead's id, out of an event's envelope.
fn key_of(envelope: &[u8]) -> Option<String> {
    let envelope = std::str::from_utf8(envelope).ok()?;
    raw::at(envelope, &["data", "weclever_lead_id"]).map(str::to_owned)
}

impl Form {
    /// Renders the form with an event: `envelope` is its JSON text, which is taken as it is where nothing changes it.
    ///
    /// # Errors
    /// A template cannot be filled in, or the body is too large.
    pub fn render(&self, id: &str, envelope: Vec<u8>) -> Result<Request, Unfit> {
        // Whatever `fields` lets out.
        let is_for_queue = self.url.broker().is_some() || self.wrap.is_some();
        let key = is_for_queue.then(|| key_of(&envelope)).flatten();
        let envelope = match &self.fields {
            Some(fields) => fields.apply(&envelope),
            None => envelope,
        };
        Ok(Request { key, ..self.fit(id, envelope, None)? })
    }

    /// The same for one of several steps, whose fields have been applied.
    ///
    /// # Errors
    /// As above.
    pub fn render_step(&self, id: &str, envelope: Vec<u8>, step: &InStep<'_>) -> Result<Request, Unfit> {
        self.fit(id, envelope, Some(step))
    }

    fn fit(&self, id: &str, envelope: Vec<u8>, step: Option<&InStep<'_>>) -> Result<Request, Unfit> {
        let Some(limit) = self.limit else { return self.make(id, envelope, step) };
        if let (BodyForm::Envelope, true) = (&self.body, envelope.len() <= limit.bytes) {
            return self.make(id, envelope, step);
        }
        let whole = self.make(id, envelope.clone(), step)?;
        let bytes = whole.body.0.len();
        if bytes <= limit.bytes {
            return Ok(whole);
        }
        let too_large = |remedy| Unfit::TooLarge { bytes, limit: limit.bytes, remedy };
        if limit.over == OverLimit::Dead {
            return Err(too_large("write over_max_body = \"cut\", fewer `fields`, or payload = \"thin\""));
        }
        self.largest_fit(id, &envelope, limit.bytes, step)?.ok_or_else(|| {
            too_large("write fewer `fields` or payload = \"thin\", for leaving out messages is not enough")
        })
    }

    /// With as many of the newest messages as fit; `None` where it is too large without any.
    fn largest_fit(
        &self,
        id: &str,
        envelope: &[u8],
        limit: usize,
        step: Option<&InStep<'_>>,
    ) -> Result<Option<Request>, Unfit> {
        let (mut fits, mut low, mut high) = (None, 0, cut::messages(envelope));
        while low < high {
            let keep = low.midpoint(high);
            let made = self.make(id, cut::keep_newest(envelope, keep), step)?;
            if made.body.0.len() <= limit {
                (fits, low) = (Some(made), keep + 1);
            } else {
                high = keep;
            }
        }
        Ok(fits)
    }

    /// What the templates of this form know of an event.
    ///
    /// # Errors
    /// The event cannot be read by templates.
    pub fn context(&self, id: &str, envelope: &[u8], step: Option<&InStep<'_>>) -> Result<Context, Unfit> {
        let context = Context::of(id, envelope).map_err(|reason| Unfit::unrenderable(&"the event", &reason))?;
        let context = context.with_settings(&self.settings);
        Ok(match step {
            Some(step) => context.in_step(step),
            None => context,
        })
    }

    fn make(&self, id: &str, envelope: Vec<u8>, step: Option<&InStep<'_>>) -> Result<Request, Unfit> {
        let unrenderable = Unfit::unrenderable;
        // Reading the event is the dear part, and mostly nothing wants to see it.
        let seen: &[u8] = if self.is_literal() { b"{}" } else { &envelope };
        let context = &self.context(id, seen, step)?;

        let mut url = self.url.render(context).map_err(|reason| unrenderable(&"the url", &reason))?;
        let mut headers: Vec<(HeaderName, Secret)> = Vec::with_capacity(self.headers.len() + 1);
        if let Some(auth) = &self.auth {
            headers.extend(auth.header());
            if let Some((name, value)) = auth.query() {
                url.query_pairs_mut().append_pair(name, value.expose());
            }
        }
        for (name, value) in &self.headers {
            let value = value.render(context);
            let value = value.map_err(|reason| unrenderable(&format!("the header {name}"), &reason))?;
            headers.push((name.clone(), Secret::new(String::from_utf8_lossy(value.as_bytes()))));
        }
        let the_body = |reason: &dyn fmt::Display| unrenderable(&"the body", reason);
        let (body, content_type) = match &self.body {
            BodyForm::Envelope => (envelope, Some(JSON.to_owned())),
            BodyForm::Nothing => (Vec::new(), None),
            BodyForm::Json(tree) => {
                let json = tree.render(context).map_err(|reason| the_body(&reason))?;
                // A JSON value in memory has nothing that could fail to be written.
                (serde_json::to_vec(&json).unwrap_or_default(), Some(JSON.to_owned()))
            }
            BodyForm::Text { text, content_type } => {
                let text = text.render(context).map_err(|reason| the_body(&reason))?;
                (text.into_bytes(), Some(content_type.clone()))
            }
        };
        if self.url.broker().is_some() {
            queue::Place::of(&url).map_err(|reason| unrenderable(&"the url", &reason))?;
        }
        let (method, url) = (self.method.clone(), SecretUrl::new(url));
        Ok(Request { method, url, content_type, headers, body: request::Body(body), read: outcome::READ, key: None })
    }

    /// Where it goes, fit to be shown anywhere: a path is often the secret.
    pub fn shown_url(&self) -> String {
        match self.literal_url() {
            Some(url) => SecretUrl::new(url).to_string(),
            None => format!("{}/***", SecretUrl::new(self.url.origin().clone())),
        }
    }

    /// Where it goes, if that is the same for every event.
    pub fn literal_url(&self) -> Option<Url> {
        let context = self.url.is_literal().then(|| Context::of("", b"{}").ok()).flatten()?;
        self.url.render(&context).ok()
    }

    /// The headers that are the same for every event, with their values.
    pub fn literal_headers(&self) -> Vec<(&HeaderName, Secret)> {
        let Ok(context) = Context::of("", b"{}") else { return Vec::new() };
        let literal = self.headers.iter().filter(|(_, value)| value.is_literal());
        let value = |value: &HeaderTemplate| value.render(&context).ok();
        let shown = literal.filter_map(|(name, template)| Some((name, value(template)?)));
        shown.map(|(name, value)| (name, Secret::new(String::from_utf8_lossy(value.as_bytes())))).collect()
    }

    /// Whether nothing of the event goes into anything but the body, which is the envelope: by far the most frequent
    /// form, for which the event need not be read.
    fn is_literal(&self) -> bool {
        matches!(self.body, BodyForm::Envelope | BodyForm::Nothing)
            && self.url.is_literal()
            && self.headers.iter().all(|(_, value)| value.is_literal())
    }

    /// What its templates look up.
    pub fn names(&self) -> Vec<&Name> {
        let body: Vec<&Name> = match &self.body {
            BodyForm::Envelope | BodyForm::Nothing => Vec::new(),
            BodyForm::Json(tree) => tree.names().into_iter().map(|(_, name)| name).collect(),
            BodyForm::Text { text, .. } => text.names().iter().collect(),
        };
        let headers = self.headers.iter().flat_map(|(_, value)| value.names());
        self.url.names().iter().chain(headers).chain(body).collect()
    }

    /// The same destination's form for a route that has its own body, or lets less leave.
    pub fn for_route(&self, fields: Option<&Fields>, body: Option<&BodyForm>) -> Form {
        let mut form = self.clone();
        form.fields = match (form.fields.take(), fields) {
            (Some(ours), Some(theirs)) => Some(ours.intersect(theirs)),
            (ours, theirs) => ours.or_else(|| theirs.cloned()),
        };
        if let Some(body) = body {
            form.body = body.clone();
        }
        form
    }
}
