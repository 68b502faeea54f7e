//! AWS's own test suite for Signature Version 4
//! <https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4>: requests and their signatures.
//! Botocore's opinion of what goes to SQS stands in `tests/queues`.

use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, Method};
use jiff::Timestamp;
use url::Url;

use super::AwsSigV4;
use super::sigv4::Signable;
use crate::domain::secret::Secret;

const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";

fn key(service: &str) -> AwsSigV4 {
    AwsSigV4 {
        access_key_id: Secret::new("AKIDEXAMPLE"),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
        region: "us-east-1".into(),
        service: service.into(),
    }
}

fn then() -> Timestamp {
    "2015-08-30T12:36:00Z".parse().expect("a time")
}

/// The signature over a request line and its headers, beside the two that all have.
fn signature(line: &str, headers: &[(&str, &str)], body: &str) -> (String, String) {
    let (method, target) = line.split_once(' ').expect("a method");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let own = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    let headers = headers.iter().chain(&own).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let signed = key("service").authorization(Signable { method, path, query, headers, body: body.as_bytes() }, then());
    let (head, signature) = signed.rsplit_once("Signature=").expect("a signature");
    let names = head.rsplit_once("SignedHeaders=").expect("names").1.trim_end_matches(", ");
    assert!(head.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "));
    (names.to_owned(), signature.to_owned())
}

#[test]
fn the_test_suite_of_aws_agrees() {
    const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (line, expected) in [
        ("GET /", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET /example/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET /ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("GET /example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
        ("GET //example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        ("GET /./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        (&format!("GET /{UNRESERVED}"), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        (
            &format!("GET /?{UNRESERVED}={UNRESERVED}"),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("GET /?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("GET /?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        (
            "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        ("GET /?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("POST /?Param1=value1", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ] {
        assert_eq!(signature(line, &[], ""), ("host;x-amz-date".to_owned(), expected.to_owned()), "{line}");
    }
    for (headers, names, expected) in [
        (
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")][..],
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")],
            "host;my-header1;x-amz-date",
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
        (
            &[("x-amz-security-token", TOKEN)],
            "host;x-amz-date;x-amz-security-token",
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
    ] {
        assert_eq!(signature("GET /", headers, ""), (names.to_owned(), expected.to_owned()));
    }
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "13"),
        ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
    ];
    let expected = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b";
    assert_eq!(signature("POST /", &form, "Param1=value1").1, expected);
}

fn headers(key: &AwsSigV4, url: &str, headers: &[(HeaderName, &str)]) -> Vec<(String, String)> {
    let url = Url::parse(url).expect("a URL");
    let given: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), Secret::new(*value))).collect();
    let made = key.headers_for(&Method::GET, &url, &given, b"", then());
    made.into_iter().map(|(name, value)| (name.to_string(), value.expose().to_owned())).collect()
}

#[test]
fn a_request_gets_its_headers() {
    let made =
        headers(&key("service"), "https://example.amazonaws.com:443/", &[(USER_AGENT, "a"), (AUTHORIZATION, "b")]);
    assert_eq!(made[0], ("x-amz-date".to_owned(), "20150830T123600Z".to_owned()));
    assert!(made[1].1.ends_with("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"), "{made:?}");
    assert_eq!((made.len(), made[1].0.as_str()), (2, "authorization"));

    let ending = AwsSigV4 { session_token: Some(Secret::new(TOKEN)), ..key("service") };
    let forged = HeaderName::from_static("x-amz-security-token");
    let made = headers(&ending, "https://example.amazonaws.com/", &[(forged, "another")]);
    assert_eq!(made[1], ("x-amz-security-token".to_owned(), TOKEN.to_owned()));
    assert!(made[2].1.ends_with("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"), "{made:?}");
}

#[test]
fn what_is_signed_is_what_aws_asks_for() {
    let target = HeaderName::from_static("x-amz-target");
    let given = [(target, "AmazonSQS.SendMessage"), (CONTENT_TYPE, "application/x-amz-json-1.0"), (USER_AGENT, "a")];
    let made = headers(&key("sqs"), "http://127.0.0.1:5000/", &given);
    assert!(made[1].1.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target, "), "{made:?}");
    let made = headers(&key("s3"), "https://b.s3.us-east-1.amazonaws.com/a//b", &[]);
    assert!(made[2].1.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date, "), "{made:?}");
}

#[test]
fn it_prints_no_secret() {
    let ending = AwsSigV4 { session_token: Some(Secret::new(TOKEN)), ..key("sqs") };
    let printed = format!("{ending:?}");
    assert!(!printed.contains("AKID") && !printed.contains("wJal") && !printed.contains(TOKEN), "{printed}");
    assert_eq!(ending.secrets().len(), 3);
}
