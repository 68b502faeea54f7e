//! Whether a file that is read again still says the same of a destination: a digest of its table, and of all that was
//! read on the way: variables, secret files, certificates, bodies, presets.

use std::cell::RefCell;

use figment::value::Value;
use sha2::{Digest, Sha256};

use crate::domain::destination::Mark;

/// What was read beside the file itself, each with the key that it was read for.
#[derive(Default)]
pub(super) struct Inputs(RefCell<Vec<(String, [u8; 32])>>);

impl Inputs {
    /// Remembers what was read for the key at `path`.
    pub(super) fn note(&self, path: &str, what: &[u8]) {
        self.0.borrow_mut().push((path.to_owned(), Sha256::digest(what).into()));
    }

    /// The mark of the table at `path`, which holds this.
    pub(super) fn mark(&self, path: &str, table: &Table) -> Mark {
        let mut hash = table.0.clone();
        let of_it = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        for (key, digest) in self.0.borrow().iter().filter(|(key, _)| of_it(key)) {
            put(&mut hash, b'i', key.as_bytes());
            hash.update(digest);
        }
        Mark(hash.finalize().into())
    }
}

/// What a table holds as it stands in the file, before anything is put in.
pub(super) struct Table(Sha256);

impl Table {
    pub(super) fn nothing() -> Table {
        Table(Sha256::new())
    }

    pub(super) fn of(value: &Value) -> Table {
        let mut hash = Sha256::new();
        walk(&mut hash, value);
        Table(hash)
    }
}

/// Every kind with its length, so that no two tables read the same.
fn walk(hash: &mut Sha256, value: &Value) {
    match value {
        Value::String(_, text) => put(hash, b's', text.as_bytes()),
        Value::Char(_, c) => put(hash, b'c', c.to_string().as_bytes()),
        Value::Bool(_, flag) => put(hash, b'b', &[u8::from(*flag)]),
        Value::Num(_, num) => put(hash, b'n', format!("{num:?}").as_bytes()),
        Value::Empty(..) => put(hash, b'e', &[]),
        Value::Dict(_, entries) => {
            put(hash, b'd', &entries.len().to_be_bytes());
            for (key, value) in entries {
                put(hash, b'k', key.as_bytes());
                walk(hash, value);
            }
        }
        Value::Array(_, items) => {
            put(hash, b'a', &items.len().to_be_bytes());
            items.iter().for_each(|item| walk(hash, item));
        }
    }
}

fn put(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update(bytes.len().to_be_bytes());
    hash.update(bytes);
}
