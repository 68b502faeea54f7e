//! HTTP and HTTPS destinations.

use jiff::Timestamp;

use super::{Sent, TransportError};
use crate::domain::destination::Destination;

pub(super) struct Http {}

impl Http {
    pub(super) fn new(_destination: &Destination) -> Result<Http, TransportError> {
        todo!()
    }

    pub(super) async fn send(&self, _id: &str, _body: Vec<u8>, _now: Timestamp) -> Sent {
        todo!()
    }
}
