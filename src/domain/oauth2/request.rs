//! What is sent to the token URL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{ClientAuth, Encoding, OAuth2};
use crate::domain::request::JSON;
use crate::domain::secret::Secret;

const FORM: &str = "application/x-www-form-urlencoded";

/// On what grounds a token is asked for, this time.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The application's own: RFC 6749, section 4.4.2.
    ClientCredentials,
    /// With a refresh token: section 6.
    Refresh(Secret),
    /// With a code that a person's sign-in has brought: section 4.1.3.
    Code {
        /// The code.
        code: Secret,
        /// As it was named when the person was sent away; must be the same.
        redirect_url: Option<String>,
        /// What shows that the code is ours: RFC 7636, section 4.5.
        verifier: Option<Secret>,
    },
}

/// A request for a token, ready to be sent by POST. Prints without its secrets.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Its form.
    pub content_type: &'static str,
    /// The `Authorization` header, whole.
    pub authorization: Option<Secret>,
    /// Its body.
    pub body: Secret,
}

impl OAuth2 {
    /// The request for a token.
    pub fn request(&self, ask: &Ask) -> TokenRequest {
        let mut params: Vec<(&str, String)> = Vec::new();
        match ask {
            Ask::ClientCredentials => {
                params.push(("grant_type", "client_credentials".into()));
                params.extend(self.scope.as_ref().map(|scope| ("scope", scope.clone())));
            }
            // Without a scope it is the one of the sign-in.
            Ask::Refresh(token) => {
                params.push(("grant_type", "refresh_token".into()));
                params.push(("refresh_token", token.expose().to_owned()));
            }
            Ask::Code { code, redirect_url, verifier } => {
                params.push(("grant_type", "authorization_code".into()));
                params.push(("code", code.expose().to_owned()));
                params.extend(redirect_url.as_ref().map(|url| ("redirect_uri", url.clone())));
                params.extend(verifier.as_ref().map(|verifier| ("code_verifier", verifier.expose().to_owned())));
            }
        }
        let authorization = match (self.client_auth, &self.client_secret) {
            (ClientAuth::Basic, Some(secret)) => Some(Secret::new(format!("Basic {}", basic(&self.client_id, secret)))),
            (_, secret) => {
                params.push(("client_id", self.client_id.clone()));
                params.extend(secret.as_ref().map(|secret| ("client_secret", secret.expose().to_owned())));
                None
            }
        };
        params.retain(|(name, _)| !self.token_params.iter().any(|(theirs, _)| theirs == name));
        params.extend(self.token_params.iter().map(|(name, value)| (name.as_str(), value.expose().to_owned())));
        let (content_type, body) = match self.encoding {
            Encoding::Form => (FORM, Serializer::new(String::new()).extend_pairs(&params).finish()),
            Encoding::Json => {
                let object = params.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
                (JSON, serde_json::Value::Object(object.collect()).to_string())
            }
        };
        TokenRequest { content_type, authorization, body: Secret::new(body) }
    }
}

/// Both are encoded as a form's values before they are packed, so that a colon in the id parts nothing: RFC 6749, section
/// 2.3.1.
pub(super) fn basic(client_id: &str, secret: &Secret) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret.expose())))
}

#[cfg(test)]
mod tests {
    use super::super::Grant;
    use super::super::tests::signed_in;
    use super::*;

    fn body(oauth2: &OAuth2, ask: &Ask) -> String {
        oauth2.request(ask).body.expose().to_owned()
    }

    #[test]
    fn the_requests_are_those_of_rfc_6749() {
        // Section 2.3.1, the client's password in the body; section 6, with it in a header.
        let refresh = Ask::Refresh(Secret::new("tGzv3JOkF0XG5Qx2TlKWIA"));
        assert_eq!(
            body(&signed_in(), &refresh),
            "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw"
        );
        let basic =
            OAuth2 { client_auth: ClientAuth::Basic, client_secret: Some(Secret::new("gX1fBat3bV")), ..signed_in() };
        let request = basic.request(&refresh);
        assert_eq!(request.authorization.expect("a header").expose(), "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
        assert_eq!(request.body.expose(), "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA");
        // Section 4.1.3.
        let code = Ask::Code {
            code: Secret::new("SplxlOBeZQQYbYS6WxSbIA"),
            redirect_url: Some("https://client.example.com/cb".into()),
            verifier: None,
        };
        assert_eq!(
            body(&basic, &code),
            "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb"
        );
        // Section 4.4.2.
        let own = OAuth2 { grant: Grant::ClientCredentials, scope: Some("a b".into()), ..basic };
        assert_eq!(body(&own, &Ask::ClientCredentials), "grant_type=client_credentials&scope=a+b");
    }

    #[test]
    fn vendors_have_their_own_ways() {
        let odd = OAuth2 {
            encoding: Encoding::Json,
            token_params: vec![
                ("redirect_uri".into(), Secret::new("https://a/")),
                ("client_id".into(), Secret::new("x")),
            ],
            ..signed_in()
        };
        let request = odd.request(&Ask::Refresh(Secret::new("r")));
        assert_eq!(request.content_type, "application/json");
        assert_eq!(
            request.body.expose(),
            r#"{"grant_type":"refresh_token","refresh_token":"r","client_secret":"7Fjfp0ZBr1KtDRbnfVdmIw","redirect_uri":"https://a/","client_id":"x"}"#
        );
        let public = OAuth2 { client_secret: None, client_auth: ClientAuth::Basic, ..signed_in() };
        let request = public.request(&Ask::Refresh(Secret::new("r")));
        assert!(request.authorization.is_none());
        assert_eq!(request.body.expose(), "grant_type=refresh_token&refresh_token=r&client_id=s6BhdRkqt3");
    }

    #[test]
    fn a_colon_in_an_id_parts_nothing() {
        assert_eq!(STANDARD.decode(basic("a:b c", &Secret::new("ü%"))).expect("base64"), b"a%3Ab+c:%C3%BC%25");
    }

    #[test]
    fn what_is_asked_prints_nothing() {
        let ask =
            Ask::Code { code: Secret::new("planted"), redirect_url: None, verifier: Some(Secret::new("planted")) };
        let printed = format!("{ask:?} {:?}", signed_in().request(&ask));
        assert!(!printed.contains("planted") && !printed.contains("7Fjfp0"), "{printed}");
    }
}
