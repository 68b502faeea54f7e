//! `auth`: how a request shows that it may come in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::AUTHORIZATION;

use super::aws::AwsSigV4;
use super::oauth2::OAuth2;
use super::secret::Secret;

/// What a destination wants to see. All values are fit for the place where they go.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `Authorization: Bearer TOKEN`
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `Authorization: Basic` and both, packed.
    Basic {
        /// Holds no colon.
        username: Secret,
        /// Any characters.
        password: Secret,
    },
    /// A header of any name: `X-Api-Key: VALUE`, `Authorization: Token VALUE`.
    Header {
        /// Its name.
        name: HeaderName,
        /// What stands before the value, if anything.
        scheme: Option<String>,
        /// The key itself.
        value: Secret,
    },
    /// A parameter of the URL: `?api_token=VALUE`.
    Query {
        /// The parameter's name.
        name: String,
        /// The key itself.
        value: Secret,
    },
    /// `Authorization: Bearer TOKEN`, with a token that has to be asked for and ends: it is put in when the request is sent.
    OAuth2(Box<OAuth2>),
    /// A signature that AWS asks for: it is made when the request is sent, over the request and its time.
    AwsSigV4(Box<AwsSigV4>),
}

impl Auth {
    /// Its `type` in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Auth::Bearer { .. } => "bearer",
            Auth::Basic { .. } => "basic",
            Auth::Header { .. } => "header",
            Auth::Query { .. } => "query",
            Auth::OAuth2(_) => "oauth2",
            Auth::AwsSigV4(_) => "aws_sigv4",
        }
    }

    /// The header to send, whole; `None` where there is none, or none before the request is sent.
    pub fn header(&self) -> Option<(HeaderName, Secret)> {
        match self {
            Auth::Bearer { token } => Some((AUTHORIZATION, Secret::new(format!("Bearer {}", token.expose())))),
            Auth::Basic { username, password } => {
                Some((AUTHORIZATION, Secret::new(format!("Basic {}", packed(username.expose(), password.expose())))))
            }
            Auth::Header { name, scheme, value } => {
                let value = match scheme {
                    Some(scheme) => Secret::new(format!("{scheme} {}", value.expose())),
                    None => value.clone(),
                };
                Some((name.clone(), value))
            }
            Auth::Query { .. } | Auth::OAuth2(_) | Auth::AwsSigV4(_) => None,
        }
    }

    /// The header that it sets, now or when the request is sent.
    pub fn header_name(&self) -> Option<HeaderName> {
        match self {
            Auth::Bearer { .. } | Auth::Basic { .. } | Auth::OAuth2(_) | Auth::AwsSigV4(_) => Some(AUTHORIZATION),
            Auth::Header { name, .. } => Some(name.clone()),
            Auth::Query { .. } => None,
        }
    }

    /// How tokens are had, where that is how.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        match self {
            Auth::OAuth2(oauth2) => Some(oauth2),
            _ => None,
        }
    }

    /// The key that its requests are signed with, where AWS asks for that.
    pub fn aws(&self) -> Option<&AwsSigV4> {
        match self {
            Auth::AwsSigV4(aws) => Some(aws),
            _ => None,
        }
    }

    /// What nobody may see, alone and as it is packed: receivers echo what they were sent. A user's name may be the key.
    pub fn secrets(&self) -> Vec<Secret> {
        match self {
            Auth::Bearer { token } => vec![token.clone()],
            Auth::Basic { username, password } => {
                let packed = Secret::new(packed(username.expose(), password.expose()));
                vec![packed, username.clone(), password.clone()]
            }
            Auth::Header { value, .. } | Auth::Query { value, .. } => vec![value.clone()],
            Auth::OAuth2(oauth2) => oauth2.secrets(),
            Auth::AwsSigV4(aws) => aws.secrets(),
        }
    }

    /// The parameter to add to the URL's query, not encoded yet.
    pub fn query(&self) -> Option<(&str, &Secret)> {
        match self {
            Auth::Query { name, value } => Some((name, value)),
            _ => None,
        }
    }
}

/// RFC 7617: both as UTF-8, which is what servers that say anything about it expect.
pub(super) fn packed(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn each_kind_goes_where_it_belongs() {
        let api_key = || HeaderName::from_static("x-api-key");
        let header = |scheme: Option<&str>| Auth::Header {
            name: api_key(),
            scheme: scheme.map(str::to_owned),
            value: secret("k"),
        };
        for (auth, name, value) in [
            (Auth::Bearer { token: secret("t") }, AUTHORIZATION, "Bearer t"),
            // RFC 7617, section 2 and 2.1.
            (
                Auth::Basic { username: secret("Aladdin"), password: secret("open sesame") },
                AUTHORIZATION,
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            (
                Auth::Basic { username: secret("test"), password: secret("123£") },
                AUTHORIZATION,
                "Basic dGVzdDoxMjPCow==",
            ),
            (header(None), api_key(), "k"),
            (header(Some("Token")), api_key(), "Token k"),
        ] {
            let (its, shown) = auth.header().expect("a header");
            assert_eq!((its, shown.expose()), (name, value));
            assert!(auth.query().is_none());
        }
        assert_eq!(header(None).kind(), "header");
        let auth = Auth::Query { name: "api_token".into(), value: secret("a&b") };
        assert!(auth.header().is_none());
        assert_eq!(auth.query().map(|(name, value)| (name, value.expose())), Some(("api_token", "a&b")));
    }

    #[test]
    fn none_prints_its_secret() {
        for auth in [
            Auth::Bearer { token: secret("hunter2") },
            Auth::Basic { username: secret("hunter2"), password: secret("hunter2") },
            Auth::Query { name: "k".into(), value: secret("hunter2") },
        ] {
            assert!(!format!("{auth:?} {:?}", auth.header()).contains("hunter2"));
        }
    }
}
