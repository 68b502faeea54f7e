//! What AWS says when it does not take a request, and what a person can do about it.

use serde_json::Value;

use crate::domain::outcome::Response;

/// What can be done about this answer; `None`: it was accepted, or says nothing of which more is known.
///
/// Never holds anything of what was sent: AWS repeats whole requests in some refusals.
pub fn hint(response: &Response) -> Option<String> {
    let code = refusal(response)?;
    let body = String::from_utf8_lossy(&response.body);
    let what = match code.as_str() {
        // In JSON a clock that goes wrong is one of the reasons for this one, and told in its text.
        "InvalidSignatureException" if body.contains("Signature expired") || body.contains("not yet current") => CLOCK,
        "RequestTimeTooSkewed" | "RequestExpired" => CLOCK,
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => {
            "look at secret_access_key, at region and service, and at this machine's clock"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken" => "AWS does not know the key: look at access_key_id and session_token",
        "ExpiredToken" | "ExpiredTokenException" => {
            "the session_token has ended: write a new one, with its key, then `leadhook reload`"
        }
        "AccessDenied" | "AccessDeniedException" | "NotAuthorized" => {
            "the key may not do this: a queue wants sqs:SendMessage in its policy or the key's"
        }
        "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" | "QueueDeletedRecently" => {
            "look at the url: there is no such queue in this region and account"
        }
        "InvalidParameterValue" | "InvalidParameterValueException" if body.contains("must be shorter than") => {
            "the queue takes smaller messages: set max_body to its maximum message size less 4 KiB, and write fewer `fields`, \
             payload = \"thin\" or a smaller body"
        }
        code if code.starts_with("Kms") => {
            "it is about the queue's KMS key: the key must be on, and leadhook's may use it"
        }
        _ => return Some(format!("AWS says {code}")),
    };
    Some(format!("AWS says {code}: {what}"))
}

const CLOCK: &str =
    "this machine's clock is wrong, by more than the five or fifteen minutes that AWS allows; set it (NTP)";

/// The name of a refusal, as in `AccessDenied`: in JSON `__type`, behind a namespace or not; in REST a header; in XML `<Code>`.
/// `None`: it is none, or none of AWS's.
pub fn refusal(response: &Response) -> Option<String> {
    if response.status < 400 {
        return None;
    }
    let header = || {
        let (_, value) = response.headers.iter().find(|(name, _)| name == "x-amzn-errortype")?;
        Some(value.clone())
    };
    let json = || {
        let body: Value = serde_json::from_slice(&response.body).ok()?;
        ["__type", "code"].iter().find_map(|key| body.get(key)?.as_str().map(str::to_owned))
    };
    let xml = || {
        let body = String::from_utf8_lossy(&response.body);
        let (_, behind) = body.split_once("<Code>")?;
        Some(behind.split_once("</Code>")?.0.to_owned())
    };
    let written = json().or_else(header).or_else(xml)?;
    let name = written.rsplit('#').next()?.split(':').next()?.trim();
    let is_name = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Response { status, retry_after: None, headers, body: body.as_bytes().to_vec(), cut: false }
    }

    #[test]
    fn each_way_of_saying_it_is_understood() {
        let xml =
            "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><StringToSign>x</StringToSign></Error>";
        let late = r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired: 20261126T0 is now earlier than 20261126T1"}"#;
        for (answer, told) in [
            (answer(403, &[], xml), "AWS says SignatureDoesNotMatch: look at secret_access_key"),
            (answer(400, &[], late), "AWS says InvalidSignatureException: this machine's clock is wrong"),
            (
                answer(403, &[("x-amzn-errortype", "UnrecognizedClientException:http://x/")], "{\"message\":\"no\"}"),
                "AWS says UnrecognizedClientException: AWS does not know the key",
            ),
            (answer(403, &[], "<Code>RequestTimeTooSkewed</Code>"), "this machine's clock"),
            (answer(400, &[], r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#), "there is no such queue"),
            (answer(400, &[], r#"{"__type":"KmsDisabled"}"#), "the queue's KMS key"),
            (answer(400, &[], r#"{"__type":"x#SomethingElse"}"#), "AWS says SomethingElse"),
            (
                answer(
                    400,
                    &[],
                    r#"{"__type":"x#InvalidParameterValue","message":"Message must be shorter than 1024 bytes."}"#,
                ),
                "write fewer `fields`",
            ),
        ] {
            let said = hint(&answer).expect(told);
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_no_refusal_of_theirs() {
        for answer in [
            answer(200, &[], r#"{"__type":"x#QueueDoesNotExist"}"#),
            answer(403, &[], "<html>Forbidden</html>"),
            answer(400, &[], "{\"__type\":\"Maria Silva\"}"),
            answer(500, &[], ""),
        ] {
            assert_eq!(hint(&answer), None);
        }
    }
}
