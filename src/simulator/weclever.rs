//! The simulated WeClever as a whole: started on a listener, held by a handle, gone when the handle is dropped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use fastrand::Rng;
use http::HeaderName;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::api::{self, Shared, Tokens, held};
use super::faults::{FaultKind, Faults};
use super::happenings::{Happening, Log, Requests, Summary};
use super::options::Options;
use super::world::World;

/// A running simulated WeClever. It ends with [`WeClever::stop`], or when it is dropped.
pub struct WeClever {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl WeClever {
    /// Serves the API on a listener, from within a tokio runtime.
    ///
    /// # Errors
    /// A zone, a header or a listener that is none.
    pub fn start(listener: TcpListener, options: Options) -> anyhow::Result<WeClever> {
        let address = listener.local_addr().context("the listener has no address")?;
        let zone = TimeZone::get(&options.zone).with_context(|| format!("there is no zone `{}`", options.zone))?;
        let auth_header = HeaderName::from_bytes(options.auth_header.as_bytes())
            .with_context(|| format!("`{}` is no header name", options.auth_header))?;
        // From here on, now is what the simulated clock says.
        let skew_ms = options.clock_skew_ms;
        let base_ms = match options.base {
            Some(base) => base.as_millisecond(),
            None => Timestamp::now().as_millisecond().saturating_add(skew_ms),
        };
        let shared = Arc::new(Shared {
            world: RwLock::new(World::new(options.clone(), base_ms)),
            faults: Mutex::new((options.faults.clone(), Rng::with_seed(options.seed ^ 0xfa17))),
            tokens: Mutex::new(Tokens::default()),
            log: Log::new(),
            ahead_ms: AtomicI64::new(skew_ms),
            told_ms: AtomicI64::new(0),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            auth_header,
            zone,
            options,
        });
        tokio::spawn(announce(Arc::clone(&shared)));
        let (router, stop) = (api::router(Arc::clone(&shared)), shared.stop.clone());
        let server = tokio::spawn(async move {
            let listener = listener.tap_io(|stream| {
                // Small answers must not wait for company; where it cannot be set, they do.
                let _ = stream.set_nodelay(true);
            });
            // Serving ends only by the signal: accepting never fails for good.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        });
        Ok(WeClever { shared, address, server: Some(server) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to write as `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Finalizes a lead now, a new one or one that was finalized before.
    pub fn finalize(&self, id: u64, status: &str) {
        self.finalize_at(id, status, self.now());
    }

    /// Finalizes a lead at some other instant. In the past, it shows up late; in the future, it does when its time has come.
    pub fn finalize_at(&self, id: u64, status: &str, at: Timestamp) {
        self.shared.change_world(|world| world.finalize(id, status, at.as_millisecond()));
        self.shared.log.tell(|| Happening::Finalized { id, status: status.to_owned() });
    }

    /// From now on only [`WeClever::finalize`] finalizes leads.
    pub fn finalize_no_more(&self) {
        let now_ms = self.shared.now_ms();
        self.shared.change_world(|world| world.end_plan(now_ms));
    }

    /// Rates a lead now, for the first time or anew.
    pub fn rate(&self, id: u64, rating: &str) {
        self.shared.change_world(|world| world.rate(id, rating));
        self.shared.log.tell(|| Happening::Rated { id, rating: rating.to_owned() });
    }

    /// Changes a field directly under `lead`, such as `name`, from now on.
    pub fn change(&self, id: u64, field: &str, value: impl Into<Value>) {
        self.shared.change_world(|world| world.change(id, field, value.into()));
    }

    /// Changes how many rows a list may have.
    pub fn set_cap(&self, cap: Option<usize>) {
        self.shared.change_world(|world| world.set_cap(cap));
    }

    /// Whether lists show everything from now on, whatever window is asked for.
    pub fn set_heedless(&self, heedless: bool) {
        self.shared.change_world(|world| world.set_heedless(heedless));
    }

    /// Breaks answers in another way from now on.
    pub fn set_faults(&self, faults: Faults) {
        held(&self.shared.faults).0 = faults;
    }

    /// No token that is out is good any more; only a ready one from the options stays.
    pub fn kill_tokens(&self) {
        held(&self.shared.tokens).kill();
    }

    /// The `time` that came with the last good request for a token.
    pub fn last_token_time(&self) -> Option<String> {
        held(&self.shared.tokens).last_time.clone()
    }

    /// The simulated clock, which is the real one unless it was moved.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.shared.now_ms()).unwrap_or(Timestamp::MAX)
    }

    /// Moves the simulated clock forward.
    pub fn advance(&self, time: Duration) {
        self.shared.ahead_ms.fetch_add(time.as_millis() as i64, Ordering::Relaxed);
        self.shared.wake.notify_one();
    }

    /// How many leads have been finalized so far.
    pub fn finalized(&self) -> u64 {
        self.shared.world(|world| world.finalized(self.shared.now_ms()))
    }

    /// Which leads have been finalized so far.
    pub fn finalized_ids(&self) -> Vec<u64> {
        self.shared.world(|world| world.finalized_ids(self.shared.now_ms()))
    }

    /// Requests by endpoint.
    pub fn requests(&self) -> Requests {
        self.shared.log.requests()
    }

    /// Broken answers by kind.
    pub fn faults(&self) -> BTreeMap<FaultKind, u64> {
        self.shared.log.faults()
    }

    /// How many requests were open at once, at most.
    pub fn most_at_once(&self) -> u64 {
        self.shared.log.most_open()
    }

    /// All the numbers together.
    pub fn summary(&self) -> Summary {
        Summary {
            leads_finalized: self.finalized(),
            requests: self.requests(),
            faults: self.faults().into_iter().map(|(kind, count)| (kind.name(), count)).collect(),
        }
    }

    /// Whatever happens from now on. Who listens too slowly misses the oldest; nobody else is held up.
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        if !self.shared.log.has_listeners() {
            self.shared.told_ms.store(self.shared.now_ms(), Ordering::Relaxed);
        }
        let receiver = self.shared.log.subscribe();
        self.shared.wake.notify_one();
        receiver
    }

    /// Waits until something is as wished, looking whenever anything happens; `false` when it was not in time.
    pub async fn wait_until(&self, wish: impl Fn(&WeClever) -> bool, timeout: Duration) -> bool {
        let granted = async {
            // Listening before looking, so that nothing slips in between.
            let mut news = self.subscribe();
            while !wish(self) {
                // Having missed some news is news enough, and while there is a handle there is a sender.
                let _ = news.recv().await;
            }
        };
        tokio::time::timeout(timeout, granted).await.is_ok()
    }

    /// Ends it: open answers are cut short, and the port is free afterwards.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        if let Some(mut server) = self.server.take() {
            // A client that does not read its answer must not hold up the end.
            if tokio::time::timeout(Duration::from_secs(1), &mut server).await.is_err() {
                server.abort();
            }
        }
    }
}

impl Drop for WeClever {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Tells the listeners of the leads that the plan finalizes. Nothing needs to happen for a lead to exist, so without listeners this sleeps.
async fn announce(shared: Arc<Shared>) {
    loop {
        let mut pause = None;
        if shared.log.has_listeners() {
            let now_ms = shared.now_ms();
            let told_ms = shared.told_ms.swap(now_ms, Ordering::Relaxed);
            for id in shared.world(|world| world.planned_between(told_ms, now_ms)) {
                let status = shared.world(|world| world.row(id).mapped_status);
                shared.log.tell(|| Happening::Finalized { id, status });
            }
            let next_ms = shared.world(|world| world.next_after(now_ms));
            pause = next_ms.map(|next_ms| Duration::from_millis((next_ms - now_ms).clamp(5, 60_000) as u64));
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
    }
}
