//! What leadhook is measured against: the same client, one list, then a GET and a POST of the same bytes for each lead,
//! as many at a time, and nothing else. It keeps nothing, signs nothing and forgets everything when it is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use leadhook::http_client::client_builder;
use serde::Deserialize;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long)]
    weclever: u16,
    #[arg(long)]
    receiver: u16,
    /// Leads at a time
    #[arg(long)]
    at_a_time: usize,
}

#[derive(Deserialize)]
struct List {
    leads: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    weclever_lead_id: u64,
}

pub fn run(args: &Args) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(all(args))
}

async fn all(args: &Args) -> Result<()> {
    let weclever = format!("http://127.0.0.1:{}/lead/find", args.weclever);
    let receiver = format!("http://127.0.0.1:{}/hook", args.receiver);
    let source = client_builder().pool_max_idle_per_host(args.at_a_time).build()?;
    let destination = client_builder().no_gzip().pool_max_idle_per_host(args.at_a_time).tcp_nodelay(true).build()?;
    let list = source.get(format!("{weclever}/finalized/2026-11-23/2026-11-24")).send().await?.bytes().await?;
    let list: List = serde_json::from_slice(&list).context("the list")?;
    let (leads, next) = (Arc::new(list.leads), Arc::new(AtomicUsize::new(0)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..args.at_a_time {
        let (leads, next) = (Arc::clone(&leads), Arc::clone(&next));
        let (source, destination) = (source.clone(), destination.clone());
        let (weclever, receiver) = (weclever.clone(), receiver.clone());
        workers.spawn(async move {
            while let Some(lead) = leads.get(next.fetch_add(1, Ordering::Relaxed)) {
                let detail = source.get(format!("{weclever}/weclever_id/{}", lead.weclever_lead_id)).send().await?;
                let detail = detail.error_for_status()?.bytes().await?;
                let post = destination.post(&receiver).header("content-type", "application/json").body(detail);
                post.send().await?.error_for_status()?.bytes().await?;
            }
            Ok::<(), reqwest::Error>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    // Whoever started this reads off first what it has cost.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
