//! Destinations: where events go, and under which limits.

use std::time::Duration;

use super::pace::Rate;
use super::retry::RetryPolicy;
use super::secret::{Secret, SecretUrl};
use super::sign::SigningSecret;

/// A destination whose every value has been checked: building a client from it and sending cannot fail for its form.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name in the file: `[destinations.NAME]`.
    pub name: String,
    /// Where the POST goes. `http` or `https`, with a host. It may carry secrets, so it prints redacted.
    pub url: SecretUrl,
    /// Every attempt is signed once with each; empty: no signature is sent.
    pub secrets: Vec<SigningSecret>,
    /// Sent with every attempt, as they stand in the file. Names and values have been checked.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// For one whole attempt, from connecting to the last byte read of the answer.
    pub timeout: Duration,
    /// Attempts on the wire at one time, at least 1.
    pub concurrency: usize,
    /// `None`: no limit.
    pub rate: Option<Rate>,
    /// A delivery older than this is dead.
    pub max_age: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
}
