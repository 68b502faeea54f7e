//! A connection to RabbitMQ, and its channels.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::types::LongString;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::said::Said;
use super::wire::{Ready, runtime};
use crate::domain::outcome::{Answer, NoAnswer};
use crate::domain::span;
use crate::http_client::USER_AGENT;
use crate::transport::queue::dial::Dial;

/// The largest frame, in bytes: the client keeps room for 64 of them.
pub(super) const FRAME: u32 = 32 * 1024;

/// Each side tells the other so often that it is there; after twice that without a word the connection is given up.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Who we are, where the URL names nobody: what RabbitMQ's URI specification says for clients.
const GUEST: &str = "guest";

/// A connection, with the channels that nobody publishes over at the moment.
///
/// One message at a time goes over a channel. What RabbitMQ closes because of one message is closed for that one alone, and a
/// message that came back is surely the one that was published: confirms may come for many at once, and then the client
/// could not tell which of them came back.
pub(super) struct Link {
    connection: Connection,
    idle: Mutex<Vec<Channel>>,
    /// Why RabbitMQ takes nothing just now.
    blocked: watch::Receiver<Option<String>>,
    listener: AbortHandle,
}

impl Link {
    pub(super) async fn connect(dial: &Dial, vhost: &str) -> Result<Arc<Link>, Answer> {
        // Connection and TLS have the same patience each; what is agreed on behind them has it once more.
        let (ready, hangup) = Ready::connect(dial).await?;
        let handed = async move |uri, runtime| ready.take(uri, runtime);
        let properties = ConnectionProperties::default()
            .with_connection_name(LongString::from(USER_AGENT))
            .with_client_property("product".into(), LongString::from(USER_AGENT));
        let agreed = Connection::connector(uri(dial, vhost), runtime(), handed, properties);
        let agreed = tokio::time::timeout(dial.patience, agreed).await.map_err(|_| Answer::Nothing {
            why: NoAnswer::Timeout,
            detail: format!("RabbitMQ has not let us in within {}", span::format(dial.patience)),
        })?;
        let connection = agreed.map_err(|error| Said { place: None }.of(&error))?;
        hangup.never();
        let (tell, blocked) = watch::channel(None);
        let mut events = Box::pin(connection.events_listener());
        let listener = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let why = match event {
                    Event::ConnectionBlocked(why) => Some(why),
                    Event::ConnectionUnblocked => None,
                    _ => continue,
                };
                tracing::debug!(blocked = why.as_deref(), "what RabbitMQ says of taking messages has changed");
                let _ = tell.send(why);
            }
        });
        Ok(Arc::new(Link { connection, idle: Mutex::default(), blocked, listener: listener.abort_handle() }))
    }

    /// Whether nothing is known of its end.
    pub(super) fn stands(&self) -> bool {
        self.connection.status().connected()
    }

    /// A channel with confirms that nobody else publishes over. It is to be given back with [`Link::done`] once all that was
    /// published over it is confirmed, and dropped otherwise.
    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        while let Some(channel) = self.idle().pop() {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.new_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    /// A channel that is closed when it is dropped.
    pub(super) async fn new_channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// Nothing is under way over this channel.
    pub(super) fn done(&self, channel: Channel) {
        self.idle().push(channel);
    }

    /// Waits until RabbitMQ has said that it takes nothing now, and gives its reason. It says so only after something was
    /// published, and reads nothing more until it is over.
    pub(super) async fn is_blocked(&self) -> String {
        let mut blocked = self.blocked.clone();
        if let Ok(why) = blocked.wait_for(Option::is_some).await {
            return why.clone().unwrap_or_default();
        }
        // The connection has ended, and whoever publishes over it is told so.
        std::future::pending().await
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn uri(dial: &Dial, vhost: &str) -> AMQPUri {
    let server = &dial.server;
    let userinfo = match (server.user.as_str(), &server.password) {
        ("", None) => AMQPUserInfo { username: GUEST.to_owned(), password: GUEST.to_owned() },
        (user, password) => AMQPUserInfo {
            username: user.to_owned(),
            password: password.as_ref().map(|password| password.0.expose().to_owned()).unwrap_or_default(),
        },
    };
    AMQPUri {
        // Whether it is encrypted has been settled by then.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: server.host_name(), port: server.port },
        vhost: vhost.to_owned(),
        query: AMQPQueryString {
            frame_max: Some(FRAME),
            heartbeat: Some(HEARTBEAT.as_secs() as u16),
            ..AMQPQueryString::default()
        },
    }
}
