//! Whole stories through the built binary: real HTTP, real files, a simulated WeClever and simulated destinations around it.
//!
//! Nothing here calls into the product; what is tested is what a person types and what a receiver gets.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;
#[path = "../support/tls.rs"]
mod tls;

mod addresses;
mod again;
mod alarms;
mod backfill;
mod caps;
mod clocks;
mod configuration;
mod connections;
mod contacts;
mod crashes;
mod crowd;
mod dead_letters;
mod delivery;
mod destinations;
mod disk;
mod doctor;
mod doors;
mod encrypted;
mod explain;
mod failing;
mod faulty_api;
mod first_run;
mod forgetting;
mod heartbeat;
mod heedless;
mod hostile;
mod hostile_api;
mod hung;
mod late;
mod main_job;
mod malformed;
mod oauth;
mod once;
mod open_files;
mod packages;
mod pages;
mod presets;
mod probes;
mod promised;
mod rated;
mod reconcile;
mod reload;
mod retention;
mod room;
mod route_test;
mod routes;
mod secrecy;
mod silence;
mod state;
mod status_watch;
mod steps;
mod steps_seen;
mod stopping;
mod store;
mod supervised;
mod tap;
mod throttling;
mod unreadable;
mod untouched;
mod whole_file;
