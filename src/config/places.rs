//! Where a destination and a route stand in the file, for whoever has to mend them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::document::{Document, child, line_column, nth};

/// The file's path, and the line of each destination's and each route's keys.
#[derive(Clone, Default)]
pub struct Places {
    path: PathBuf,
    destinations: BTreeMap<String, Lines>,
    routes: BTreeMap<String, Lines>,
}

/// The line of a table, and of those of its keys that say what is sent.
pub type Lines = BTreeMap<String, usize>;

/// Keys that say what is sent, and where to; empty: the table itself.
const TELLING: [&str; 11] =
    ["", "url", "body", "body_file", "fields", "headers", "steps", "outcomes", "preset", "max_body", "when"];

impl Places {
    pub(super) fn of<'a>(
        document: &Document,
        destinations: impl Iterator<Item = &'a str>,
        routes: impl Iterator<Item = &'a str>,
    ) -> Places {
        let lines = |path: &str| -> Lines {
            let found = TELLING.iter().filter_map(|key| {
                let at = if key.is_empty() { path.to_owned() } else { child(path, key) };
                Some(((*key).to_owned(), line_column(&document.text, document.place(&at)?.key.start).0))
            });
            found.collect()
        };
        let of_destination = |name: &'a str| (name.to_owned(), lines(&child("destinations", name)));
        let of_route = |(i, name): (usize, &'a str)| (name.to_owned(), lines(&nth("routes", i)));
        Places {
            path: document.path.clone(),
            destinations: destinations.map(of_destination).collect(),
            routes: routes.enumerate().map(of_route).collect(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines of `[destinations.NAME]`, by key; empty where a variable alone has made it.
    pub fn of_destination(&self, name: &str) -> Option<&Lines> {
        self.destinations.get(name)
    }

    /// The lines of the route of this name.
    pub fn of_route(&self, name: &str) -> Option<&Lines> {
        self.routes.get(name)
    }
}

/// Where something stands makes no difference to what holds.
impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places(..)")
    }
}
