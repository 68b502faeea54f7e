//! The service's side: what can be asked, and by whom.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::access::{self, Doors};
use super::asked::Asked;
use super::listener::Bounded;
use super::notice::{Notice, Posted};
use super::{API, LINK, TAP, link, metrics, page, probes, tap};
use crate::app::operator::{
    BackfillBegin, BackfillCancel, BackfillList, BackfillShow, DeadDrop, DeadList, DeadRetry, DeadShow, DeadStepDone,
    Drop as DropPending, EventShow, Explain, Forget, History, Move, Operator, Pause, ReconcileBegin, ReconcileLeads,
    ReconcileList, Refusal, Reload, Resume, SignIn, Status, StoreCheck, Test, TokenAsk, TokenShow, Verb,
};
use crate::config::AdminConfig;

/// A command's question is small.
const LONGEST_QUESTION: usize = 1024 * 1024;

/// Why the service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is taken, or is not ours.
    #[error(
        "cannot listen on {address}: {reason}; set [admin] listen to an address of this machine that is free, or to 127.0.0.1:0 for any port"
    )]
    Listen {
        /// What the file says.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The notice for the commands cannot be written.
    #[error("cannot write {path}: {reason}")]
    Notice {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
}

/// A listening service.
pub struct Server {
    listener: Bounded,
    router: Router,
    lines: page::Lines,
    _posted: Posted,
}

impl Server {
    /// Listens, and puts the notice up.
    ///
    /// # Errors
    /// The address is taken, or the notice cannot be written.
    pub async fn bind(config: &AdminConfig, store: &Path, operator: Operator) -> Result<Server, AdminError> {
        let listen = config.listen;
        let refused = |e: std::io::Error| AdminError::Listen { address: listen, reason: e.to_string() };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let unwritten = |e: std::io::Error| AdminError::Notice {
            path: store.join("admin.json").display().to_string(),
            reason: e.to_string(),
        };
        let notice = Notice::new(link::reachable(address)).map_err(unwritten)?;
        let posted = notice.put_up(store).map_err(unwritten)?;
        let lines = page::Lines::new();
        let doors = Doors::new(notice.token(), config, address);
        let asked = Asked { operator, doors, lines: lines.clone() };
        Ok(Server { listener: Bounded::new(listener), router: router(asked), lines, _posted: posted })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address().ok()
    }

    /// Answers until told to stop.
    pub async fn serve(self, stop: CancellationToken) {
        let Server { listener, router, lines, _posted } = self;
        let closed = async {
            stop.cancelled().await;
            lines.close();
        };
        tokio::join!(closed, listener.serve(router, stop.clone()));
    }
}

fn router(asked: Asked) -> Router {
    let at_the_door = middleware::from_fn_with_state(asked.clone(), access::at_the_door);
    Router::new()
        .merge(for_anyone().merge(page::for_anyone()))
        .merge(
            for_who_may_look()
                .merge(page::for_who_may_look())
                .route_layer(middleware::from_fn_with_state(asked.clone(), access::who_may_look)),
        )
        .merge(
            page::for_the_signed_in()
                .route_layer(middleware::from_fn_with_state(asked.clone(), access::who_is_signed_in)),
        )
        .merge(for_commands().route_layer(middleware::from_fn(access::who_shows_a_token)))
        .fallback(page::not_found)
        .layer(at_the_door)
        .layer(middleware::from_fn(page::strict))
        .layer(DefaultBodyLimit::max(LONGEST_QUESTION))
        .with_state(asked)
}

/// What tells nothing, and what lets in.
fn for_anyone() -> Router<Asked> {
    Router::new().route("/healthz", get(probes::health)).route("/readyz", get(probes::readiness))
}

/// How everything stands: names and counts, nothing of a person.
fn for_who_may_look() -> Router<Asked> {
    Router::new().route("/metrics", get(metrics::metrics))
}

/// A path for each verb.
fn for_commands() -> Router<Asked> {
    Router::new()
        .route(&format!("{API}{LINK}"), post(page_link))
        .route(&path::<Status>(), verb::<Status>())
        .route(&path::<DeadList>(), verb::<DeadList>())
        .route(&path::<DeadShow>(), verb::<DeadShow>())
        .route(&path::<DeadRetry>(), verb::<DeadRetry>())
        .route(&path::<DeadStepDone>(), verb::<DeadStepDone>())
        .route(&path::<DeadDrop>(), verb::<DeadDrop>())
        .route(&path::<Pause>(), verb::<Pause>())
        .route(&path::<Resume>(), verb::<Resume>())
        .route(&path::<Move>(), verb::<Move>())
        .route(&path::<DropPending>(), verb::<DropPending>())
        .route(&path::<Explain>(), verb::<Explain>())
        .route(&path::<EventShow>(), verb::<EventShow>())
        .route(&path::<History>(), verb::<History>())
        .route(&path::<Forget>(), verb::<Forget>())
        .route(&path::<Test>(), verb::<Test>())
        .route(&path::<TokenShow>(), verb::<TokenShow>())
        .route(&path::<TokenAsk>(), verb::<TokenAsk>())
        .route(&path::<SignIn>(), verb::<SignIn>())
        .route(&path::<BackfillBegin>(), verb::<BackfillBegin>())
        .route(&path::<BackfillShow>(), verb::<BackfillShow>())
        .route(&path::<BackfillList>(), verb::<BackfillList>())
        .route(&path::<BackfillCancel>(), verb::<BackfillCancel>())
        .route(&path::<ReconcileBegin>(), verb::<ReconcileBegin>())
        .route(&path::<ReconcileList>(), verb::<ReconcileList>())
        .route(&path::<ReconcileLeads>(), verb::<ReconcileLeads>())
        .route(&path::<Reload>(), verb::<Reload>())
        .route(&format!("{API}{TAP}"), get(tap::tap))
        .route(&path::<StoreCheck>(), verb::<StoreCheck>())
}

fn path<V: Verb>() -> String {
    format!("{API}{}", V::PATH)
}

fn verb<V: Verb>() -> MethodRouter<Asked> {
    post(answer::<V>)
}

/// A link for `leadhook page`.
async fn page_link(State(asked): State<Asked>) -> Response {
    match link::new(&asked) {
        Ok(link) => Json(link).into_response(),
        Err(error) => {
            let why = Refusal::Unavailable(format!("no link can be made: {error}"));
            (StatusCode::SERVICE_UNAVAILABLE, Json(why)).into_response()
        }
    }
}

async fn answer<V: Verb>(State(asked): State<Asked>, body: Bytes) -> Response {
    let question: V = match serde_json::from_slice(&body) {
        Ok(question) => question,
        Err(error) => {
            let why = Refusal::Usage(format!("the question does not read: {error}"));
            return (StatusCode::BAD_REQUEST, Json(why)).into_response();
        }
    };
    match question.run(&asked.operator).await {
        Ok(reply) => Json(reply).into_response(),
        Err(refusal @ (Refusal::Usage(_) | Refusal::File(_))) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal)).into_response()
        }
        Err(refusal @ (Refusal::Unavailable(_) | Refusal::Misfit(_))) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(refusal)).into_response()
        }
    }
}
