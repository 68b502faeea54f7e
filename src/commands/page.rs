//! `leadhook page`: a link that opens the page, signed in.

use jiff::Timestamp;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, hence};
use crate::admin::{Link, page_link};

pub async fn page(global: &Global, output: &Output) -> Result<Exit, Failure> {
    // It needs to know where the service is, and nothing that a secret guards.
    let config = global.load_without_secrets()?.config;
    let link = page_link(&config.store.path).await?;
    output.print(&link, |link| text(link, Timestamp::now()))?;
    Ok(Exit::Done)
}

fn text(link: &Link, now: Timestamp) -> String {
    format!("{}\n\nopen it in a browser: it signs you in once, and ends {}", link.url, hence(link.until, now))
}
