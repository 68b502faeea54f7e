//! The service's side: one path for each verb.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::notice::{Notice, Posted};
use super::{API, metrics, page, probes};
use crate::app::operator::{
    BackfillBegin, BackfillCancel, BackfillList, BackfillShow, DeadDrop, DeadList, DeadRetry, DeadShow, DeadStepDone,
    Drop as DropPending, Explain, Forget, History, Move, Operator, Pause, ReconcileBegin, ReconcileLeads,
    ReconcileList, Refusal, Reload, Resume, SignIn, Status, Test, TokenAsk, TokenShow, Verb,
};

/// A command's question is small.
const LONGEST_QUESTION: usize = 1024 * 1024;

/// Why the service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is taken, or is not ours.
    #[error(
        "cannot listen on {address}: {reason}; set [admin] listen to a free loopback address, or 127.0.0.1:0 for any port"
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
    listener: TcpListener,
    router: Router,
    lines: page::Lines,
    _posted: Posted,
}

impl Server {
    /// Listens, and puts the notice up.
    ///
    /// # Errors
    /// The address is taken, or the notice cannot be written.
    pub async fn bind(listen: SocketAddr, store: &Path, operator: Operator) -> Result<Server, AdminError> {
        let refused = |e: std::io::Error| AdminError::Listen { address: listen, reason: e.to_string() };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let unwritten = |e: std::io::Error| AdminError::Notice {
            path: store.join("admin.json").display().to_string(),
            reason: e.to_string(),
        };
        let notice = Notice::new(address).map_err(unwritten)?;
        let posted = notice.put_up(store).map_err(unwritten)?;
        let lines = page::Lines::new();
        let asked = Asked { operator, token: notice.token(), lines: lines.clone() };
        Ok(Server { listener, router: router(asked), lines, _posted: posted })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until told to stop.
    pub async fn serve(self, stop: CancellationToken) {
        let lines = self.lines;
        let told = async move {
            stop.cancelled().await;
            lines.close();
        };
        let end = axum::serve(self.listener, self.router).with_graceful_shutdown(told).await;
        if let Err(error) = end {
            tracing::warn!(%error, "the service can no longer be asked; it goes on");
        }
    }
}

fn router(asked: Asked) -> Router {
    Router::new()
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
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::readiness))
        .route("/metrics", get(metrics::metrics))
        .merge(page::routes())
        .layer(middleware::from_fn(page::strict))
        .layer(middleware::from_fn(probes::named_by_itself))
        .layer(DefaultBodyLimit::max(LONGEST_QUESTION))
        .with_state(asked)
}

fn path<V: Verb>() -> String {
    format!("{API}{}", V::PATH)
}

fn verb<V: Verb>() -> MethodRouter<Asked> {
    post(answer::<V>)
}

async fn answer<V: Verb>(State(asked): State<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    if !asked.may_be_asked_by(&headers) {
        let why =
            Refusal::Usage("the token is missing or wrong; it stands in admin.json in the store's directory".into());
        return (StatusCode::UNAUTHORIZED, Json(why)).into_response();
    }
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
        Err(refusal @ Refusal::Unavailable(_)) => (StatusCode::SERVICE_UNAVAILABLE, Json(refusal)).into_response(),
    }
}
