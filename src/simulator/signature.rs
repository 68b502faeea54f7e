//! Signatures as a destination checks them, after Standard Webhooks 1.0; written from that text, not from what it is to check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether one of the space-separated signatures of `header` was made with this `whsec_` secret over `id.timestamp.body`.
pub fn verify(secret: &str, id: &str, timestamp: &str, body: &[u8], header: &str) -> bool {
    let Some(key) = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok()) else {
        return false;
    };
    header.split(' ').filter_map(|one| one.strip_prefix("v1,")).filter_map(|one| STANDARD.decode(one).ok()).any(
        |given| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            mac.verify_slice(&given).is_ok()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    #[test]
    fn the_published_vector_holds() {
        assert!(verify(SECRET, ID, "1649367553", BODY, SIGNATURE));
        assert!(verify(SECRET, ID, "1649367553", BODY, &format!("v2,abc v1,AAAA {SIGNATURE}")));
    }

    #[test]
    fn nothing_else_does() {
        let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(!verify(other, ID, "1649367553", BODY, SIGNATURE));
        assert!(!verify("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", ID, "1649367553", BODY, SIGNATURE));
        assert!(!verify(SECRET, "msg_2", "1649367553", BODY, SIGNATURE));
        assert!(!verify(SECRET, ID, "1649367554", BODY, SIGNATURE));
        assert!(!verify(SECRET, ID, "1649367553", b"{}", SIGNATURE));
        for header in ["", "v1,", "v1", "v1,%%%", &SIGNATURE[3..], &SIGNATURE.replace("v1,", "v2,")] {
            assert!(!verify(SECRET, ID, "1649367553", BODY, header), "{header}");
        }
    }
}
