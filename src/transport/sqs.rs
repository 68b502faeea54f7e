//! What can be seen of a queue of Amazon SQS before anything is sent.

use serde_json::Value;
use url::Url;

use crate::domain::aws;
use crate::domain::destination::Destination;
use crate::domain::form::Wrap;
use crate::domain::outcome::{Answer, Response};

/// Room for attributes beside a body, in bytes: three of them with a signature of each secret.
const ATTRIBUTES: usize = 4 * 1024;

/// How a queue is looked at.
pub(super) struct Look {
    /// `None`: it is another one for each event.
    pub(super) queue: Option<Url>,
    /// The largest body that the file lets out; `None`: no limit.
    max_body: Option<usize>,
}

impl Look {
    /// `None`: the destination is no queue of SQS.
    pub(super) fn at(destination: &Destination) -> Option<Look> {
        let form = &destination.form;
        (form.wrap == Some(Wrap::Sqs))
            .then(|| Look { queue: form.literal_url(), max_body: form.limit.map(|limit| limit.bytes) })
    }

    /// What the answer to GetQueueAttributes says: what is there, or what is wrong and what to do.
    pub(super) fn said(&self, answer: &Answer) -> Result<String, String> {
        let Answer::Got(response) = answer else { return Err(answer.said()) };
        if response.status != 200 {
            // Who may send need not be one who may look.
            let may_not_look = aws::refusal(response).is_some_and(|refusal| refusal.starts_with("AccessDenied"));
            return match aws::hint(response) {
                _ if may_not_look => Ok(
                    "the key is good, and may not look at the queue (sqs:GetQueueAttributes); whether it may send shows with \
                     the first message"
                        .to_owned(),
                ),
                Some(hint) => Err(format!("{}, {hint}", answer.said())),
                None => Err(answer.said()),
            };
        }
        let Some(takes) = takes(response) else {
            return Err("HTTP 200, but the answer is not SQS's; look at the url".to_owned());
        };
        let room = takes.saturating_sub(ATTRIBUTES);
        if self.max_body.is_none_or(|max_body| max_body > room) {
            return Err(format!(
                "the queue is there and takes messages up to {} KiB; write max_body = \"{}KiB\", or raise the queue's maximum \
                 message size",
                takes / 1024,
                (room / 1024).max(1)
            ));
        }
        Ok("the queue is there, and the key is good; whether it may send shows with the first message".to_owned())
    }
}

/// How large a message may be, in bytes.
fn takes(response: &Response) -> Option<usize> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    body.pointer("/Attributes/MaximumMessageSize")?.as_str()?.parse().ok()
}
