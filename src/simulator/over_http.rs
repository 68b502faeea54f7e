//! The simulated WeClever, asked over real sockets.

use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{Endpoint, FaultKind, Faults, Happening, MessageDates, Misread, Options, Plus, WeClever};

const ALL_DAYS: &str = "/lead/find/finalized/2000-01-01/2100-01-01";

/// One client for each test, since making one takes a while.
fn client() -> Client {
    thread_local! {
        static CLIENT: Client = {
            let _ = rustls::crypto::ring::default_provider().install_default();
            Client::new()
        };
    }
    CLIENT.with(Client::clone)
}

async fn start(options: Options) -> WeClever {
    WeClever::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), options).unwrap()
}

/// Ten leads, all of the past, and a token that need not be asked for.
fn ten() -> Options {
    Options { past_leads: 10, leads_per_second: 0.0, ready_token: Some("ready".to_owned()), ..Options::default() }
}

async fn get(weclever: &WeClever, path: &str) -> Response {
    let request = client().get(weclever.base_url() + path).header("Authorization", "Bearer ready");
    request.send().await.unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn ask_token(weclever: &WeClever, user: &str, password: &str, query: &str) -> Response {
    let url = format!("{}/solution/token/basic/{}{query}", weclever.base_url(), "my-platform");
    client().get(url).basic_auth(user, Some(password)).send().await.unwrap()
}

#[tokio::test]
async fn a_token_is_asked_for_used_and_killed() {
    let password = "sénha:com:dois %20 pontos ";
    let weclever = start(Options {
        platform_id: "my-platform".to_owned(),
        username: "josé".to_owned(),
        password: password.to_owned(),
        auth_header: "X-Token".to_owned(),
        auth_scheme: String::new(),
        ..ten()
    })
    .await;
    for (user, password) in [("josé", "sénha"), ("jose", password), ("", "")] {
        assert_eq!(ask_token(&weclever, user, password, "").await.status(), 401);
    }
    let token =
        json(ask_token(&weclever, "josé", password, "?time=3600").await).await["token"].as_str().unwrap().to_owned();
    assert_eq!(weclever.last_token_time().as_deref(), Some("3600"));

    let list = async || {
        let request = client().get(weclever.base_url() + ALL_DAYS).header("x-token", &token);
        request.send().await.unwrap().status()
    };
    assert_eq!(list().await, 200);
    assert_eq!(get(&weclever, ALL_DAYS).await.status(), 401);
    weclever.kill_tokens();
    assert_eq!(list().await, 401);
    let requests = weclever.requests();
    assert_eq!((requests.token, requests.list, requests.total()), (4, 3, 7));
}

#[tokio::test]
async fn a_token_dies_of_age() {
    let options = Options { platform_id: "my-platform".to_owned(), token_lifetime: Some(Duration::ZERO), ..ten() };
    let weclever = start(options).await;
    let token = json(ask_token(&weclever, "demo", "demo", "").await).await["token"].as_str().unwrap().to_owned();
    let request = client().get(weclever.base_url() + ALL_DAYS).bearer_auth(token);
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn lists_take_both_spellings_of_a_plus_unless_told_otherwise() {
    let (plain, escaped) = ("2026-01-01+00:00:00", "2026-01-01%2B00:00:00");
    for (plus, of_plain, of_escaped) in [(Plus::Either, 200, 200), (Plus::Plain, 200, 400), (Plus::Escaped, 400, 200)] {
        let weclever = start(Options { plus, ..ten() }).await;
        for (date, status) in [(plain, of_plain), (escaped, of_escaped), ("2026-01-01", 200), ("yesterday", 400)] {
            let answer = get(&weclever, &format!("/lead/find/finalized/{date}/2100-01-01")).await;
            assert_eq!(answer.status(), status, "{plus:?} {date}");
        }
    }
}

#[tokio::test]
async fn a_date_that_is_misread_is_refused_or_empty_or_a_day() {
    for (misread, status, leads) in
        [(Misread::Refused, 400, None), (Misread::Empty, 200, Some(0)), (Misread::Day, 200, Some(1))]
    {
        let weclever = start(Options { plus: Plus::Escaped, misread, past_leads: 0, ..ten() }).await;
        weclever.finalize_at(1, "sold", "2026-11-23T17:00:00Z".parse().unwrap());
        // After the lead by the clock, on the same day.
        let answer = get(&weclever, "/lead/find/finalized/2026-11-23+20:00:00/2026-11-23+21:00:00").await;
        assert_eq!(answer.status(), status, "{misread:?}");
        let listed = json(answer).await["leads"].as_array().map(Vec::len);
        assert_eq!(listed, leads, "{misread:?}");
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_where_it_is_open() {
    let weclever = start(Options { open: true, ..ten() }).await;
    let answer = client().get(weclever.base_url() + ALL_DAYS).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_jwt_says_when_it_ends() {
    use base64::Engine;
    let lifetime = Some(Duration::from_secs(3600));
    let options = Options { platform_id: "my-platform".to_owned(), jwt: true, token_lifetime: lifetime, ..ten() };
    let weclever = start(options).await;
    let token = json(ask_token(&weclever, "demo", "demo", "").await).await["token"].as_str().unwrap().to_owned();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let request = client().get(weclever.base_url() + ALL_DAYS).bearer_auth(token);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn its_clock_may_be_off_and_the_date_of_an_answer_says_so() {
    let weclever = start(Options { clock_skew_ms: -90_000, ..ten() }).await;
    let answer = get(&weclever, ALL_DAYS).await;
    let date = httpdate::parse_http_date(answer.headers()["date"].to_str().unwrap()).unwrap();
    let behind = std::time::SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((90..100).contains(&behind), "{behind}");
    assert_eq!(weclever.finalized(), 10);
}

#[tokio::test]
async fn a_good_lead_may_come_with_500_and_local_dates() {
    let options = Options {
        lead_status: http::StatusCode::INTERNAL_SERVER_ERROR,
        message_dates: MessageDates::Local,
        zone: "Asia/Tokyo".to_owned(),
        past_leads: 0,
        ..ten()
    };
    let weclever = start(options).await;
    weclever.finalize_at(1, "sold", "2026-11-23T17:00:00Z".parse().unwrap());
    let answer = get(&weclever, "/lead/find/weclever_id/1").await;
    assert_eq!(answer.status(), 500);
    let lead = json(answer).await;
    let date = lead["lead"]["chats"]["messages"][0]["date_created"].as_str().unwrap();
    assert!(date.starts_with("2026-11-24 0") && date.len() == 19, "{date}");
    assert_eq!(get(&weclever, "/lead/find/weclever_id/2").await.status(), 404);
}

#[tokio::test]
async fn leads_are_listed_and_told() {
    let weclever = start(ten()).await;
    let list = json(get(&weclever, ALL_DAYS).await).await;
    let ids: Vec<u64> =
        list["leads"].as_array().unwrap().iter().map(|row| row["weclever_lead_id"].as_u64().unwrap()).collect();
    assert_eq!(ids, weclever.finalized_ids());
    assert_eq!(weclever.finalized(), 10);

    let lead = json(get(&weclever, "/lead/find/weclever_id/100004").await).await;
    let lead = lead["lead"].as_object().unwrap();
    for field in ["email", "name", "phone", "state", "regional", "chats", "feelings", "csat", "status", "utm_source"] {
        assert!(lead.contains_key(field), "{field}");
    }
    assert_eq!(lead["chats"]["messages"].as_array().unwrap().len() as u64, lead["chats"]["metrics"]["total_messages"]);
    for id in ["100010", "-1", "abc", "99999999999999999999999"] {
        assert_eq!(get(&weclever, &format!("/lead/find/weclever_id/{id}")).await.status(), 404);
    }
    assert_eq!(get(&weclever, "/").await.status(), 404);
}

#[tokio::test]
async fn whoever_listens_hears_of_everything() {
    let weclever = start(Options { leads_per_second: 200.0, max_leads: Some(15), ..ten() }).await;
    let mut news = weclever.subscribe();
    weclever.finalize(5, "sold");
    weclever.rate(5, "1");
    get(&weclever, ALL_DAYS).await;
    weclever.set_faults(Faults::of(1.0, [FaultKind::Empty]));
    get(&weclever, ALL_DAYS).await;
    let mut wanted = vec![
        Happening::Finalized { id: 5, status: "sold".to_owned() },
        Happening::Rated { id: 5, rating: "1".to_owned() },
        Happening::Served { endpoint: Endpoint::List, status: 200 },
        Happening::Fault { endpoint: Endpoint::List, kind: FaultKind::Empty },
    ];
    while !wanted.is_empty() {
        let happening = news.recv().await.unwrap();
        wanted.retain(|other| *other != happening);
    }
}

#[tokio::test]
async fn the_plan_is_told_as_it_happens_and_time_can_be_moved() {
    let weclever = start(Options { leads_per_second: 1e-6, ..ten() }).await;
    let mut news = weclever.subscribe();
    weclever.advance(Duration::from_secs(2_000_000));
    assert!(weclever.finalized() > 10);
    loop {
        if let Happening::Finalized { id, .. } = news.recv().await.unwrap() {
            assert_eq!(id, 100_010);
            break;
        }
    }
}

#[tokio::test]
async fn waiting_ends_when_the_wish_comes_true() {
    let weclever = start(Options { leads_per_second: 500.0, max_leads: Some(20), ..ten() }).await;
    assert!(weclever.wait_until(|weclever| weclever.finalized() == 20, Duration::from_secs(10)).await);
    assert!(!weclever.wait_until(|weclever| weclever.requests().list > 0, Duration::from_millis(10)).await);
}

async fn broken(kind: FaultKind, path: &str) -> (WeClever, Result<Response, reqwest::Error>) {
    let faults = Faults {
        stall: Duration::from_millis(30),
        slow: Duration::from_millis(100),
        huge_bytes: 5 << 20,
        ..Faults::of(1.0, [kind])
    };
    let weclever = start(Options { faults, ..ten() }).await;
    let result = client().get(weclever.base_url() + path).header("Authorization", "Bearer ready").send().await;
    (weclever, result)
}

#[tokio::test]
async fn every_kind_of_fault_breaks_an_answer_in_its_way() {
    const DETAIL: &str = "/lead/find/weclever_id/100004";
    for kind in FaultKind::ALL {
        let path = if kind == FaultKind::Blank { ALL_DAYS } else { DETAIL };
        let (weclever, result) = broken(kind, path).await;
        let response = result.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await;
        let text = body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
        let whole = serde_json::from_str::<Value>(&text).is_ok_and(|json| json["lead"]["name"].is_string());
        match kind {
            FaultKind::Error => assert!([500, 502, 503].contains(&status) && !whole, "{status} {text}"),
            FaultKind::Throttle => assert!(status == 429 && headers["retry-after"] == "1"),
            FaultKind::Html => assert!(status == 200 && text.starts_with("<!doctype html>")),
            FaultKind::Truncated => {
                assert!(status == 200 && headers["content-length"] == body.unwrap().len().to_string());
                assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err(), "{text}");
            }
            FaultKind::Empty => assert!(status == 200 && body.unwrap().is_empty()),
            FaultKind::Shape => {
                assert!(status == 200 && !whole);
                serde_json::from_str::<Value>(&text).unwrap();
            }
            FaultKind::Reset => assert!(status == 200 && body.is_err()),
            FaultKind::Stall => assert_eq!(status, 504),
            FaultKind::Slow => assert!(status == 200 && whole),
            FaultKind::Unauthorized => assert_eq!(status, 401),
            FaultKind::Status500 => assert!(status == 500 && whole),
            FaultKind::Huge => assert!(status == 200 && whole && text.len() > 5 << 20),
            FaultKind::Blank => assert!(status == 200 && text == r#"{"leads":[]}"#),
        }
        assert_eq!(weclever.faults().into_iter().collect::<Vec<_>>(), [(kind, 1)]);
    }
}

#[tokio::test]
async fn refusals_are_not_broken_and_tokens_are() {
    let (weclever, _) = broken(FaultKind::Shape, "/lead/find/weclever_id/1").await;
    assert!(weclever.faults().is_empty());
    let url = weclever.base_url() + "/solution/token/basic/demo";
    let answer = json(client().get(url).basic_auth("demo", Some("demo")).send().await.unwrap()).await;
    assert!(answer["token"].as_str().is_none());
    assert_eq!(serde_json::to_value(weclever.summary()).unwrap()["faults"]["shape"], 1);
}

#[tokio::test]
async fn a_stop_cuts_stalls_short_and_frees_the_port() {
    let weclever = start(Options { faults: Faults::of(1.0, [FaultKind::Stall]), ..ten() }).await;
    let (address, url) = (weclever.address(), weclever.base_url() + ALL_DAYS);
    let mut news = weclever.subscribe();
    let asked = tokio::spawn(client().get(url).header("Authorization", "Bearer ready").send());
    while !matches!(news.recv().await.unwrap(), Happening::Fault { .. }) {}
    weclever.stop().await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 504);
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn nonsense_is_refused_at_the_start() {
    for options in [
        Options { zone: "America/Sao_Paolo".to_owned(), ..ten() },
        Options { auth_header: "no header".to_owned(), ..ten() },
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(WeClever::start(listener, options).is_err());
    }
}
