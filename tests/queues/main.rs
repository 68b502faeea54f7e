//! Queues as destinations, seen through the built binary and against real servers.
//!
//! For each of them: what `leadhook run` sends arrives once each, in order within a lead, and verifies with an official
//! library in another language; a server that is killed and comes back loses none.
//!
//! | file | what |
//! |---|---|
//! | `server` | a server's process, on a port of its own; it can be killed and comes back as it was |
//! | `load` | `leadhook run` between a simulated WeClever and a queue |
//! | `consumer` | a program on the queue's other side, in Python, and what became of what it was told |
//! | `asked` | what the commands say of a queue while no service runs |
//! | `stories` | what each server goes through alike |
//! | `certificates` | what a server with TLS is started with, and what its clients need |
//! | `rabbitmq`, `kafka_broker` | how such a server is started |
//! | `python/` | those programs; `told.py` is what they have in common, `requirements.txt` what they need |

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../support/python.rs"]
mod python;
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;
#[path = "../support/tls.rs"]
mod tls;

// Not every queue's stories need all of it.
#[allow(dead_code)]
mod asked;
#[allow(dead_code)]
mod certificates;
#[allow(dead_code)]
mod consumer;
#[allow(dead_code)]
mod load;
#[allow(dead_code)]
mod server;
#[allow(dead_code)]
mod stories;

#[cfg(feature = "amqp")]
mod amqp;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_broker;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "amqp")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;
mod sqs;
