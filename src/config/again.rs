//! The file beside a leadhook that runs: what cannot change meanwhile stays as it is, and is named.
//!
//! Where the rest of the file makes sense without such a key, the rest is taken and the key waits for a restart. Another
//! platform is another matter: the new user name and password would read its leads into the old one's records.

use super::reader::Reading;
use super::{AdminConfig, Config, StoreConfig};
use crate::domain::seal::EncryptionKey;
use crate::domain::secret::Secret;

/// Puts back what stays, and says which keys that are.
pub(super) fn hold(reading: &Reading<'_>, config: &mut Config, running: &Config) -> Vec<String> {
    let mut held = Vec::new();
    let mut stays = |key: &str, help: &str| {
        let spot = reading.spot_of_key(key);
        reading.warn(&spot, "cannot change while leadhook runs: it stays as it was until a restart", Some(help.into()));
        held.push(key.to_owned());
    };
    // Whoever adds a key is asked here: may it change while leadhook runs?
    let StoreConfig { path, retention: _, max_bytes: _, encryption_keys } = &mut config.store;
    if *path != running.store.path {
        stays("store.path", "start leadhook again; what it knows lies in the directory of before");
        path.clone_from(&running.store.path);
    }
    let ids = |keys: &[EncryptionKey]| keys.iter().map(EncryptionKey::id).collect::<Vec<_>>();
    if ids(encryption_keys) != ids(&running.store.encryption_keys) {
        stays("store.encryption_key", "start leadhook again: the store is written anew with another key then");
        encryption_keys.clone_from(&running.store.encryption_keys);
    }
    let AdminConfig { listen, token, url } = &mut config.admin;
    if *listen != running.admin.listen {
        stays("admin.listen", "start leadhook again");
        *listen = running.admin.listen;
    }
    if token.as_ref().map(Secret::expose) != running.admin.token.as_ref().map(Secret::expose) {
        stays("admin.token", "start leadhook again; whoever is signed in is signed out by that");
        token.clone_from(&running.admin.token);
    }
    if *url != running.admin.url {
        stays("admin.url", "start leadhook again");
        url.clone_from(&running.admin.url);
    }
    if config.source.start != running.source.start {
        let spot = reading.spot_of_key("source.start");
        let message = "has no effect any more: it was fixed at the first start, and nothing before is read";
        reading.warn(&spot, message, Some("leadhook backfill sends what is older".to_owned()));
    }
    if config.source.platform_id != running.source.platform_id {
        let spot = reading.spot_of_key("source.platform_id");
        let message = format!("cannot change while leadhook runs, and reads `{}`", running.source.platform_id);
        reading.mistake(&spot, message, Some("start leadhook again".to_owned()));
    }
    held
}
