//! `leadhook verify`: was this request signed with this secret?

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::domain::sign::{SigningSecret, verifies};
use crate::domain::{clock, span};

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The body, byte for byte as it arrived; standard input without it
    body: Option<PathBuf>,
    /// What `webhook-id` said
    #[arg(long)]
    id: String,
    /// What `webhook-timestamp` said, in seconds since 1970
    #[arg(long)]
    timestamp: i64,
    /// What `webhook-signature` said
    #[arg(long)]
    signature: String,
    /// The secret; safer from the variable, which other users of the machine cannot see
    #[arg(long, env = "LEADHOOK_SECRET", hide_env_values = true, conflicts_with = "destination")]
    secret: Option<String>,
    /// The secrets of this destination in the file, instead
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
}

#[derive(Serialize)]
struct Verified {
    valid: bool,
    /// How old the request is now, in seconds. Receivers refuse old ones, as a rule from five minutes on.
    age_seconds: u64,
}

pub fn verify(global: &Global, args: &VerifyArgs, output: &Output) -> Result<Exit, Failure> {
    let secrets = secrets(global, args)?;
    let body = body(args.body.as_deref())?;
    let valid = secrets.iter().any(|secret| verifies(secret, &args.id, args.timestamp, &body, &args.signature));
    let age = Timestamp::from_second(args.timestamp).map_or(Duration::ZERO, |at| clock::elapsed(at, Timestamp::now()));
    output.print(&Verified { valid, age_seconds: age.as_secs() }, |verified| {
        if verified.valid {
            format!("the signature is good; the request is {} old", span::format(Duration::from_secs(verified.age_seconds)))
        } else {
            "the signature is NOT good: another secret, or the body, the id or the timestamp is not what was sent (the body must be \
             the very bytes that arrived, before any JSON parser)"
                .to_owned()
        }
    })?;
    Ok(if valid { Exit::Done } else { Exit::NeedsALook })
}

fn secrets(global: &Global, args: &VerifyArgs) -> Result<Vec<SigningSecret>, Failure> {
    if let Some(name) = &args.destination {
        let config = global.load()?.config;
        let found = config.destinations.into_iter().find(|d| d.name == *name);
        let found = found.ok_or_else(|| Failure::usage(format!("there is no destination `{name}` in the file")))?;
        if found.secrets.is_empty() {
            return Err(Failure::usage(format!(
                "destination `{name}` has no secret: what is sent there is not signed"
            )));
        }
        return Ok(found.secrets);
    }
    let secret = args
        .secret
        .as_deref()
        .ok_or_else(|| Failure::usage("give the secret in LEADHOOK_SECRET, or --destination NAME"))?;
    Ok(vec![SigningSecret::parse(secret).map_err(Failure::usage)?])
}

fn body(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match file.filter(|path| *path != Path::new("-")) {
        Some(path) => std::fs::read(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display()))),
        None => {
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body)?;
            Ok(body)
        }
    }
}
