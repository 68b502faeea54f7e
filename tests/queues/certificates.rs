//! What a server with TLS is started with, and what its clients need.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::tls::Authority;

/// A CA, and a server's certificate by it. The files go with it.
pub struct Certificates {
    ours: Authority,
    directory: TempDir,
}

impl Certificates {
    /// For a server of these names: `server.pem`, `key.pem` and `ca.pem`.
    pub fn of(names: &[&str]) -> Certificates {
        let (ours, directory) = (Authority::new("ours"), tempfile::tempdir().unwrap());
        let pair = ours.sign(names);
        let texts = [("server.pem", pair.certificate_pem()), ("key.pem", pair.key_pem()), ("ca.pem", ours.pem())];
        for (name, text) in texts {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Certificates { ours, directory }
    }

    /// Where one of the files lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// For `ca`.
    pub fn ca(&self) -> String {
        self.ours.pem()
    }

    /// A client's certificate by the same CA, with its key.
    pub fn client(&self) -> String {
        let client = self.ours.sign(&["leadhook"]);
        client.certificate_pem() + &client.key_pem()
    }
}
