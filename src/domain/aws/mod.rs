//! Amazon Web Services: how requests there are signed, what its hosts are called, what its refusals mean, and messages for
//! its queues.

mod endpoint;
mod refusal;
mod sigv4;
pub mod sqs;

pub use endpoint::{Endpoint, endpoint};
pub use refusal::{hint, refusal};
pub use sigv4::AwsSigV4;

#[cfg(test)]
mod sigv4_tests;
