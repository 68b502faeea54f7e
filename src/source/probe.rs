//! Asking to find out how WeClever wants to be asked: what is told of an answer besides what it holds.
//!
//! Requests go through the same gate as all others. Nothing is renewed and nothing is tried again: a refusal is an answer, too.

use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use reqwest::RequestBuilder;
use url::Url;

use super::{Answer, Asked, Inner, Refused, Source, SourceError, header_value};
use super::{LEAD_LIMIT, LIST_LIMIT, Listing, TOKEN_LIMIT, wire};
use crate::config::Access;
use crate::domain::lead::{Lead, LeadId};
use crate::domain::secret::Secret;

/// How to ask, whatever the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Where the token goes; `None`: none is sent.
    pub carrying: Option<Carrying>,
    /// How `+` in the dates goes over the wire: as it is, or as `%2B`.
    pub encode_plus: bool,
}

/// Where the token goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrying {
    /// The header.
    pub header: HeaderName,
    /// What stands before the token; empty: the bare token.
    pub scheme: String,
}

/// An answer, or that there was none, and what was told beside it.
#[derive(Debug)]
pub struct Heard<T> {
    /// What it holds, or why there is no use in it.
    pub read: Result<T, SourceError>,
    /// Its status, where there was an answer.
    pub status: Option<u16>,
    /// Its `Date`, in whole seconds.
    pub date: Option<Timestamp>,
    /// When the request went, on this machine's clock ...
    pub sent: Timestamp,
    /// ... and when the answer began.
    pub back: Timestamp,
}

impl Source {
    /// Asks for a token with the file's user name and password, and hands it over. It is not kept for other requests.
    pub async fn hear_token(&self) -> Heard<Secret> {
        let inner = &*self.0;
        let request = inner.client.get(inner.token_address.clone());
        let request = match &inner.access {
            Access::Basic { username, password, .. } => request.basic_auth(username.expose(), Some(password.expose())),
            Access::Token(_) => request,
        };
        inner
            .hear(Asked::Token, request, TOKEN_LIMIT, |asked, answer| {
                inner.understood(asked, answer, wire::token(&answer.body))
            })
            .await
    }

    /// The leads finalized between two dates, asked for in this manner.
    pub async fn hear_list(&self, manner: &Manner, token: &Secret, first: &str, last: &str) -> Heard<Listing> {
        let inner = &*self.0;
        let asked = Asked::List { first: first.to_owned(), last: last.to_owned() };
        let request = inner.request(inner.addresses.list_as(first, last, manner.encode_plus), manner, token);
        inner
            .hear(asked, request, LIST_LIMIT, |asked, answer| {
                inner.understood(asked, answer, wire::listing(&answer.body))
            })
            .await
    }

    /// The details of one lead, asked for in this manner.
    pub async fn hear_lead(&self, manner: &Manner, token: &Secret, id: LeadId) -> Heard<Lead> {
        let inner = &*self.0;
        let request = inner.request(inner.addresses.lead(id), manner, token);
        inner.hear(Asked::Lead(id), request, LEAD_LIMIT, |asked, answer| inner.lead_of(asked, answer)).await
    }
}

impl Inner {
    fn request(&self, address: Url, manner: &Manner, token: &Secret) -> RequestBuilder {
        let request = self.client.get(address);
        let Some(carrying) = &manner.carrying else { return request };
        match header_value(&carrying.scheme, token) {
            Some(value) => request.header(&carrying.header, value),
            // What no header can carry is not sent, and the refusal says the rest.
            None => request,
        }
    }

    async fn hear<T>(
        &self,
        asked: Asked,
        request: RequestBuilder,
        limit: usize,
        read: impl FnOnce(&Asked, &Answer) -> Result<T, SourceError>,
    ) -> Heard<T> {
        let entered = self.gate.enter().await;
        let sent = Timestamp::now();
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let read = Err(self.no_answer(&asked, &error));
                return Heard { read, status: None, date: None, sent, back: Timestamp::now() };
            }
        };
        let back = Timestamp::now();
        let (status, date) = (Some(response.status().as_u16()), response.headers().get(header::DATE).and_then(date));
        let answer = self.judge(&asked, entered, response, limit).await;
        let read = answer.and_then(|answer| match answer {
            Ok(answer) => read(&asked, &answer),
            Err(status) => Err(self.refused(&asked, status, self.what_was_refused(&asked))),
        });
        Heard { read, status, date, sent, back }
    }

    fn what_was_refused(&self, asked: &Asked) -> Refused {
        match (&self.access, asked) {
            (Access::Token(_), _) => Refused::GivenToken,
            (Access::Basic { .. }, Asked::Token) => Refused::Password,
            (Access::Basic { .. }, _) => Refused::FreshToken,
        }
    }
}

pub(super) fn date(value: &HeaderValue) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(value.to_str().ok()?).ok()?).ok()
}
