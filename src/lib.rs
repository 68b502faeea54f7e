//! leadhook asks WeClever which conversations were finished, and tells everyone who wants to know.
//!
//! # How a lead flows
//!
//! ```text
//! poll      which windows are due, from the coverage          intake
//! detect    listed rows against the seen-set                  intake
//! fetch     the details, concurrently, within the API's rate  source
//! route     which destinations want this event                domain
//! record    seen mark + event + deliveries: ONE commit        store
//! -----     everything above can be repeated, nothing below is lost
//! claim     due deliveries, in order within a lead            dispatch
//! render    URL, headers and body, from the event and a form   domain
//! sign      id.timestamp.body                                 domain
//! send      HTTP or a queue, with a token where one is wanted transport, tokens
//! decide    outcome -> delivered, again at T, dead            domain
//! settle    attempt + new state: ONE commit                   store
//! ```
//!
//! The two loops, [`intake`] and [`dispatch`], meet only in the [`store`]. A wake-up between them is a hint, never the truth.
//!
//! # The floors of the house
//!
//! A file imports from its own floor or from one below, never upward; `tests/layers.rs` holds that.
//!
//! | floor | rooms |
//! |---|---|
//! | commands | [`commands`]: what a person types, and what they read |
//! | admin | [`admin`]: the same verbs over HTTP, for commands beside a running service and for people in front of its page |
//! | app | [`app`]: builds the parts from a [`config::Config`], runs them, drains them; the operator's verbs |
//! | loops | [`intake`], [`dispatch`]: they do not know each other |
//! | what leadhook tells of itself | [`ops`]: events of its own, and not too many |
//! | what opens the way | [`tokens`]: kept in the store, asked for as the transport asks |
//! | the outside | [`store`], [`source`], [`transport`]: disk, WeClever, destinations |
//! | what is looked at | [`watch`]: the clock, the feed of happenings, the health of each part |
//! | the file, and what every client has in common | [`config`], [`http_client`] |
//! | vocabulary and decisions | [`domain`]: pure; `now` and dice are arguments |
//!
//! [`simulator`] stands apart: a WeClever and destinations made for demonstrations and tests, which share no code with the product.

pub mod admin;
pub mod app;
pub mod commands;
pub mod config;
pub mod dispatch;
pub mod domain;
pub mod http_client;
pub mod intake;
pub mod ops;
pub mod simulator;
pub mod source;
pub mod store;
pub mod tokens;
pub mod transport;
pub mod watch;
