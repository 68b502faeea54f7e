//! `leadhook health`: whether the service beside it answers, for container engines whose image has no other program to
//! ask with. People have `leadhook status`.

use super::Global;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::admin::is_alive;

pub async fn health(global: &Global, output: &Output) -> Result<Exit, Failure> {
    // It sees nothing that a secret guards.
    let config = global.load_without_secrets()?.config;
    is_alive(&config.store.path).await?;
    output.print(&serde_json::json!({ "healthy": true }), |_| "ok".to_owned())?;
    Ok(Exit::Done)
}
