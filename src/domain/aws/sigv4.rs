//! Signature Version 4, as AWS publishes it
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! Written from that page and held against AWS's own test suite and against botocore: the crate that does the same,
//! aws-sigv4 1.6, would bring 17 others along into every build.

use hmac::Mac;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, Method};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::secret::Secret;
use crate::domain::sign::keyed;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// All but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path, whose slashes stay.
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// `auth = { type = "aws_sigv4" }`: each request is signed with a key that never leaves.
#[derive(Clone, Debug)]
pub struct AwsSigV4 {
    /// Which key it is; it stands in each request.
    pub access_key_id: Secret,
    /// The key.
    pub secret_access_key: Secret,
    /// Goes with keys that end.
    pub session_token: Option<Secret>,
    /// As in `sa-east-1`.
    pub region: String,
    /// As in `sqs`.
    pub service: String,
}

/// What of a request is signed. Headers: their names in small letters, in any order.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: &'a [u8],
}

impl AwsSigV4 {
    /// The headers that let this request in at `now`; they replace others of their names.
    ///
    /// Signed are the host, the content type, and all headers that begin with `x-amz-`: what AWS asks for, and nothing that
    /// a proxy on the way might touch.
    pub fn headers_for(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(HeaderName, Secret)],
        body: &[u8],
        now: Timestamp,
    ) -> Vec<(HeaderName, Secret)> {
        let mut own = vec![(DATE, Secret::new(stamp(now)))];
        own.extend(self.session_token.iter().map(|token| (TOKEN, token.clone())));
        if self.is_s3() {
            own.push((CONTENT, Secret::new(digest(body))));
        }
        let is_own = |name: &HeaderName| own.iter().any(|(mine, _)| mine == name);
        let is_signed = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
        let theirs = headers.iter().filter(|(name, _)| is_signed(name) && !is_own(name));
        let mut signed: Vec<(String, String)> =
            theirs.chain(&own).map(|(name, value)| (name.to_string(), value.expose().to_owned())).collect();
        signed.push((HOST.to_string(), host(url)));
        let signable = Signable {
            method: method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            headers: signed,
            body,
        };
        own.push((AUTHORIZATION, Secret::new(self.authorization(signable, now))));
        own
    }

    /// What nobody may see.
    pub fn secrets(&self) -> Vec<Secret> {
        let both = [self.secret_access_key.clone(), self.access_key_id.clone()];
        both.into_iter().chain(self.session_token.clone()).collect()
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self, mut request: Signable<'_>, now: Timestamp) -> String {
        // Stable: several of one name stay in their order.
        request.headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let names = names(&request.headers);
        let stamp = stamp(now);
        let day = &stamp[..8];
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical = digest(self.canonical(&request, &names).as_bytes());
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{canonical}");
        let key = [day, &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret_access_key.expose()).into_bytes(), |key, part| hmac(&key, part));
        let signature = hex(&hmac(&key, &to_sign));
        let id = self.access_key_id.expose();
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    fn canonical(&self, request: &Signable<'_>, names: &str) -> String {
        let mut headers = String::new();
        let mut last = None;
        for (name, value) in &request.headers {
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            match last == Some(name) {
                true => headers.push(','),
                false => headers.push_str(&format!("{}{name}:", if last.is_some() { "\n" } else { "" })),
            }
            headers.push_str(&value);
            last = Some(name);
        }
        let (path, query) = (self.path(request.path), query(request.query));
        format!("{}\n{path}\n{query}\n{headers}\n\n{names}\n{}", request.method, digest(request.body))
    }

    /// Encoded once more than it is on the wire, with its dots and double slashes resolved; S3 takes it as it is, for keys
    /// may hold both.
    fn path(&self, path: &str) -> String {
        if self.is_s3() {
            return path.to_owned();
        }
        let mut kept: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(kept.pop()),
                part => kept.push(part),
            }
        }
        let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
        percent_encode(format!("/{}{end}", kept.join("/")).as_bytes(), ENCODED_IN_PATH).to_string()
    }

    fn is_s3(&self) -> bool {
        self.service == "s3"
    }
}

/// Parameters by name and value, each encoded in the one way that counts.
fn query(query: &str) -> String {
    let encoded = |part: &str| percent_encode(&percent_decode_str(part).collect::<Vec<u8>>(), ENCODED).to_string();
    let mut parts: Vec<(String, String)> = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parts.sort();
    parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// As it goes out: without the port that belongs to the scheme.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

fn names(headers: &[(String, String)]) -> String {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names.join(";")
}

/// `20150830T123600Z`
fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = keyed(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
