//! Sealing what is stored: encrypted, so that nobody reads it without the key, and bound to its place, so that nobody changes
//! it, or puts one record where another was, without that being noticed.
//!
//! XChaCha20-Poly1305. Its nonces are long enough to be drawn at random for every record of years; with those of 12 bytes of the
//! other ciphers at hand a thousand records a second come too close to one that was drawn before within weeks.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Before every sealed value.
const VERSION: u8 = 0xE1;

/// So many bytes tell one key from another.
const ID: usize = 4;

/// The random bytes that each sealing needs.
pub const NONCE: usize = 24;

/// As `openssl rand -base64 32` prints it, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What tells keys apart, and tells nothing of them: four bytes of a hash.
pub type KeyId = [u8; ID];

/// A key of 32 bytes. It is wiped when the last of its copies is dropped, and never printed.
#[derive(Clone)]
pub struct EncryptionKey {
    bytes: Arc<Zeroizing<[u8; 32]>>,
    id: KeyId,
}

/// Why a text is no key. It says nothing of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no key of 32 bytes in base64")]
pub struct NoKey;

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is shorter than any, or of another form.
    #[error("it is not sealed, or cut")]
    Form,
    /// Its key is not among those that are given.
    #[error("it is sealed with a key that is not in the file")]
    Key,
    /// It is not what was sealed, or does not stand where it stood.
    #[error("its seal is broken: it was changed, or put in the place of another")]
    Seal,
}

impl EncryptionKey {
    /// Reads a key as `openssl rand -base64 32` prints it.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<EncryptionKey, NoKey> {
        let decoded = Zeroizing::new(BASE64.decode(text.trim()).map_err(|_| NoKey)?);
        let mut bytes = Zeroizing::new([0; 32]);
        if decoded.len() != bytes.len() {
            return Err(NoKey);
        }
        bytes.copy_from_slice(&decoded);
        let hash = Sha256::new().chain_update("leadhook encryption key").chain_update(bytes.as_slice()).finalize();
        let id = hash.first_chunk::<ID>().copied().unwrap_or_default();
        Ok(EncryptionKey { bytes: Arc::new(bytes), id })
    }

    /// What tells it from another.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Seals with the first of some keys, and opens with any of them.
pub struct Seal {
    keys: Vec<(KeyId, XChaCha20Poly1305)>,
}

impl Seal {
    /// `None` without a key.
    pub fn new(keys: &[EncryptionKey]) -> Option<Seal> {
        let keys: Vec<_> = keys.iter().map(|key| (key.id, XChaCha20Poly1305::new((&**key.bytes).into()))).collect();
        (!keys.is_empty()).then_some(Seal { keys })
    }

    /// The key that seals.
    pub fn id(&self) -> KeyId {
        self.keys.first().map(|(id, _)| *id).unwrap_or_default()
    }

    /// Whether this key opens.
    pub fn knows(&self, id: KeyId) -> bool {
        self.keys.iter().any(|(own, _)| *own == id)
    }

    /// Seals a value for its place. `nonce`: random, and used once.
    ///
    /// # Errors
    /// It is larger than anything that is stored.
    pub fn seal(&self, place: &[u8], value: &[u8], nonce: [u8; NONCE]) -> Result<Vec<u8>, Broken> {
        let (id, cipher) = self.keys.first().ok_or(Broken::Key)?;
        let payload = Payload { msg: value, aad: place };
        let encrypted = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Broken::Form)?;
        let mut sealed = Vec::with_capacity(1 + ID + NONCE + encrypted.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// What was sealed for this place.
    ///
    /// # Errors
    /// It is not what was sealed there, or its key is not at hand.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (version, rest) = sealed.split_first().ok_or(Broken::Form)?;
        let (id, rest) = rest.split_first_chunk::<ID>().ok_or(Broken::Form)?;
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE>().ok_or(Broken::Form)?;
        if *version != VERSION {
            return Err(Broken::Form);
        }
        let (_, cipher) = self.keys.iter().find(|(own, _)| own == id).ok_or(Broken::Key)?;
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: encrypted, aad: place }).map_err(|_| Broken::Seal)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const TWO: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";

    fn key(text: &str) -> EncryptionKey {
        EncryptionKey::parse(text).expect("a key")
    }

    #[test]
    fn a_key_is_read_and_never_shown() {
        assert_eq!(format!("{:?} {:?}", key(ONE), Seal::new(&[key(ONE)])), "*** Some(Seal(***))");
        assert_ne!(key(ONE).id(), key(TWO).id());
        assert_eq!(key(&format!("{ONE}\n")).id(), key(ONE).id());
        for wrong in ["", "secret", &ONE[4..], &format!("{ONE}MDEy"), "0123456789abcdef0123456789abcdef"] {
            assert_eq!(EncryptionKey::parse(wrong).err(), Some(NoKey), "{wrong}");
        }
        assert!(Seal::new(&[]).is_none());
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_and_nowhere_else() {
        let seal = Seal::new(&[key(ONE)]).expect("a key");
        for value in [&b""[..], b"Ana", &[7; 6_000]] {
            let sealed = seal.seal(b"e1", value, [9; NONCE]).expect("sealed");
            assert_eq!(seal.open(b"e1", &sealed).as_deref(), Ok(value));
            assert_eq!(seal.open(b"e2", &sealed), Err(Broken::Seal));
            assert!(value.len() < 3 || !sealed.windows(3).any(|some| some == &value[..3]));
            // No two of the same value look alike.
            assert_ne!(seal.seal(b"e1", value, [8; NONCE]).expect("sealed")[29..], sealed[29..]);
        }
    }

    #[test]
    fn whatever_is_changed_or_cut_is_noticed() {
        let seal = Seal::new(&[key(ONE)]).expect("a key");
        let sealed = seal.seal(b"e1", b"Ana Lima", [9; NONCE]).expect("sealed");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal.open(b"e1", &changed).is_err(), "{at}");
            assert!(seal.open(b"e1", &sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn the_first_key_seals_and_each_opens() {
        let (old, both) = (Seal::new(&[key(ONE)]).expect("a key"), Seal::new(&[key(TWO), key(ONE)]).expect("keys"));
        let sealed = old.seal(b"e1", b"Ana", [9; NONCE]).expect("sealed");
        assert_eq!(both.open(b"e1", &sealed).as_deref(), Ok(&b"Ana"[..]));
        let anew = both.seal(b"e1", b"Ana", [9; NONCE]).expect("sealed");
        assert_eq!(old.open(b"e1", &anew), Err(Broken::Key));
        assert_eq!((both.id(), both.knows(old.id()), old.knows(both.id())), (key(TWO).id(), true, false));
    }
}
