//! `leadhook auth`: signing in to a destination by hand, once; from then on its token is renewed by itself.
//!
//! Whoever has the store exchanges the code, the running service as a rule: there the tokens stay, and are never shown.

use std::io::Write;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Html;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::{Host, Url};

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, hence};
use crate::admin::{reach, reach_or_make};
use crate::app::operator::{SignIn as Exchange, TokenAsk, TokenReply, TokenShow};
use crate::config::Config;
use crate::domain::oauth2::sign_in::{NoCode, SignIn};
use crate::domain::oauth2::{Grant, OAuth2};
use crate::domain::secret::Secret;
use crate::domain::span;

#[derive(Debug, clap::Args)]
pub struct AuthArgs {
    /// The destination's name in the file
    name: String,
    /// Only show how it stands with its token; asks nobody
    #[arg(long, conflicts_with_all = ["paste", "code", "wait"])]
    status: bool,
    /// Do not listen for the browser: read the URL that it came back with, or the code alone, from standard input
    #[arg(long, conflicts_with_all = ["code", "wait"])]
    paste: bool,
    /// A code that was had without leadhook's URL, as some vendors' consoles show one; - for standard input
    #[arg(long, value_name = "CODE", conflicts_with = "wait")]
    code: Option<String>,
    /// How long to wait for the browser
    #[arg(long, default_value = "10m", value_parser = span::parse, value_name = "DURATION")]
    wait: Duration,
}

pub async fn auth(global: &Global, args: AuthArgs, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    let oauth2 = of_destination(&config, &args.name)?;
    let name = args.name.clone();
    let reply = if args.status {
        reach(&config).await?.ask(TokenShow { name }).await?
    } else if let Some(code) = args.code {
        let code = if code == "-" { read_line().await? } else { code };
        let (code, redirect_url) = (code.trim().to_owned(), oauth2.redirect_url.as_ref().map(Url::to_string));
        must_be_signed_in(oauth2, &args.name)?;
        let desk = reach_or_make(&config).await?;
        desk.ask(Exchange { name, code, redirect_url, verifier: None }).await?
    } else if oauth2.authorize.is_some() {
        // Before the person goes to any trouble.
        let desk = reach_or_make(&config).await?;
        let (sign_in, code) = code(oauth2, &args, output).await?;
        let verifier = sign_in.verifier().map(|verifier| verifier.expose().to_owned());
        let redirect_url = Some(sign_in.redirect_url().to_string());
        desk.ask(Exchange { name, code: code.expose().to_owned(), redirect_url, verifier }).await?
    } else {
        if oauth2.grant == Grant::RefreshToken && oauth2.refresh_token.is_none() {
            return Err(Failure::usage(format!(
                "nothing in the file says where one signs in: write authorize_url = \"https://...\" into `auth` of {name}, \
                 or a first refresh_token = \"${{...}}\"; a code that the vendor's console shows goes with --code"
            )));
        }
        reach_or_make(&config).await?.ask(TokenAsk { name }).await?
    };
    output.tell(&reply, text)?;
    if let (Some(why), true) = (&reply.failed, reply.later) {
        return Err(Failure::unavailable(why));
    }
    let fine = reply.failed.is_none() && reply.standing.trouble.is_none() && reply.standing.renewable;
    Ok(if fine { Exit::Done } else { Exit::NeedsALook })
}

fn of_destination<'a>(config: &'a Config, name: &str) -> Result<&'a OAuth2, Failure> {
    let destination = config.destinations.iter().find(|d| d.name == name);
    destination.and_then(|d| d.oauth2()).ok_or_else(|| {
        let what =
            if destination.is_some() { "has no auth of type \"oauth2\"" } else { "is no destination of the file" };
        let wanting: Vec<&str> =
            config.destinations.iter().filter(|d| d.oauth2().is_some()).map(|d| d.name.as_str()).collect();
        let there =
            if wanting.is_empty() { "none has".to_owned() } else { format!("these have: {}", wanting.join(", ")) };
        Failure::usage(format!("{name} {what}; {there}"))
    })
}

fn must_be_signed_in(oauth2: &OAuth2, name: &str) -> Result<(), Failure> {
    match oauth2.grant {
        Grant::RefreshToken => Ok(()),
        Grant::ClientCredentials => Err(Failure::usage(format!(
            "{name} has tokens of its own (grant = \"client_credentials\"): there is no code to be had for them"
        ))),
    }
}

/// What to open, and where the browser comes back to.
#[derive(Serialize)]
struct Open<'a> {
    destination: &'a str,
    open: &'a str,
    redirect_url: &'a str,
    listening: bool,
}

/// The code that a person's sign-in brings.
async fn code(oauth2: &OAuth2, args: &AuthArgs, output: &Output) -> Result<(SignIn, Secret), Failure> {
    let (Some(authorize), Some(redirect_url)) = (&oauth2.authorize, &oauth2.redirect_url) else {
        return Err(Failure::usage("nothing in the file says where one signs in"));
    };
    let mut random = [0; 64];
    getrandom::fill(&mut random).map_err(|e| Failure::unavailable(format!("the system has no randomness: {e}")))?;
    let listening = if args.paste { None } else { listen(redirect_url).await? };
    let redirect_url = listening.as_ref().map_or(redirect_url, |(_, url)| url).clone();
    let sign_in = SignIn::new(&random, authorize.pkce, redirect_url);
    let url = sign_in.url(oauth2, authorize);
    let (redirect_url, listening_there) = (sign_in.redirect_url().as_str(), listening.is_some());
    let open = Open { destination: &args.name, open: url.as_str(), redirect_url, listening: listening_there };
    output.tell(&open, |open| {
        format!("Open this in a browser, and sign in where {} is to write:\n\n  {}\n", open.destination, open.open)
    })?;
    let Some((listener, _)) = listening else {
        let mut err = anstream::stderr().lock();
        writeln!(err, "Then paste here the URL that the browser was sent to, or the code in it:")?;
        drop(err);
        let code = sign_in.code_in(&read_line().await?).map_err(Failure::usage)?;
        return Ok((sign_in, code));
    };
    writeln!(
        anstream::stderr().lock(),
        "Waiting at {redirect_url} for the browser to come back. If it runs on another machine, end this and use --paste."
    )?;
    let code = tokio::time::timeout(args.wait, came_back(listener, &sign_in)).await.map_err(|_| {
        Failure::unavailable(format!("nobody signed in within {}; try again, or use --paste", span::format(args.wait)))
    })?;
    Ok((sign_in.clone(), code?))
}

/// Listens where the browser comes back to, if that is on this machine. Port 0 is whichever is free.
async fn listen(redirect_url: &Url) -> Result<Option<(TcpListener, Url)>, Failure> {
    let here = match redirect_url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if !here || redirect_url.scheme() != "http" {
        return Ok(None);
    }
    let host = redirect_url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = redirect_url.port_or_known_default().unwrap_or(80);
    let refused = |error: std::io::Error| {
        Failure::unavailable(format!(
            "cannot listen on {host}:{port}, where redirect_url leads: {error}; end what listens there, write another port \
             into the file and the vendor's console, or use --paste"
        ))
    };
    let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
    let mut url = redirect_url.clone();
    if port == 0 {
        // http takes any port.
        let _ = url.set_port(Some(listener.local_addr().map_err(refused)?.port()));
    }
    Ok(Some((listener, url)))
}

type Came = mpsc::Sender<(Uri, mpsc::Sender<Html<String>>)>;

/// Answers browsers until one of them brings an answer to this sign-in.
async fn came_back(listener: TcpListener, sign_in: &SignIn) -> Result<Secret, Failure> {
    let (came, mut comes) = mpsc::channel(8);
    let router = Router::new().fallback(hand_over).with_state(came);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let code = loop {
        let Some((uri, answer)) = comes.recv().await else {
            return Err(Failure::unavailable("the listener has ended"));
        };
        let mut url = sign_in.redirect_url().clone();
        if uri.path() != url.path() {
            let _ = answer.send(page("There is nothing here.")).await;
            continue;
        }
        url.set_query(uri.query());
        let (end, said) = match sign_in.code_of(&url) {
            Ok(code) => (
                Some(Ok(code)),
                "leadhook has the answer. You can close this page; how it ended stands in the terminal.",
            ),
            Err(NoCode::Refused(why)) => {
                (Some(Err(NoCode::Refused(why))), "The sign-in was refused. What was said stands in the terminal.")
            }
            // Someone else's, or an old tab: the right one may still come.
            Err(_) => {
                (None, "This is no answer to the sign-in that leadhook waits for. Open the URL that it printed last.")
            }
        };
        let _ = answer.send(page(said)).await;
        if let Some(end) = end {
            break end;
        }
    };
    // The page is on its way; a browser that is slow to read it is not waited for long.
    tokio::time::sleep(Duration::from_millis(200)).await;
    serving.abort();
    code.map_err(Failure::usage)
}

async fn hand_over(State(came): State<Came>, uri: Uri) -> Result<Html<String>, StatusCode> {
    let (answer, mut answered) = mpsc::channel(1);
    came.send((uri, answer)).await.map_err(|_| StatusCode::GONE)?;
    answered.recv().await.ok_or(StatusCode::GONE)
}

fn page(said: &str) -> Html<String> {
    Html(format!("<!doctype html><meta charset=\"utf-8\"><title>leadhook</title><p>{said}</p>"))
}

async fn read_line() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    Ok(read.await.map_err(Failure::unavailable)??)
}

fn text(reply: &TokenReply) -> String {
    let (name, standing) = (&reply.destination, &reply.standing);
    let now = jiff::Timestamp::now();
    let ends = standing.expires.map_or(String::new(), |at| format!(", good until {at:.0} ({})", hence(at, now)));
    let mut out = if standing.has_token { format!("{name} has a token{ends}") } else { format!("{name} has no token") };
    if standing.has_token && standing.renewable {
        out.push_str("; it is renewed by itself");
    } else if standing.has_token {
        out.push_str(
            "\nNo refresh token came with it: when it ends, somebody has to sign in again. Many vendors give one only where \
             `scope` or `authorize_params` ask for it (offline_access, access_type = \"offline\").",
        );
    }
    if !standing.shared_with.is_empty() {
        out.push_str(&format!("\nIt is shared with {}.", standing.shared_with.join(", ")));
    }
    match (&reply.failed, &standing.trouble) {
        (Some(why), _) if !reply.later => out.push_str(&format!("\n{why}")),
        (None, Some(trouble)) => out.push_str(&format!("\n{trouble}")),
        _ => {}
    }
    out
}
