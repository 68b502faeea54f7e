//! Messages for Amazon SQS: a request as HTTP would carry it, wrapped into SendMessage of its JSON API
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, Method};
use serde_json::{Map, Value, json};
use url::Url;

use crate::domain::request::{AGENT, Body};
use crate::domain::secret::Secret;

/// A message has at most so many attributes of the file's own: ten in all, and three are the webhook's.
pub const OWN_ATTRIBUTES: usize = 7;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const JSON: &str = "application/x-amz-json-1.0";

/// What goes into a message.
pub struct Message<'a> {
    /// The event's id, by which a FIFO queue knows a repeat for five minutes.
    pub id: &'a str,
    /// What a FIFO queue keeps in order: the lead.
    pub group: &'a str,
    /// The event as HTTP would carry it.
    pub body: &'a Body,
    /// Its attributes: webhook-id, webhook-timestamp, webhook-signature, and the file's own headers.
    pub attributes: Vec<(HeaderName, Secret)>,
}

/// A call of SQS's API, to be signed.
pub struct Call {
    /// POST
    pub method: Method,
    /// The API is at the root of the queue's host.
    pub url: Url,
    /// What it is, and who asks.
    pub headers: Vec<(HeaderName, Secret)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// The call that puts this message into the queue of this URL.
pub fn send_message(queue: &Url, message: &Message<'_>) -> Call {
    let attributes: Map<String, Value> = message
        .attributes
        .iter()
        // SQS refuses a message over an attribute without a value.
        .filter(|(_, value)| !value.expose().is_empty())
        .map(|(name, value)| (name.to_string(), json!({ "DataType": "String", "StringValue": value.expose() })))
        .collect();
    let mut body = json!({
        "QueueUrl": name_of(queue),
        "MessageBody": String::from_utf8_lossy(&message.body.0),
        "MessageAttributes": attributes,
    });
    if is_fifo(queue) {
        body["MessageGroupId"] = message.group.into();
        body["MessageDeduplicationId"] = message.id.into();
    }
    call(queue, "AmazonSQS.SendMessage", &body)
}

/// The call that asks how large a message may be, and shows by its answer that the queue is there and the key is good.
pub fn get_attributes(queue: &Url) -> Call {
    let body = json!({ "QueueUrl": name_of(queue), "AttributeNames": ["MaximumMessageSize", "KmsMasterKeyId"] });
    call(queue, "AmazonSQS.GetQueueAttributes", &body)
}

/// A body with nothing in it that SQS would replace by U+FFFD, for then no signature would be good any more. JSON says the
/// same in another way; other texts get that letter before they are signed.
pub fn carried(body: Body) -> Body {
    let is_carried = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let Ok(text) = std::str::from_utf8(&body.0) else {
        return Body(String::from_utf8_lossy(&body.0).into_owned().into_bytes());
    };
    if text.chars().all(is_carried) {
        return body;
    }
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mut carried = String::with_capacity(text.len());
    for c in text.chars() {
        match (is_carried(c), is_json) {
            (true, _) => carried.push(c),
            // Within JSON no other letters than U+FFFE and U+FFFF come here, and those within texts alone.
            (false, true) => carried.push_str(&format!("\\u{:04x}", u32::from(c))),
            (false, false) => carried.push('\u{fffd}'),
        }
    }
    Body(carried.into_bytes())
}

/// Whether it is a FIFO queue, as its name says.
pub fn is_fifo(queue: &Url) -> bool {
    queue.path().trim_end_matches('/').ends_with(".fifo")
}

fn call(queue: &Url, target: &str, body: &Value) -> Call {
    let mut url = queue.clone();
    url.set_path("/");
    url.set_query(None);
    let headers = [(CONTENT_TYPE, JSON), (TARGET, target), (USER_AGENT, AGENT)];
    Call {
        method: Method::POST,
        url,
        headers: headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        body: body.to_string().into_bytes(),
    }
}

/// The queue's URL as AWS knows it.
fn name_of(queue: &Url) -> String {
    let mut name = queue.clone();
    name.set_query(None);
    // A URL with a host, as this is, takes both.
    let _ = name.set_username("");
    let _ = name.set_password(None);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(queue: &str) -> (Call, Value) {
        let attributes = [("webhook-id", "evt_1"), ("webhook-timestamp", "7"), ("x-empty", ""), ("x-tenant", "br")];
        let message = Message {
            id: "evt_1",
            group: "42",
            body: &Body("{\"a\":\"é \\\"\"}".into()),
            attributes: attributes.iter().map(|(n, v)| (HeaderName::from_static(n), Secret::new(*v))).collect(),
        };
        let call = send_message(&Url::parse(queue).expect("a URL"), &message);
        let body = serde_json::from_slice(&call.body).expect("JSON");
        (call, body)
    }

    #[test]
    fn a_message_holds_the_body_as_it_is() {
        let queue = "https://sqs.sa-east-1.amazonaws.com/123456789012/leads.fifo";
        let (call, body) = made(queue);
        assert_eq!((call.method.as_str(), call.url.as_str()), ("POST", "https://sqs.sa-east-1.amazonaws.com/"));
        let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
        assert_eq!(
            body,
            json!({
                "QueueUrl": queue,
                "MessageBody": "{\"a\":\"é \\\"\"}",
                "MessageAttributes":
                    { "webhook-id": text("evt_1"), "webhook-timestamp": text("7"), "x-tenant": text("br") },
                "MessageGroupId": "42",
                "MessageDeduplicationId": "evt_1",
            })
        );
        let headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(
            headers[..2],
            [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.SendMessage")]
        );
    }

    #[test]
    fn a_standard_queue_has_neither_groups_nor_repeats() {
        let (call, body) = made("http://user:pw@127.0.0.1:5000/123456789012/leads?x=1");
        assert_eq!(body.get("MessageGroupId"), None);
        assert_eq!(body.get("MessageDeduplicationId"), None);
        assert_eq!(body["QueueUrl"], "http://127.0.0.1:5000/123456789012/leads");
        assert_eq!(call.url.path(), "/");
    }

    #[test]
    fn nothing_is_sent_that_would_be_replaced_on_the_way() {
        let carried = |text: &str| String::from_utf8(carried(Body(text.into())).0).expect("text");
        for same in ["{\"a\":\"\\u0000 é 😀\"}", "a\tb\r\n", "<a>\u{fffd}</a>", "\u{7f}"] {
            assert_eq!(carried(same), same);
        }
        let json = carried("{\"a\":\"x\u{ffff}\"}");
        assert_eq!(json, "{\"a\":\"x\\uffff\"}");
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON")["a"], "x\u{ffff}");
        assert_eq!(carried("a\u{0}b\u{fffe}"), "a\u{fffd}b\u{fffd}");
    }
}
