//! `leadhook schema`: what editors want to know of the file.

use super::exit::{Exit, Failure};
use super::output;
use crate::config;

pub fn schema() -> Result<Exit, Failure> {
    output::raw(config::schema().as_bytes())?;
    Ok(Exit::Done)
}
