//! What RabbitMQ's words mean, in ours. Its own carry names, and in a template's names stands what a lead has said.

use lapin::ErrorKind;
use lapin::protocol::AMQPError;

use crate::domain::outcome::{Answer, NoAnswer, Refusal};
use crate::domain::queue::Place;

/// Codes of AMQP 0-9-1, and of RabbitMQ's "Protocol errors".
const CONNECTION_FORCED: u16 = 320;
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const RESOURCE_ERROR: u16 = 506;
const NOT_ALLOWED: u16 = 530;

const NO_VHOST: &str = "RabbitMQ has no such virtual host, or does not let this user into it: look at the path of `url`, and \
                        give the user permissions there (`rabbitmqctl set_permissions`)";

/// Explains errors on the way to this place; `None`: it may not be named.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) place: Option<&'a Place>,
}

impl Said<'_> {
    pub(super) fn of(self, error: &lapin::Error) -> Answer {
        let nothing = |why: NoAnswer, detail: &str| Answer::Nothing { why, detail: detail.to_owned() };
        match error.kind() {
            ErrorKind::ProtocolError(error) => self.of_protocol(error),
            ErrorKind::IOError(_)
            | ErrorKind::RuntimeShutdownError(_)
            | ErrorKind::InvalidChannel(_)
            | ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidConnectionState(_) => nothing(NoAnswer::Reset, "RabbitMQ's connection has ended"),
            ErrorKind::MissingHeartbeatError => nothing(NoAnswer::Reset, "RabbitMQ was not heard of for too long"),
            ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => {
                nothing(NoAnswer::Protocol, "it does not speak AMQP 0-9-1 as RabbitMQ does; is it the right port?")
            }
            // More are under way than a connection of RabbitMQ's has channels.
            ErrorKind::ChannelsLimitReached => {
                let detail = "there are no more channels; write a smaller `concurrency`".to_owned();
                Answer::Refused { why: Refusal::Busy, detail }
            }
            _ => nothing(NoAnswer::Protocol, ""),
        }
    }

    fn of_protocol(self, error: &AMQPError) -> Answer {
        let refused = |why: Refusal, detail: String| Answer::Refused { why, detail };
        let text = error.get_message().as_str();
        match error.get_id() {
            ACCESS_REFUSED if text.contains("Login") => {
                let detail = "RabbitMQ does not know this user and password: look at what stands in `url` before the @";
                refused(Refusal::Denied, detail.to_owned())
            }
            ACCESS_REFUSED => {
                let place = self.place.map_or_else(|| "that exchange or queue".to_owned(), Place::to_string);
                refused(
                    Refusal::Denied,
                    format!(
                        "the user of `url` has no permission for {place}; `rabbitmqctl set_permissions` lets it write there"
                    ),
                )
            }
            NOT_FOUND => {
                let place = self.place.map_or_else(|| "the exchange or queue".to_owned(), Place::to_string);
                refused(Refusal::NotThere, format!("{place} is not there; declare it"))
            }
            // "message size 70123 is larger than configured max size 65536"
            PRECONDITION_FAILED if text.contains("message size") => {
                let sizes: Vec<&str> =
                    text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()).collect();
                let detail = match sizes.as_slice() {
                    [size, most] => format!("it has {size} bytes, and RabbitMQ's max_message_size is {most}"),
                    _ => String::new(),
                };
                refused(Refusal::TooLarge, detail)
            }
            NOT_ALLOWED => refused(Refusal::NotThere, NO_VHOST.to_owned()),
            CONNECTION_FORCED => {
                let detail = "RabbitMQ has closed the connection, as when it is stopped".to_owned();
                Answer::Nothing { why: NoAnswer::Reset, detail }
            }
            RESOURCE_ERROR => refused(Refusal::Busy, "RabbitMQ has no resources for it now".to_owned()),
            code => refused(Refusal::Other, format!("RabbitMQ's code is {code}; its log says more")),
        }
    }

    /// RabbitMQ reads nothing from those who publish, for want of memory or room on its disk.
    pub(super) fn blocked(self, why: &str) -> Answer {
        let known = ["low on memory", "low on disk", "low on memory & disk"].into_iter().find(|known| *known == why);
        let detail = match known {
            None => "RabbitMQ takes no messages now".to_owned(),
            Some(why) => format!("RabbitMQ takes no messages while it is {why}"),
        };
        Answer::Refused { why: Refusal::Busy, detail }
    }
}

/// A message that came back.
pub(super) fn unrouted(to: &Place) -> Answer {
    let detail = match to {
        Place::Exchange { exchange, .. } if exchange.is_empty() => "there is no such queue; declare it",
        _ => "no queue is bound to the exchange for this routing key; bind one",
    };
    Answer::Refused { why: Refusal::NotThere, detail: detail.to_owned() }
}

/// Whether it is the virtual host that was refused, by which time user and password are believed.
pub(super) fn is_vhost(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { detail, .. } if detail == NO_VHOST)
}
