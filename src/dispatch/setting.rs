//! What the file says of a destination, as its worker needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::destination::Destination;
use crate::domain::route::Route;
use crate::domain::steps::Calls;
use crate::domain::veil::Veil;
use crate::tokens::Way;

/// One destination by one file.
pub struct Setting {
    pub destination: Arc<Destination>,
    pub way: Arc<Way>,
    /// Covers the file's secrets in what comes back.
    pub veil: Arc<Veil>,
    /// What a delivery here takes, for each route of the file: those of others are not claimed.
    pub calls: BTreeMap<String, Calls>,
    /// The names of the routes.
    pub routes: Vec<String>,
}

impl Setting {
    pub fn new(destination: Arc<Destination>, way: Arc<Way>, veil: Arc<Veil>, routes: &[Route]) -> Setting {
        let calls = routes.iter().map(|route| (route.name.clone(), route.calls_at(&destination)));
        let calls: BTreeMap<String, Calls> = calls.collect();
        let routes = calls.keys().cloned().collect();
        Setting { destination, way, veil, calls, routes }
    }

    /// Whether the file said the same of the destination when this began.
    pub fn is_as_then(&self, then: &Destination) -> bool {
        self.destination.mark == then.mark
    }
}
