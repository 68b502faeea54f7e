//! A request as it leaves: put into what its destination wants, and signed. All of it is made anew for each attempt.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, Method};
use jiff::Timestamp;

use super::aws::{AwsSigV4, sqs};
use super::destination::Destination;
use super::form::Wrap;
use super::request::Request;
use super::secret::{Secret, SecretUrl};
use super::sign::SigningSecret;

/// What keeps together what leadhook tells of itself, which is about no lead.
const OF_ITSELF: &str = "leadhook";

/// What goes on the wire.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// `POST`, unless the file says otherwise.
    pub method: Method,
    /// Where it goes.
    pub url: SecretUrl,
    /// All but what HTTP itself needs.
    pub headers: Vec<(HeaderName, Secret)>,
    /// A person's data.
    pub body: super::request::Body,
}

/// What a destination puts around each of its requests.
#[derive(Clone, Debug)]
pub struct Finish {
    secrets: Vec<SigningSecret>,
    wrap: Option<Wrap>,
    aws: Option<AwsSigV4>,
}

impl Finish {
    /// As this destination wants it.
    pub fn of(destination: &Destination) -> Finish {
        Finish { secrets: destination.secrets.clone(), wrap: destination.form.wrap, aws: destination.aws().cloned() }
    }

    /// The request as it leaves at `now`, under the event's `id`.
    pub fn outgoing(&self, id: &str, request: Request, now: Timestamp) -> Outgoing {
        match self.wrap {
            Some(Wrap::Sqs) => self.message(id, request, now),
            None => {
                let headers = request.headers_for(&self.secrets, id, now);
                let Request { method, url, body, .. } = request;
                self.signed(Outgoing { method, url, headers, body }, now)
            }
        }
    }

    /// A call of SQS's API that is about a queue and no event.
    pub fn call(&self, call: sqs::Call, now: Timestamp) -> Outgoing {
        let sqs::Call { method, url, headers, body } = call;
        self.signed(Outgoing { method, url: SecretUrl::new(url), headers, body: super::request::Body(body) }, now)
    }

    fn message(&self, id: &str, mut request: Request, now: Timestamp) -> Outgoing {
        // Before it is signed: what SQS would change on the way is changed here.
        request.body = sqs::carried(request.body);
        let is_own = |name: &HeaderName| request.headers.iter().any(|(own, _)| own == name);
        let mut attributes = request.headers_for(&self.secrets, id, now);
        // They speak of the HTTP request, which this is not.
        attributes.retain(|(name, _)| is_own(name) || ![CONTENT_TYPE, USER_AGENT].contains(name));
        let group = request.key.as_deref().unwrap_or(OF_ITSELF);
        let message = sqs::Message { id, group, body: &request.body, attributes };
        self.call(sqs::send_message(request.url.expose(), &message), now)
    }

    fn signed(&self, mut outgoing: Outgoing, now: Timestamp) -> Outgoing {
        if let Some(aws) = &self.aws {
            let Outgoing { method, url, headers, body } = &outgoing;
            let own = aws.headers_for(method, url.expose(), headers, &body.0, now);
            outgoing.headers.retain(|(name, _)| !own.iter().any(|(mine, _)| mine == name));
            outgoing.headers.extend(own);
        }
        outgoing
    }
}
