//! `PATH/admin.json`: where a running service can be asked, and by what token.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::secret::Secret;

/// What the service leaves for the commands.
#[derive(Serialize, Deserialize)]
pub struct Notice {
    /// Where it listens.
    pub address: SocketAddr,
    /// What a request must carry.
    token: String,
    /// Its process, for people.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

impl Notice {
    /// A notice with a new random token.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn new(address: SocketAddr) -> std::io::Result<Notice> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        Ok(Notice { address, token, pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() })
    }

    /// What a request must carry.
    pub fn token(&self) -> Secret {
        Secret::new(self.token.clone())
    }

    /// Puts the notice up, whole or not at all, readable by its owner alone.
    pub fn put_up(&self, store: &Path) -> std::io::Result<Posted> {
        let path = path(store);
        // A temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(store)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.persist(&path).map_err(|e| e.error)?;
        Ok(Posted(path))
    }

    /// The notice that is up, if any can be read.
    pub fn read(store: &Path) -> Option<Notice> {
        serde_json::from_slice(&std::fs::read(path(store)).ok()?).ok()
    }
}

fn path(store: &Path) -> PathBuf {
    store.join("admin.json")
}

/// A notice that is up; taken down when dropped.
pub struct Posted(PathBuf);

impl Drop for Posted {
    fn drop(&mut self) {
        // Left behind, it leads nowhere, and the next command finds that out by itself.
        let _ = std::fs::remove_file(&self.0);
    }
}
