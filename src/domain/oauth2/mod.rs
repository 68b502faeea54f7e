//! OAuth 2.0 (RFC 6749): how tokens for a destination are asked for, what is answered, and when a new one is due.
//!
//! Nothing here waits or sends: [`request`] says what to send to the token URL, [`answer`] what came back, [`kept`] what is
//! to be remembered and done, and [`sign_in`] what a person's browser is told.

pub mod answer;
pub mod kept;
pub mod request;
pub mod sign_in;

use std::time::Duration;

use sha2::{Digest, Sha256};
use url::Url;

use super::secret::{Secret, SecretUrl, is_telling};

/// How a destination's tokens are had. All values have been checked.
#[derive(Clone, Debug)]
pub struct OAuth2 {
    /// Where tokens are asked for.
    pub token_url: SecretUrl,
    /// On what grounds.
    pub grant: Grant,
    /// Who leadhook is there.
    pub client_id: String,
    /// And what shows that it is; `None` for a public client.
    pub client_secret: Option<Secret>,
    /// How the two are shown.
    pub client_auth: ClientAuth,
    /// How a request for a token is written.
    pub encoding: Encoding,
    /// What the token may be used for.
    pub scope: Option<String>,
    /// Tells sign-ins apart that have everything else in common: one application, several accounts.
    pub account: Option<String>,
    /// Further parameters of every request for a token; one replaces ours of the same name.
    pub token_params: Vec<(String, Secret)>,
    /// The refresh token that the file gives.
    pub refresh_token: Option<Secret>,
    /// Where a person signs in.
    pub authorize: Option<Authorize>,
    /// Where the browser comes back to; `None`: not named, for codes that are had without a browser.
    pub redirect_url: Option<Url>,
    /// What stands before the token in the `Authorization` header; not empty.
    pub scheme: String,
    /// Where in a token's answer the URL stands that replaces scheme, host and port of the destination's.
    pub base_url_at: Option<String>,
    /// How long a token lives where its answer does not say.
    pub expires_in: Option<Duration>,
}

/// On what grounds tokens are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The application's own: RFC 6749, section 4.4.
    ClientCredentials,
    /// A person's, who signed in once: sections 4.1 and 6.
    RefreshToken,
}

impl Grant {
    /// As the file has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Grant::ClientCredentials => "client_credentials",
            Grant::RefreshToken => "refresh_token",
        }
    }
}

/// How the application shows who it is: RFC 6749, section 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// As parameters.
    Body,
    /// In an `Authorization: Basic` header.
    Basic,
}

/// How a request for a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`, as RFC 6749 wants it.
    Form,
    /// As JSON, as some vendors want it.
    Json,
}

/// Where a person signs in.
#[derive(Clone, Debug)]
pub struct Authorize {
    /// The page.
    pub url: SecretUrl,
    /// Further parameters; one replaces ours of the same name.
    pub params: Vec<(String, String)>,
    /// Whether the code is bound to this sign-in: RFC 7636.
    pub pkce: bool,
}

/// Names a token: whoever has the same key shares it.
///
/// Of a sign-in, that is the token URL, the client, the scope and the account, and nothing that one would change while it
/// stays the same sign-in. An application's own tokens are also told apart by the parameters they are asked for with, as
/// `audience` is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenKey(pub [u8; 16]);

impl OAuth2 {
    /// The token's name.
    pub fn key(&self) -> TokenKey {
        let mut scope: Vec<&str> = self.scope.as_deref().unwrap_or_default().split_whitespace().collect();
        scope.sort_unstable();
        let scope = scope.join(" ");
        let account = self.account.as_deref().unwrap_or_default();
        let url = self.token_url.expose().as_str();
        let mut parts = vec![self.grant.as_str(), url, &self.client_id, &scope, account];
        if self.grant == Grant::ClientCredentials {
            parts.extend(self.token_params.iter().flat_map(|(name, value)| [name.as_str(), value.expose()]));
        }
        TokenKey(digest(&parts))
    }

    /// What nobody may see of it.
    pub fn secrets(&self) -> Vec<Secret> {
        let given = self.client_secret.iter().chain(&self.refresh_token);
        let basic = match (self.client_auth, &self.client_secret) {
            (ClientAuth::Basic, Some(secret)) => Some(Secret::new(request::basic(&self.client_id, secret))),
            _ => None,
        };
        let params = self.token_params.iter().filter(|(name, _)| is_telling(name)).map(|(_, value)| value);
        given.chain(params).cloned().chain(basic).collect()
    }

    /// The first part of a refresh token's digest, by which the file's own is known again.
    pub fn given_digest(&self) -> Option<[u8; 16]> {
        self.refresh_token.as_ref().map(|token| digest(&[token.expose()]))
    }
}

/// A digest of texts in their order, each with its length: no two lists have the same.
fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Signed in by hand at a host of no one.
    pub(crate) fn signed_in() -> OAuth2 {
        OAuth2 {
            token_url: SecretUrl::new("https://auth.example.com/token".parse().expect("a URL")),
            grant: Grant::RefreshToken,
            client_id: "s6BhdRkqt3".into(),
            client_secret: Some(Secret::new("7Fjfp0ZBr1KtDRbnfVdmIw")),
            client_auth: ClientAuth::Body,
            encoding: Encoding::Form,
            scope: None,
            account: None,
            token_params: Vec::new(),
            refresh_token: None,
            authorize: None,
            redirect_url: None,
            scheme: "Bearer".into(),
            base_url_at: None,
            expires_in: None,
        }
    }

    #[test]
    fn a_token_is_shared_by_what_makes_it_the_same() {
        let one = signed_in();
        let same = [
            OAuth2 { client_secret: Some(Secret::new("another")), ..one.clone() },
            OAuth2 { refresh_token: Some(Secret::new("r")), base_url_at: Some("/x".into()), ..one.clone() },
            OAuth2 { token_params: vec![("a".into(), Secret::new("b"))], ..one.clone() },
        ];
        assert!(same.iter().all(|other| other.key() == one.key()));
        let own = OAuth2 { grant: Grant::ClientCredentials, ..one.clone() };
        let others = [
            OAuth2 { client_id: "x".into(), ..one.clone() },
            OAuth2 { scope: Some("a".into()), ..one.clone() },
            OAuth2 { account: Some("a".into()), ..one.clone() },
            OAuth2 { token_url: SecretUrl::new("https://auth.example.com/".parse().expect("a URL")), ..one.clone() },
            OAuth2 { token_params: vec![("audience".into(), Secret::new("b"))], ..own.clone() },
            own,
        ];
        let mut keys: Vec<TokenKey> = others.iter().map(OAuth2::key).chain([one.key()]).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
        // The order of a scope's words says nothing: RFC 6749, section 3.3.
        let scope = |text: &str| OAuth2 { scope: Some(text.into()), ..one.clone() }.key();
        assert_eq!(scope("a b"), scope(" b  a"));
    }

    #[test]
    fn its_debug_output_holds_no_secret() {
        let given = OAuth2 { refresh_token: Some(Secret::new("planted-1")), ..signed_in() };
        let printed = format!("{given:?}");
        assert!(!printed.contains("planted") && !printed.contains("7Fjfp0"), "{printed}");
    }
}
