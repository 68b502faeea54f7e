//! Signatures, after Standard Webhooks 1.0 <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The key of one `whsec_...` secret: 24 to 64 bytes.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// A sentence that says what is wrong without repeating the secret.
    pub fn parse(text: &str) -> Result<SigningSecret, String> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(
            "a signing secret starts with `whsec_`; make one with: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"",
        )?;
        let key = STANDARD
            .decode(encoded)
            .map_err(|_| "what follows `whsec_` is not base64; copy the secret again, whole")?;
        if !(24..=64).contains(&key.len()) {
            return Err(format!("a signing secret holds 24 to 64 bytes behind `whsec_`; this one holds {}", key.len()));
        }
        Ok(SigningSecret(Zeroizing::new(key)))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = keyed(&self.0);
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_***")
    }
}

/// HMAC-SHA256 with this key, of whatever length: RFC 2104 knows no key that is unfit.
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"))
}

/// The value of `webhook-signature`: `v1,` and base64 for each secret, separated by spaces; `None` without a secret.
///
/// `timestamp` is in Unix seconds.
pub fn signature(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    if secrets.is_empty() {
        return None;
    }
    let each: Vec<String> = secrets
        .iter()
        .map(|secret| format!("v1,{}", STANDARD.encode(secret.sign(id, timestamp, body).finalize().into_bytes())))
        .collect();
    Some(each.join(" "))
}

/// Whether any of the header's signatures was made with this secret. Compared in constant time.
pub fn verifies(secret: &SigningSecret, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    header.split_whitespace().filter_map(|one| one.strip_prefix("v1,")).any(|encoded| {
        STANDARD.decode(encoded).is_ok_and(|given| secret.sign(id, timestamp, body).verify_slice(&given).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const AT: i64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    #[test]
    fn the_published_vector() {
        let secret = SigningSecret::parse(SECRET).expect("a good secret");
        assert_eq!(signature(std::slice::from_ref(&secret), ID, AT, BODY).as_deref(), Some(SIGNATURE));
        assert!(verifies(&secret, ID, AT, BODY, SIGNATURE));
        assert!(verifies(&secret, ID, AT, BODY, &format!("v1,AAAA v1a,x {SIGNATURE}")));
        assert!(!verifies(&secret, ID, AT + 1, BODY, SIGNATURE));
        assert!(!verifies(&secret, ID, AT, b"{}", SIGNATURE));
    }

    #[test]
    fn two_secrets_make_two_signatures_and_none_makes_none() {
        let old = SigningSecret::parse(SECRET).expect("a good secret");
        let new = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a good secret");
        let both = signature(&[new.clone(), old.clone()], ID, AT, BODY).expect("signed");
        assert_eq!(both.split(' ').count(), 2);
        assert!(verifies(&old, ID, AT, BODY, &both) && verifies(&new, ID, AT, BODY, &both));
        assert_eq!(signature(&[], ID, AT, BODY), None);
    }

    #[test]
    fn a_bad_secret_is_told_apart_and_never_repeated() {
        for bad in ["C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_???", "whsec_c2hvcnQ="] {
            let said = SigningSecret::parse(bad).expect_err("a bad secret");
            assert!(!said.contains("C2FV") && !said.contains("c2hv"), "{said}");
        }
    }
}
