//! Redis Streams: a message becomes an entry, with a field for each header and one for the body.

mod answers;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError, Value, cmd};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::Client;
use super::dial::Dial;
use super::kept::Kept;
use super::message::Message;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};
use crate::domain::queue::Place;
use crate::domain::size;

/// The field of the body; those of the headers have their names.
const BODY: &str = "body";

/// These come first, in this order.
const SIGNED: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// `proto-max-bulk-len` as it is where nobody has changed it, in bytes.
const LONGEST: u64 = 512 << 20;

/// More databases than this are nobody's plan but a template's; the connections to them are not all kept.
const DATABASES: usize = 16;

/// The client of one destination.
pub struct Redis {
    dial: Dial,
    /// One connection for each database: which one is spoken to is a state of the connection.
    kept: Mutex<BTreeMap<u32, Arc<Kept<Line>>>>,
}

/// A connection that has come in and chosen its database. It ends with its last clone.
#[derive(Clone)]
struct Line {
    connection: MultiplexedConnection,
    /// No field may be longer, in bytes: the server would close the connection.
    longest: u64,
    driver: Arc<Driver>,
}

/// What reads and writes.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Redis {
    /// Nothing is connected yet.
    pub fn new(dial: Dial) -> Redis {
        Redis { dial, kept: Mutex::default() }
    }

    fn kept(&self, db: u32) -> Arc<Kept<Line>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(&db) && kept.len() >= DATABASES {
            // Those who use them keep them until they are done.
            kept.clear();
        }
        Arc::clone(kept.entry(db).or_insert_with(|| Arc::new(Kept::within(self.dial.patience))))
    }

    /// A connection that has not ended so far as is known.
    async fn line(&self, kept: &Kept<Line>, db: u32) -> Result<(Line, u64), Answer> {
        let (line, generation) = kept.get(|| self.connect(db)).await?;
        if !line.driver.0.is_finished() {
            return Ok((line, generation));
        }
        kept.lost(generation).await;
        kept.get(|| self.connect(db)).await
    }

    async fn connect(&self, db: u32) -> Result<Line, Answer> {
        let come_in = async {
            match self.dial.server.tls {
                true => self.come_in(self.dial.connect_tls().await?, db).await,
                false => self.come_in(self.dial.connect().await?, db).await,
            }
            .map_err(|answer| self.dial.not_let_in(answer))
        };
        // Connecting has a patience of its own; what is said after it shall not take longer.
        match tokio::time::timeout(self.dial.patience, come_in).await {
            Ok(end) => end,
            Err(_) => {
                Err(Answer::Nothing { why: NoAnswer::Timeout, detail: "it takes the connection and is silent".into() })
            }
        }
    }

    async fn come_in<S>(&self, stream: S, db: u32) -> Result<Line, Answer>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Nothing is said by the client itself: what the server answers is then told apart here.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (connection, driver) = made.map_err(|error| self.answer(&error))?;
        let driver = Arc::new(Driver(tokio::spawn(driver)));
        let mut line = Line { connection, longest: LONGEST, driver };

        let server = &self.dial.server;
        let password = server.password.as_ref().map(|password| password.0.expose());
        let auth = match (server.user.as_str(), password) {
            ("", None) => None,
            ("", Some(password)) => Some(cmd("AUTH").arg(password).take()),
            (user, password) => Some(cmd("AUTH").arg(user).arg(password.unwrap_or_default()).take()),
        };
        if let Some(auth) = auth {
            line.ask(&auth).await.map_err(|error| self.answer(&error))?;
        }
        if db != 0 {
            line.ask(cmd("SELECT").arg(db)).await.map_err(|error| self.answer(&error))?;
        }
        match line.ask(cmd("CONFIG").arg("GET").arg("proto-max-bulk-len")).await {
            Ok(said) => line.longest = answers::longest(&said).unwrap_or(LONGEST),
            // Whoever must come in first can do nothing else either.
            Err(error) if error.code() == Some("NOAUTH") => return Err(self.answer(&error)),
            // Few may ask, and what nobody has changed is as it was.
            Err(error) if error.code().is_some() => {}
            Err(error) => return Err(self.answer(&error)),
        }
        Ok(line)
    }

    async fn publish(&self, db: u32, stream: &str, maxlen: Option<u64>, message: Message) -> Answer {
        let kept = self.kept(db);
        let (mut line, generation) = match self.line(&kept, db).await {
            Ok(line) => line,
            Err(answer) => return answer,
        };
        let fields = fields(&message);
        let long = fields.iter().map(|(_, value)| value.len() as u64).max().unwrap_or_default();
        if long > line.longest {
            let (most, long) = (size::format(line.longest), size::format(long));
            let detail = format!("the server takes up to {most} (proto-max-bulk-len), and this is {long}");
            return Answer::Refused { why: Refusal::TooLarge, detail };
        }
        let mut add = cmd("XADD");
        add.arg(stream);
        if let Some(maxlen) = maxlen {
            add.arg("MAXLEN").arg("~").arg(maxlen);
        }
        add.arg("*").arg(&fields);
        drop(fields);

        let waiting = kept.waiting_over(generation);
        let end = line.ask(&add).await;
        waiting.heard();
        match end {
            Ok(said) => match answers::text(&said) {
                Some(id) => Answer::Taken { receipt: format!("stream {stream}, id {id}") },
                None => Answer::Nothing { why: NoAnswer::Protocol, detail: "it has answered with no id".to_owned() },
            },
            Err(error) => {
                // A server that has become a replica says so for ever, while its name may lead to the new one already.
                if error.code().is_none() || matches!(error.code(), Some("READONLY" | "NOAUTH")) {
                    kept.lost(generation).await;
                }
                self.answer(&error)
            }
        }
    }

    /// What an error means: a refusal of the server's, or a connection that failed.
    fn answer(&self, error: &RedisError) -> Answer {
        match error.code() {
            Some(code) => answers::refused(code, error.detail().unwrap_or_default()),
            // The client keeps what it was told in an `Arc`, in which nobody finds it who looks for its type.
            None => match error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>()) {
                Some(cause) => self.dial.failed(&**cause),
                None => self.dial.failed(error),
            },
        }
    }

    async fn look(&self, db: u32, stream: Option<&str>) -> Result<String, String> {
        let (mut line, _) = self.line(&self.kept(db), db).await.map_err(|answer| answer.said())?;
        let Some(stream) = stream else {
            return Ok("it lets us in; each event has a stream of its own, so none was looked for".to_owned());
        };
        let kind = match line.ask(cmd("TYPE").arg(stream)).await {
            Ok(said) => answers::text(&said),
            Err(error) if error.code() == Some("NOPERM") => None,
            Err(error) => return Err(self.answer(&error).said()),
        };
        let there = match kind.as_deref() {
            None => format!("the stream {stream}"),
            Some("none") => format!("the stream {stream}, which the first message will make"),
            Some("stream") => format!("the stream {stream}, which is there"),
            Some(other) => {
                return Err(format!(
                    "{stream} is there and holds a {other}, no stream; name another `stream` in `url`"
                ));
            }
        };
        // An entry with this id there can never be: all that is asked before it would be added is asked, and nothing added.
        match line.ask(cmd("XADD").arg(stream).arg("0-0").arg(BODY).arg("")).await {
            Err(error) if error.code() == Some("ERR") => Ok(format!("we may add to {there}")),
            Err(error) => Err(self.answer(&error).said()),
            Ok(_) => Err(format!("{stream} has taken an entry that no Redis takes; is there something else?")),
        }
    }
}

impl Client for Redis {
    fn publish<'a>(&'a self, to: &'a Place, message: Message) -> BoxFuture<'a, Answer> {
        async move {
            match to {
                Place::Stream { db, stream, maxlen } => self.publish(*db, stream, *maxlen, message).await,
                other => unfit(other),
            }
        }
        .boxed()
    }

    fn look<'a>(&'a self, at: Option<&'a Place>) -> BoxFuture<'a, Result<String, String>> {
        async move {
            match at {
                Some(Place::Stream { db, stream, .. }) => self.look(*db, Some(stream)).await,
                None => self.look(0, None).await,
                Some(other) => Err(unfit(other).said()),
            }
        }
        .boxed()
    }
}

/// A place of another broker never gets here.
fn unfit(place: &Place) -> Answer {
    Answer::Refused { why: Refusal::Unfit, detail: format!("{place} is no stream of Redis") }
}

impl Line {
    async fn ask(&mut self, asked: &Cmd) -> Result<Value, RedisError> {
        match self.connection.send_packed_command(asked).await {
            Ok(Value::ServerError(error)) => Err(error.into()),
            end => end,
        }
    }
}

/// The fields of an entry: what is signed with, the body, and the file's own headers.
fn fields(message: &Message) -> Vec<(&str, &[u8])> {
    let headers = message.header_texts().map(|(name, value)| (name, value.as_bytes()));
    let (mut fields, own): (Vec<_>, Vec<_>) = headers.partition(|(name, _)| SIGNED.contains(name));
    fields.sort_by_key(|(name, _)| SIGNED.iter().position(|signed| signed == name));
    fields.push((BODY, message.body.as_slice()));
    fields.extend(own);
    fields
}
