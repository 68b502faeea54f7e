//! Who listens. Connections cost open files, of which the store needs some as well: so there are only so many of them, and
//! nobody keeps one by keeping us waiting.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::places::{Kept, Places};
use super::turns::{Answer, Connection, Question};

/// Connections at one time: far more than people, commands and scrapers need, and far fewer than the files that a process
/// may open.
const CONNECTIONS: usize = 256;

/// So often those who have had their time are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// So often whoever asks ahead of the answers looks whether there is room.
const AHEAD: Duration = Duration::from_millis(100);

/// So long a newcomer waits for a place, and so often it is looked whether there is one.
const FULL: Duration = Duration::from_millis(500);
const TRY: Duration = Duration::from_millis(2);

/// So long whoever was sent off may take to go, before another is.
const GOING: Duration = Duration::from_millis(100);

/// A request's head may be so long: it waits in memory, for each connection.
const LONGEST_HEAD: usize = 64 * 1024;

/// Whose connection it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A listener with bounds.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    places: Places,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Bounded {
        Bounded { listener, room: Arc::new(Semaphore::new(CONNECTIONS)), places: Places::default() }
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until told to stop, and then what has been asked.
    pub(super) async fn serve(self, router: Router, stop: CancellationToken) {
        let Bounded { mut listener, room, places } = self;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number = 0;
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick(), if !places.is_empty() => {
                    places.end_overdue(Instant::now());
                    continue;
                }
                accepted = Listener::accept(&mut listener) => accepted,
            };
            give_up_on_the_dead(&stream);
            let Some(permit) = room_for_one(&room, &places).await else { continue };
            number += 1;
            let kept = places.take(number, Instant::now());
            tokio::spawn(converse(
                stream,
                Peer(address),
                router.clone(),
                (Arc::clone(&room), permit),
                kept,
                stop.clone(),
            ));
        }
        drop(listener);
        places.end_idle();
        while !places.is_empty() {
            look.tick().await;
            places.end_overdue(Instant::now());
        }
    }
}

/// Has the system end a connection whose other side is no longer there, as a laptop that was closed: a line that is told little
/// would fill no buffer for hours, and the system's own patience is a quarter of an hour.
#[cfg(target_os = "linux")]
fn give_up_on_the_dead(stream: &TcpStream) {
    // Where it cannot be had, the system's patience has to do.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(super::places::UNREAD));
}

#[cfg(not(target_os = "linux"))]
fn give_up_on_the_dead(_: &TcpStream) {}

/// Room for another connection, be it that of somebody who has to give way; `None` where nobody has to for a while: then the
/// new one is closed at once.
async fn room_for_one(room: &Arc<Semaphore>, places: &Places) -> Option<OwnedSemaphorePermit> {
    let begin = Instant::now();
    loop {
        if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
            return Some(permit);
        }
        // Whoever had to go does so at once, unless it has gone by itself meanwhile. Else all are ours to answer, which changes
        // from one moment to the next. Those who come meanwhile wait with the system.
        let has_sent_off = places.make_room(Instant::now());
        if !has_sent_off && begin.elapsed() >= FULL {
            return None;
        }
        let wait = if has_sent_off { GOING } else { TRY };
        if let Ok(permit) = timeout(wait, Arc::clone(room).acquire_owned()).await {
            return permit.ok();
        }
    }
}

/// Answers on one connection for as long as it may stay.
async fn converse(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    // The permit is let go of once the connection is closed, and after the place: nobody is sent off who has none.
    (room, _permit): (Arc<Semaphore>, OwnedSemaphorePermit),
    kept: Kept,
    stop: CancellationToken,
) {
    let router = TowerToHyperService::new(router);
    let answers = service_fn(|request: hyper::Request<Incoming>| {
        let (place, router, room) = (Arc::clone(&kept.place), router.clone(), Arc::clone(&room));
        async move {
            // What is asked ahead of the answers waits while others wait for a place: who asks so has time.
            while place.is_asked_ahead() && room.available_permits() == 0 {
                sleep(AHEAD).await;
            }
            let (head, body) = request.into_parts();
            let Some(question) = Question::new(body, &place) else {
                // The connection ends under it.
                return std::future::pending().await;
            };
            let mut request = hyper::Request::from_parts(head, Body::new(question));
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = router.call(request).await?;
            if response.body().size_hint().exact().is_none() {
                place.streams();
            }
            Ok::<_, Infallible>(response.map(|body| Answer { body, place }))
        }
    });
    let io = TokioIo::new(Connection { stream, place: Arc::clone(&kept.place) });
    let mut conversation = pin!(http1::Builder::new().max_buf_size(LONGEST_HEAD).serve_connection(io, answers));
    let mut stopped = pin!(stop.cancelled());
    let mut is_stopping = false;
    loop {
        tokio::select! {
            end = conversation.as_mut() => {
                if let Err(error) = end {
                    tracing::trace!(%error, "a connection to the admin server has ended");
                }
                break;
            }
            () = kept.place.gone() => break,
            () = stopped.as_mut(), if !is_stopping => {
                is_stopping = true;
                conversation.as_mut().graceful_shutdown();
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_gives_up_on_a_dead_peer_as_soon_as_we_do() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        give_up_on_the_dead(&stream);
        let patience = socket2::SockRef::from(&stream).tcp_user_timeout().expect("a setting");
        assert_eq!(patience, Some(super::super::places::UNREAD));
    }
}
