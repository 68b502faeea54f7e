//! Looking up host names, and to which addresses they may lead.
//!
//! What is looked up is looked at here, and just that is connected to: between the two nobody can change what a name means.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::domain::address::{self, NotAllowed};
use crate::domain::connection::{Connection, Proxy};
use crate::domain::span;

/// Addresses, with whatever port.
pub type LookedUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Who is asked for a name's addresses.
pub trait Lookup: Send + Sync {
    /// Asks.
    fn look_up(&self, name: String) -> LookedUp;
}

/// As the system does it, with all that an administrator has set for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct BySystem;

impl Lookup for BySystem {
    fn look_up(&self, name: String) -> LookedUp {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unresolved {
    /// Each of its addresses is one where nothing may be sent; this is the first.
    #[error(transparent)]
    NotAllowed(NotAllowed),
    /// It has none, or nobody could be asked.
    #[error("{0}")]
    Failed(Arc<io::Error>),
    /// Nobody has said in time.
    #[error("the name was not looked up within {}; look at this machine's resolver", span::format(*.0))]
    Slow(Duration),
}

type Pending = Shared<Pin<Box<dyn Future<Output = Result<Arc<[SocketAddr]>, Arc<io::Error>>> + Send>>>;

/// Looks up names for one destination. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    lookup: Arc<dyn Lookup>,
    private: bool,
    /// The proxy's name, which the file has chosen: it may lead anywhere.
    chosen: Option<String>,
    patience: Duration,
    /// What is being looked up. A lookup of the system's takes a thread until it ends, whoever has stopped waiting for it:
    /// with one for all who want the same name, a resolver that hangs cannot use up the threads of others.
    pending: Mutex<HashMap<String, Pending>>,
}

impl Guard {
    /// For a destination that is reached over this connection, and waits so long for a connection.
    pub fn new(connection: &Connection, connect_timeout: Duration, lookup: Arc<dyn Lookup>) -> Guard {
        let host = connection.proxy.as_ref().map(Proxy::expose).and_then(Url::host);
        let chosen = match host {
            Some(Host::Domain(name)) => Some(name.to_owned()),
            _ => None,
        };
        Guard(Arc::new(Inner {
            lookup,
            private: connection.private,
            chosen,
            // A little sooner, so that it is told what took so long.
            patience: connect_timeout.mul_f64(0.9),
            pending: Mutex::default(),
        }))
    }

    /// The addresses to which something may be sent, at least one.
    ///
    /// # Errors
    /// There is none.
    pub async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
        let inner = &self.0;
        let asked = tokio::time::timeout(inner.patience, inner.ask(name));
        let all = asked.await.map_err(|_| Unresolved::Slow(inner.patience))?.map_err(Unresolved::Failed)?;
        if inner.chosen.as_deref() == Some(name) {
            return Ok(all.to_vec());
        }
        let judged = all.iter().map(|at| address::judge(at.ip(), inner.private).map(|()| *at));
        let (allowed, refused): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
        match refused.into_iter().find_map(Result::err) {
            Some(refused) if allowed.is_empty() => Err(Unresolved::NotAllowed(refused)),
            _ => Ok(allowed.into_iter().flatten().collect()),
        }
    }
}

impl Inner {
    fn ask(&self, name: &str) -> Pending {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        // What has ended is not used again: how long an answer holds is the resolver's business.
        if let Some(under_way) = pending.get(name).filter(|pending| pending.peek().is_none()) {
            return under_way.clone();
        }
        let looked_up = self.lookup.look_up(name.to_owned()).map(|looked_up| match looked_up {
            Ok(addresses) if addresses.is_empty() => {
                Err(Arc::new(io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
            }
            Ok(addresses) => Ok(addresses.into()),
            Err(error) => Err(Arc::new(error)),
        });
        let asked = looked_up.boxed().shared();
        pending.insert(name.to_owned(), asked.clone());
        asked
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
