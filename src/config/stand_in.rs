//! What stands in for a secret that is not set, where a file is only looked at: `leadhook route test` needs none.

/// A signing secret that signs nothing real.
const SIGNING: &str = "whsec_bm8gc2VjcmV0OiBpdCBpcyBub3Qgc2V0";

/// A key that encrypts nothing real.
const ENCRYPTION: &str = "bm8gc2VjcmV0IGtleTogaXQgaXMgbm90IHNldCB5ZXQ=";

/// A value for the reference `name`, fit for the key at this path. `alone`: the text is nothing but the reference.
pub(super) fn value(name: &str, path: &str, alone: bool) -> String {
    let key = path.rsplit('.').next().unwrap_or_default();
    let key = key.split('[').next().unwrap_or_default();
    match key {
        "encryption_key" => ENCRYPTION.to_owned(),
        "secret" | "secrets" => SIGNING.to_owned(),
        "url" | "base_url" if alone => format!("https://{}.unset.invalid/", host(name)),
        "url" | "base_url" => host(name),
        "proxy" if alone => format!("http://{}.unset.invalid:3128", host(name)),
        _ => format!("unset-{}", host(name)),
    }
}

/// The name as a part of a host's.
fn host(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    plain.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sign::SigningSecret;

    #[test]
    fn each_key_gets_what_it_can_hold() {
        assert!(SigningSecret::parse(&value("CRM_SECRET", "destinations.crm.secret", true)).is_ok());
        assert!(SigningSecret::parse(&value("OLD", "destinations.crm.secrets[1]", true)).is_ok());
        for path in ["store.encryption_key", "store.encryption_key[1]"] {
            assert!(crate::domain::seal::EncryptionKey::parse(&value("KEY", path, true)).is_ok(), "{path}");
        }
        assert_eq!(
            value("SLACK_WEBHOOK_URL", "destinations.chat.url", true),
            "https://slack-webhook-url.unset.invalid/"
        );
        assert_eq!(value("HOST", "destinations.chat.url", false), "host");
        assert_eq!(
            value("file:/run/secrets/key", "destinations.crm.headers.X-Key", true),
            "unset-file--run-secrets-key"
        );
    }
}
