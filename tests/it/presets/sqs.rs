//! What the answers of Amazon SQS lead to, as its pages tell of them; tests/queues sends to an emulator.

use serde_json::Value;

use super::stage::*;
use crate::support::*;

/// Its API, for one queue.
fn page(request: &Request) -> Said {
    let refused = |name: &str| refusal(400, name);
    if request.line != "POST /" || request.headers["x-amz-target"] != "AmazonSQS.SendMessage" {
        return refused("InvalidAction");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let signed = request.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AKID/");
    match (signed, body["MessageGroupId"].as_str(), body["MessageDeduplicationId"].as_str()) {
        (true, Some("1"), Some(id)) if id.starts_with("evt_") => said(200, "", "{\"MessageId\": \"m-1\"}"),
        (false, ..) => refusal(403, "MissingAuthenticationToken"),
        _ => refused("MissingParameter"),
    }
}

fn refusal(status: u16, name: &str) -> Said {
    let body = format!("{{\"__type\": \"com.amazonaws.sqs#{name}\", \"message\": \"...\"}}");
    said(status, "content-type: application/x-amz-json-1.0\r\n", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqs_answers_leads_where_it_should() {
    let again = |name: &'static str, status: u16| mode(name, refusal(status, name), Fate::Delivered, 2);
    let dead = |name: &'static str| mode(name, refusal(400, name), Fate::Dead, 1);
    let modes = vec![
        again("RequestThrottled", 400),
        again("KmsThrottled", 400),
        again("ThrottlingException", 400),
        again("QueueDoesNotExist", 400),
        again("AccessDeniedException", 400),
        again("InvalidClientTokenId", 403),
        again("SignatureDoesNotMatch", 403),
        again("InvalidSignatureException", 400),
        again("ExpiredTokenException", 400),
        again("RequestExpired", 400),
        again("KmsDisabled", 400),
        again("InternalFailure", 500),
        again("ServiceUnavailable", 503),
        dead("InvalidMessageContents"),
        dead("InvalidParameterValue"),
        dead("UnsupportedOperation"),
    ];
    let keys = "auth = { access_key_id = \"AKID\", secret_access_key = \"s\", region = \"sa-east-1\" }";
    answers_lead_to("sqs", "/123456789012/leads.fifo", keys, page, modes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_is_refused_says_what_to_do() {
    let body = "{\"__type\": \"com.amazonaws.sqs#InvalidClientTokenId\", \"message\": \"...\"}";
    let sqs = Raw::start(|_, _| Reply::new(403, "content-type: application/x-amz-json-1.0\r\n", body)).await;
    let keys = "auth = { access_key_id = \"AKID\", secret_access_key = \"s\", region = \"sa-east-1\" }";
    let url = format!("{}/123456789012/leads.fifo", sqs.url());
    let place = Place::new(&File::new("http://127.0.0.1:1").to("queue", &url, &format!("preset = \"sqs\"\n{keys}")));
    let ran = place.run(&["destination", "test", "queue"]);
    let told = "HTTP 403, but AWS says InvalidClientTokenId: AWS does not know the key: look at access_key_id";
    assert!(ran.code == 1 && ran.out.contains(told), "{ran:?}");
}
