//! The way to a destination, with the token that it wants.

use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

use super::keeper::{Renewal, Token};
use super::{Keeper, NoToken};
use crate::domain::clock;
use crate::domain::destination::Destination;
use crate::domain::oauth2::OAuth2;
use crate::domain::outcome::{Answer, Response};
use crate::domain::request::Request;
use crate::domain::secret::{Secret, SecretUrl};
use crate::domain::veil::Veil;
use crate::transport::{Sent, Transport};

/// A destination's transport, and whoever keeps its token.
pub struct Way {
    transport: Arc<Transport>,
    guarded: Option<Guarded>,
}

struct Guarded {
    keeper: Keeper,
    scheme: String,
    base_url_at: Option<String>,
    /// The destination's own URL leads to this machine, unencrypted: so may what replaces it.
    plain: bool,
}

/// What a request needs to be let through: nothing, or a token.
pub struct Pass(Option<(Token, Option<Url>)>);

impl Way {
    /// The way to this destination. `keeper`: of its token, where it wants one.
    pub fn new(transport: Arc<Transport>, destination: &Destination, keeper: Option<Keeper>) -> Way {
        let guarded = destination.oauth2().zip(keeper).map(|(oauth2, keeper): (&OAuth2, _)| Guarded {
            keeper,
            scheme: oauth2.scheme.clone(),
            base_url_at: oauth2.base_url_at.clone(),
            plain: is_plain(destination.form.url.origin()),
        });
        Way { transport, guarded }
    }

    /// What it sends by.
    pub fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.transport)
    }

    /// What the next request needs. May take as long as it takes to have a token.
    ///
    /// # Errors
    /// Without a token nothing is to be sent: this is what the attempt has come to, and how long that took.
    pub async fn pass(&self) -> Result<Pass, Sent> {
        let Some(guarded) = &self.guarded else { return Ok(Pass(None)) };
        let began = Instant::now();
        match guarded.pass().await {
            Ok(pass) => Ok(pass),
            Err(none) => Err(Sent { answer: none.answer(), took: began.elapsed() }),
        }
    }

    /// Makes one attempt, as [`Transport::send`] does. A token that is refused is renewed, and the request sent once more.
    ///
    /// A token that the destination repeats is taken out of its answer, which will be kept.
    pub async fn send(&self, pass: Pass, id: &str, request: Request, now: Timestamp) -> Sent {
        let (Some(guarded), Pass(Some((token, base)))) = (&self.guarded, pass) else {
            return self.transport.send(id, request, now).await;
        };
        let began = Instant::now();
        let first = guarded.show(request.clone(), &token, base.as_ref());
        let sent = veiled(self.transport.send(id, first, now).await, &token);
        if !matches!(&sent.answer, Answer::Got(Response { status: 401, .. })) {
            return sent;
        }
        let answer = match guarded.another(&token).await {
            Ok(None | Some(Pass(None))) => sent.answer,
            Ok(Some(Pass(Some((token, base))))) => {
                let again = guarded.show(request, &token, base.as_ref());
                veiled(self.transport.send(id, again, clock::after(now, began.elapsed())).await, &token).answer
            }
            Err(none) => none.answer(),
        };
        Sent { answer, took: began.elapsed() }
    }
}

impl Guarded {
    async fn pass(&self) -> Result<Pass, NoToken> {
        let token = self.keeper.token().await?;
        let Some(pointer) = &self.base_url_at else { return Ok(Pass(Some((token, None)))) };
        // A token from before the file has asked for its URL says nothing of it.
        let token = match token.text(pointer) {
            Some(_) => token,
            None => match self.keeper.renew(&token).await? {
                Renewal::Again(token) => token,
                Renewal::JustRenewed => token,
            },
        };
        let base = self.base(&token, pointer)?;
        Ok(Pass(Some((token, Some(base)))))
    }

    /// A pass with another token than the one that was refused; `None`: it has just been renewed.
    async fn another(&self, refused: &Token) -> Result<Option<Pass>, NoToken> {
        match self.keeper.renew(refused).await? {
            Renewal::Again(_) => self.pass().await.map(Some),
            Renewal::JustRenewed => Ok(None),
        }
    }

    fn base(&self, token: &Token, pointer: &str) -> Result<Url, NoToken> {
        let refuse = |what: &str| {
            let said = format!("the answer that the token came with has {what} at {pointer}; look at base_url_at");
            NoToken { said, needs_person: false }
        };
        let Some(text) = token.text(pointer) else { return Err(refuse("no text")) };
        match Url::parse(text) {
            Ok(url) if url.has_host() && (url.scheme() == "https" || self.plain && is_plain(&url)) => Ok(url),
            // Leads and tokens would go there in the open.
            Ok(url) if url.scheme() == "http" => Err(refuse("a URL that does not begin with https://")),
            _ => Err(refuse("no URL")),
        }
    }

    /// The request with its token, and where the token is good.
    fn show(&self, request: Request, token: &Token, base: Option<&Url>) -> Request {
        let mut request = request;
        let value = Secret::new(format!("{} {}", self.scheme, token.secret().expose()));
        request.headers.retain(|(name, _): &(HeaderName, Secret)| name != AUTHORIZATION);
        request.headers.push((AUTHORIZATION, value));
        if let Some(base) = base {
            request.url = SecretUrl::new(moved(request.url.expose(), base));
        }
        request
    }
}

/// The URL with another's scheme, host and port.
fn moved(url: &Url, to: &Url) -> Url {
    let mut moved = url.clone();
    // Both are http or https, and both have a host: none of this can fail. The port comes last, for a scheme's own is
    // dropped.
    let _ = moved.set_scheme(to.scheme());
    let _ = moved.set_host(to.host_str());
    let _ = moved.set_port(to.port());
    moved
}

/// Whether it is unencrypted and leads to this machine.
fn is_plain(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && loopback
}

/// The same without the token, wherever the answer repeats it.
fn veiled(sent: Sent, token: &Token) -> Sent {
    let Answer::Got(mut response) = sent.answer else { return sent };
    let veil = Veil::new([(token.secret().clone(), "***".to_owned())]);
    for (_, value) in &mut response.headers {
        *value = veil.answer(value, false);
    }
    let text = String::from_utf8_lossy(&response.body);
    let shown = veil.answer(&text, response.cut);
    if shown != text {
        response.body = shown.into_bytes();
    }
    Sent { answer: Answer::Got(response), took: sent.took }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_replaced() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        for (own, base, expected) in [
            (
                "https://login.example.com/v1/leads?a=b",
                "https://eu1.example.com",
                "https://eu1.example.com/v1/leads?a=b",
            ),
            ("https://a.example.com:8443/x", "https://b.example.com/ignored?q", "https://b.example.com/x"),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:2/", "http://127.0.0.1:2/x"),
            ("http://127.0.0.1:1/x", "https://b.example.com:444", "https://b.example.com:444/x"),
        ] {
            assert_eq!(moved(&url(own), &url(base)).as_str(), expected);
        }
    }

    #[test]
    fn what_is_plain() {
        for (text, plain) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("https://127.0.0.1/", false),
            ("http://example.com/", false),
        ] {
            assert_eq!(is_plain(&Url::parse(text).expect("a URL")), plain, "{text}");
        }
    }
}
