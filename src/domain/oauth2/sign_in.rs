//! A person's sign-in: the URL that their browser is sent to, and what it brings back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::{Authorize, OAuth2};
use crate::domain::secret::Secret;

/// One sign-in, from the first click to the code.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Comes back unchanged, and shows that what comes back is an answer to this: RFC 6749, section 10.12.
    state: Secret,
    /// Shows at the token URL that the code is ours: RFC 7636.
    verifier: Option<Secret>,
    redirect_url: Url,
}

/// Why what came back is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// It belongs to another sign-in, or to none.
    #[error(
        "this is no answer to the sign-in that was begun here (its state is another); open the URL that was printed last"
    )]
    OtherState,
    /// The person, or the vendor, said no: RFC 6749, section 4.1.2.1.
    #[error("the sign-in was refused: {0}")]
    Refused(String),
    /// There is neither a code nor an error in it.
    #[error("there is no code in it; paste the whole URL that the browser was sent to, or the code alone")]
    Nothing,
}

impl SignIn {
    /// A sign-in with these 64 random bytes, which are used for nothing else.
    pub fn new(random: &[u8; 64], pkce: bool, redirect_url: Url) -> SignIn {
        let (state, verifier) = random.split_at(32);
        SignIn {
            state: Secret::new(URL_SAFE_NO_PAD.encode(state)),
            // 43 characters, as RFC 7636, section 4.1, recommends.
            verifier: pkce.then(|| Secret::new(URL_SAFE_NO_PAD.encode(verifier))),
            redirect_url,
        }
    }

    /// The page that the person opens: RFC 6749, section 4.1.1.
    pub fn url(&self, oauth2: &OAuth2, authorize: &Authorize) -> Url {
        let mut params: Vec<(&str, String)> = vec![
            ("response_type", "code".into()),
            ("client_id", oauth2.client_id.clone()),
            ("redirect_uri", self.redirect_url.to_string()),
        ];
        params.extend(oauth2.scope.as_ref().map(|scope| ("scope", scope.clone())));
        params.push(("state", self.state.expose().to_owned()));
        if let Some(verifier) = &self.verifier {
            params.push(("code_challenge", challenge(verifier.expose())));
            params.push(("code_challenge_method", "S256".into()));
        }
        params.retain(|(name, _)| !authorize.params.iter().any(|(theirs, _)| theirs == name));
        let theirs = authorize.params.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut url = authorize.url.expose().clone();
        url.query_pairs_mut().extend_pairs(params.into_iter().chain(theirs));
        url
    }

    /// Where the browser comes back to.
    pub fn redirect_url(&self) -> &Url {
        &self.redirect_url
    }

    /// What shows that the code is ours.
    pub fn verifier(&self) -> Option<&Secret> {
        self.verifier.as_ref()
    }

    /// The code in the URL that the browser came back with.
    ///
    /// # Errors
    /// There is none, or it is another sign-in's.
    pub fn code_of(&self, url: &Url) -> Result<Secret, NoCode> {
        let param = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let state = param("state").unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state.expose().as_bytes())) {
            return Err(NoCode::OtherState);
        }
        if let Some(error) = param("error") {
            let description = param("error_description").unwrap_or_default();
            return Err(NoCode::Refused(told(&error, &description)));
        }
        match param("code") {
            Some(code) if !code.is_empty() => Ok(Secret::new(code)),
            _ => Err(NoCode::Nothing),
        }
    }

    /// The code in what a person has pasted: the URL that the browser came back with, or the code alone.
    ///
    /// # Errors
    /// There is none in it, or it is another sign-in's.
    pub fn code_in(&self, pasted: &str) -> Result<Secret, NoCode> {
        let pasted = pasted.trim();
        match Url::parse(pasted) {
            Ok(url) if url.has_host() => self.code_of(&url),
            _ if pasted.is_empty() || pasted.contains(char::is_whitespace) => Err(NoCode::Nothing),
            _ => Ok(Secret::new(pasted)),
        }
    }
}

/// S256 of RFC 7636, section 4.2.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// An error's code and its description, as much of them as RFC 6749 lets stand there.
pub(super) fn told(code: &str, description: &str) -> String {
    let clean = |text: &str, most: usize| -> String {
        text.chars().filter(|c| matches!(c, ' '..='~' | '\u{a1}'..) && !c.is_control()).take(most).collect()
    };
    match (clean(code, 64), clean(description, 200)) {
        (code, description) if description.trim().is_empty() => code,
        (code, description) => format!("{code} ({})", description.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed_in;
    use super::*;
    use crate::domain::secret::SecretUrl;

    fn random() -> [u8; 64] {
        let mut random = [7; 64];
        // RFC 7636, appendix B.
        random[32..].copy_from_slice(&[
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
            240, 91, 88, 5, 88, 83, 132, 141, 121,
        ]);
        random
    }

    fn sign_in(pkce: bool) -> SignIn {
        SignIn::new(&random(), pkce, "http://127.0.0.1:8788/callback".parse().expect("a URL"))
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let sign_in = sign_in(true);
        let verifier = sign_in.verifier().expect("a verifier").expose();
        assert_eq!(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn the_url_is_that_of_rfc_6749() {
        let page = |params: &[(&str, &str)]| Authorize {
            url: SecretUrl::new("https://server.example.com/authorize?tenant=1".parse().expect("a URL")),
            params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            pkce: true,
        };
        let oauth2 = OAuth2 { scope: Some("a b".into()), ..signed_in() };
        let state = URL_SAFE_NO_PAD.encode([7; 32]);
        let mut expected = format!(
            "https://server.example.com/authorize?tenant=1&response_type=code&client_id=s6BhdRkqt3\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A8788%2Fcallback&scope=a+b&state={state}"
        );
        assert_eq!(sign_in(false).url(&oauth2, &page(&[])).as_str(), expected);
        expected.push_str("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
        assert_eq!(sign_in(true).url(&oauth2, &page(&[])).as_str(), expected);
        let own = page(&[("access_type", "offline"), ("scope", "a,b")]);
        let own = sign_in(false).url(&oauth2, &own);
        assert!(own.as_str().ends_with(&format!("state={state}&access_type=offline&scope=a%2Cb")), "{own}");
        assert_eq!(own.query_pairs().filter(|(name, _)| name == "scope").count(), 1);
    }

    #[test]
    fn only_what_answers_this_sign_in_brings_a_code() {
        let sign_in = sign_in(true);
        let state = URL_SAFE_NO_PAD.encode([7; 32]);
        let back = |query: &str| format!("http://127.0.0.1:8788/callback?{query}");
        let code = |pasted: &str| sign_in.code_in(pasted).map(|code| code.expose().to_owned());
        assert_eq!(code(&back(&format!("code=a%2Fb&state={state}"))), Ok("a/b".to_owned()));
        assert_eq!(code(" SplxlOBeZQQYbYS6WxSbIA\n"), Ok("SplxlOBeZQQYbYS6WxSbIA".to_owned()));
        // Google's codes begin like this.
        assert_eq!(code("4/0AX4XfWh"), Ok("4/0AX4XfWh".to_owned()));
        for (pasted, why) in [
            (back("code=a&state=x"), NoCode::OtherState),
            (back("code=a"), NoCode::OtherState),
            (back(&format!("error=access_denied&state=x{state}")), NoCode::OtherState),
            (back(&format!("state={state}")), NoCode::Nothing),
            (back(&format!("code=&state={state}")), NoCode::Nothing),
            (" ".to_owned(), NoCode::Nothing),
            ("this is no code".to_owned(), NoCode::Nothing),
            (
                back(&format!("error=access_denied&error_description=not+%1B%5B2Jtoday&state={state}")),
                NoCode::Refused("access_denied (not [2Jtoday)".into()),
            ),
        ] {
            assert_eq!(code(&pasted), Err(why), "{pasted}");
        }
    }
}
