//! Concurrency, rate and pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use leadhook::domain::lead::LeadId;
use leadhook::domain::pace::Rate;
use leadhook::source::{Asked, Source, SourceErrorKind};
use tokio::sync::{Barrier, Notify};

use super::server::{Reply, Request, Server};
use super::{LEAD, config, failed, source, why};

#[tokio::test]
async fn no_more_details_than_allowed_are_read_at_one_time() {
    let (now, most, three) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(3)));
    let counted = most.clone();
    let server = Server::with_token(move |_| {
        let (now, most, three) = (now.clone(), most.clone(), three.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Nobody is answered before three are there: fewer than three at one time would hang.
            three.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Reply::json(LEAD)
        }
    })
    .await;
    let mut config = config(&server.base);
    config.concurrency = 3;
    let source = Source::new(config).expect("a source");
    for lead in join_all((0..30).map(|id| source.lead(LeadId(id)))).await {
        lead.expect("a lead");
    }
    assert_eq!(counted.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn lists_and_tokens_take_no_place_and_one_who_gives_up_frees_his() {
    let arrived = Arc::new(Notify::new());
    let notify = arrived.clone();
    let server = Server::with_token(move |request: Request| {
        let notify = notify.clone();
        async move {
            match request.target.rsplit('/').next() {
                Some("1") => {
                    notify.notify_one();
                    Reply::Hang(Vec::new())
                }
                Some("2") => Reply::json(LEAD),
                _ => Reply::json(r#"{"leads":[]}"#),
            }
        }
    })
    .await;
    let mut config = config(&server.base);
    config.concurrency = 1;
    let source = Source::new(config).expect("a source");
    let hanging = tokio::spawn({
        let source = source.clone();
        async move { source.lead(LeadId(1)).await.map(drop) }
    });
    arrived.notified().await;
    source.list("2026-11-24", "2026-11-25").await.expect("a list beside it");
    source.token().await.expect("a token beside it");
    hanging.abort();
    source.lead(LeadId(2)).await.expect("a lead after it");
}

#[tokio::test]
async fn requests_of_all_kinds_keep_to_the_rate() {
    let server = Server::with_token(|_| async { Reply::json(LEAD) }).await;
    let mut config = config(&server.base);
    config.concurrency = 2;
    config.rate = Some(Rate { count: 20, per: Duration::from_secs(1) });
    let source = Source::new(config).expect("a source");
    let began = Instant::now();
    for lead in join_all((0..6).map(|id| source.lead(LeadId(id)))).await {
        lead.expect("a lead");
    }
    // Seven requests: two at once, and one each 50 ms.
    assert!(began.elapsed() >= Duration::from_millis(245), "{:?}", began.elapsed());
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn a_429_pauses_everyone_and_then_it_goes_on() {
    let asked = AtomicUsize::new(0);
    let server = Server::with_token(move |_| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { Reply::status(429, "").with("retry-after", "1") } else { Reply::json(LEAD) } }
    })
    .await;
    let source = source(&server.base);
    source.token().await.expect("a token");
    let began = Instant::now();
    let error = failed(source.lead(LeadId(1)).await);
    assert_eq!(error.kind, SourceErrorKind::Throttled(Duration::from_secs(1)));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(error.to_string().contains("too many requests; nothing is asked for 1s; if this happens often"), "{error}");
    assert!(source.paused_until().is_some());
    for lead in join_all((2..5).map(|id| source.lead(LeadId(id)))).await {
        lead.expect("a lead, after the pause");
    }
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(source.paused_until(), None);
    assert_eq!(server.others_seen(), 4);
}

#[tokio::test]
async fn a_long_pause_is_kept_and_shown() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(7_200));
    for (status, retry_after, seconds) in
        [(429, "3600".to_owned(), 3_600), (503, date, 7_200), (429, "9".repeat(30), 86_400), (429, "-1".into(), 1)]
    {
        let server = Server::with_token(move |_| {
            let retry_after = retry_after.clone();
            async move { Reply::status(status, "").with("retry-after", retry_after) }
        })
        .await;
        let source = source(&server.base);
        let SourceErrorKind::Throttled(wait) = why(source.lead(LeadId(1)).await) else { panic!("not throttled") };
        assert!(wait <= Duration::from_secs(seconds) && wait + Duration::from_secs(2) > Duration::from_secs(seconds));
        let until = source.paused_until().expect("paused");
        assert!(Timestamp::now() < until && until <= Timestamp::now() + Duration::from_secs(seconds));
        // Nobody gets through meanwhile, whatever he asks for.
        let others =
            async { tokio::join!(source.lead(LeadId(2)), source.list("2026-11-24", "2026-11-25"), source.token()) };
        assert!(tokio::time::timeout(Duration::from_millis(30), others).await.is_err());
        assert_eq!((server.tokens_given(), server.others_seen()), (1, 1));
    }
}

#[tokio::test]
async fn a_503_that_names_no_time_is_a_503() {
    for retry_after in ["", "soon", "-1"] {
        let server =
            Server::with_token(move |_| async move { Reply::status(503, LEAD).with("retry-after", retry_after) }).await;
        let source = source(&server.base);
        assert_eq!(why(source.lead(LeadId(1)).await), SourceErrorKind::Status(503));
        assert_eq!(source.paused_until(), None);
    }
}

#[tokio::test]
async fn a_429_for_a_token_pauses_as_well() {
    let server = Server::start(|_| async { Reply::status(429, "").with("retry-after", "600") }).await;
    let source = source(&server.base);
    let error = failed(source.lead(LeadId(1)).await);
    assert_eq!((error.asked, error.kind), (Asked::Token, SourceErrorKind::Throttled(Duration::from_secs(600))));
    assert!(source.paused_until().is_some());
}

#[tokio::test]
async fn many_429s_at_once_are_one_pause() {
    let all = Arc::new(Barrier::new(8));
    let server = Server::with_token(move |_| {
        let all = all.clone();
        async move {
            all.wait().await;
            Reply::status(429, "")
        }
    })
    .await;
    let source = source(&server.base);
    for kind in join_all((0..8).map(|id| source.lead(LeadId(id)))).await.into_iter().map(why) {
        assert_eq!(kind, SourceErrorKind::Throttled(Duration::from_secs(1)));
    }
}
