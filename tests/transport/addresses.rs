//! To which addresses a name, or an answer, may lead.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadhook::domain::connection::{Connection, Proxy};
use leadhook::domain::destination::Destination;
use leadhook::domain::outcome::{NoAnswer, Outcome, judge};
use leadhook::domain::request::Request;
use leadhook::domain::secret::SecretUrl;
use leadhook::http_client::{Guard, LookedUp, Lookup, Unresolved};
use leadhook::transport::{Sent, Transport};
use tokio::net::TcpListener;

use super::receiver::{answering, behaving};
use super::tls::{Does, proxy, socks};
use super::{AMPLE, BODY, ID, destination, got, nothing, plain, request};

/// A resolver that says one thing after the other, and the last for good.
struct Says {
    answers: Mutex<VecDeque<io::Result<Vec<IpAddr>>>>,
    takes: Duration,
    asked: AtomicUsize,
}

impl Says {
    fn each(answers: impl IntoIterator<Item = io::Result<Vec<IpAddr>>>) -> Arc<Says> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Says { answers, takes: Duration::ZERO, asked: AtomicUsize::new(0) })
    }

    fn always(ips: &[&str]) -> Arc<Says> {
        Says::each([Ok(of(ips))])
    }

    fn after(takes: Duration) -> Arc<Says> {
        let answers = Mutex::new([Ok(of(&["127.0.0.1"]))].into());
        Arc::new(Says { answers, takes, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn of(ips: &[&str]) -> Vec<IpAddr> {
    ips.iter().map(|ip| ip.parse().expect("an address")).collect()
}

impl Lookup for Says {
    fn look_up(&self, _: String) -> LookedUp {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().expect("nobody panics");
        let next = if answers.len() > 1 { answers.pop_front() } else { None };
        let answer = next.unwrap_or_else(|| match answers.front() {
            Some(Ok(ips)) => Ok(ips.clone()),
            Some(Err(error)) => Err(error.kind().into()),
            None => Ok(Vec::new()),
        });
        let takes = self.takes;
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            answer.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())
        })
    }
}

fn named(address: SocketAddr, private: bool) -> Destination {
    let to = destination(format!("http://crm.example.com:{}/hooks", address.port()));
    Destination { connection: Connection { private, ..Connection::default() }, ..to }
}

async fn send(destination: &Destination, lookup: &Arc<Says>) -> Sent {
    let transport = Transport::looking_up(destination, lookup.clone()).expect("a transport");
    transport.send(ID, request(destination), Timestamp::now()).await
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_the_file_allows_it() {
    let (address, mut requests, connections) = answering(plain(200), false).await;
    for ip in
        ["127.0.0.1", "::1", "10.0.0.7", "169.254.3.4", "fd12::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"]
    {
        let sent = send(&named(address, false), &Says::always(&[ip])).await;
        assert_eq!(judge(&sent.answer), Outcome::Retry);
        let (why, detail) = nothing(sent);
        assert_eq!(why, NoAnswer::NotAllowed, "{detail}");
        let told = "write allow_private = true at this destination if that is meant";
        assert!(detail.starts_with(&format!("{ip}, ")) && detail.ends_with(told), "{detail}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0, "connected");
    assert_eq!(got(send(&named(address, true), &Says::always(&["127.0.0.1"])).await).status, 200);
    assert_eq!(requests.recv().await.expect("a request").body, BODY);
    for ip in ["169.254.169.254", "fd00:ec2::254", "168.63.129.16"] {
        let (why, detail) = nothing(send(&named(address, true), &Says::always(&[ip])).await);
        assert!(why == NoAnswer::NotAllowed && detail.contains("nothing is ever sent there"), "{detail}");
    }
}

#[tokio::test]
async fn of_several_addresses_the_allowed_ones_are_used() {
    let guard = |private, ips: &[&str]| {
        let connection = Connection { private, ..Connection::default() };
        let guard = Guard::new(&connection, AMPLE, Says::always(ips));
        async move { guard.addresses("crm.example.com").await }
    };
    let mixed = ["10.0.0.7", "93.184.216.34", "169.254.169.254", "2606:2800:220:1::1"];
    let ips = |found: Result<Vec<SocketAddr>, Unresolved>| -> Vec<IpAddr> {
        found.expect("addresses").into_iter().map(|at| at.ip()).collect()
    };
    assert_eq!(ips(guard(false, &mixed).await), of(&["93.184.216.34", "2606:2800:220:1::1"]));
    assert_eq!(ips(guard(true, &mixed).await), of(&["10.0.0.7", "93.184.216.34", "2606:2800:220:1::1"]));
    let none = guard(true, &[]).await.expect_err("none").to_string();
    assert_eq!(none, "the name has no address");
}

/// What a name leads to is looked at for each connection, and just that is connected to.
#[tokio::test]
async fn a_name_that_changes_its_mind_gets_nothing() {
    let (address, mut requests, connections) = answering(plain(200), true).await;
    let to = named(address, true);
    let rebinding = Says::each([Ok(of(&["127.0.0.1"])), Ok(of(&["169.254.169.254"]))]);
    let transport = Transport::looking_up(&to, rebinding.clone()).expect("a transport");
    assert_eq!(got(transport.send(ID, request(&to), Timestamp::now()).await).status, 200);
    requests.recv().await.expect("a request");
    for asked in 2..5 {
        let (why, detail) = nothing(transport.send(ID, request(&to), Timestamp::now()).await);
        assert!(why == NoAnswer::NotAllowed && detail.starts_with("169.254.169.254, "), "{detail}");
        assert_eq!(rebinding.asked(), asked, "looked up once for each connection, and not again behind the judgement");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_address_in_numbers_is_the_files_choice_and_never_an_answers() {
    let (address, _requests, connections) = answering(plain(200), false).await;
    let elsewhere = |to: &Destination, host: &str| {
        let url = format!("http://{host}:{}/", address.port()).parse().expect("a URL");
        Request { url: SecretUrl::new(url), ..request(to) }
    };
    let to = |private| Destination {
        connection: Connection { private, ..Connection::default() },
        ..destination(format!("http://127.0.0.1:{}/", address.port()))
    };
    let (strict, free) = (to(false), to(true));
    let (own, other) = (Transport::new(&strict).expect("a transport"), Transport::new(&free).expect("a transport"));
    assert_eq!(got(own.send(ID, request(&strict), Timestamp::now()).await).status, 200);
    // The same in another spelling.
    assert_eq!(got(own.send(ID, elsewhere(&strict, "0x7f.1"), Timestamp::now()).await).status, 200);
    for host in ["127.0.0.2", "2130706434", "[::1]", "[::ffff:127.0.0.1]", "0"] {
        let (why, detail) = nothing(own.send(ID, elsewhere(&strict, host), Timestamp::now()).await);
        assert_eq!(why, NoAnswer::NotAllowed, "{host}: {detail}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert_eq!(got(other.send(ID, elsewhere(&free, "127.0.0.1"), Timestamp::now()).await).status, 200);
    for host in ["169.254.169.254", "0xa9fea9fe", "[::ffff:a9fe:a9fe]"] {
        let (why, detail) = nothing(other.send(ID, elsewhere(&free, host), Timestamp::now()).await);
        assert_eq!(why, NoAnswer::NotAllowed, "{host}: {detail}");
    }
}

#[tokio::test]
async fn a_proxys_own_name_may_lead_anywhere_and_the_proxy_looks_up_the_rest() {
    let between = proxy(Does::Connects { who_say: "" }).await;
    let lookup = Says::always(&["127.0.0.1"]);
    let proxy = Proxy::parse(&format!("http://proxy.internal:{}", between.address.port())).expect("a proxy");
    let connection = Connection { proxy: Some(proxy), ..Connection::default() };
    let through = Destination { connection, ..destination("http://crm.example.com/hooks") };
    assert_eq!(got(send(&through, &lookup).await).status, 200);
    assert_eq!(between.came()[0].line(), "POST http://crm.example.com/hooks HTTP/1.1");
    assert_eq!(lookup.asked(), 1);
    // Where it is leadhook that looks the name up, it looks at what comes of it.
    let socks = socks("u", "p").await;
    let proxy = Proxy::parse(&format!("socks5://u:p@proxy.internal:{}", socks.address.port())).expect("a proxy");
    let connection = Connection { proxy: Some(proxy), ..Connection::default() };
    let local = Destination { connection, ..destination("http://crm.example.com/hooks") };
    let (why, detail) = nothing(send(&local, &lookup).await);
    assert_eq!(why, NoAnswer::NotAllowed, "{detail}");
    assert!(socks.came().is_empty());
}

#[tokio::test]
async fn a_resolver_that_fails_or_hangs_costs_one_attempt_and_nobody_elses() {
    let (address, mut requests, _) = answering(plain(200), true).await;
    let broken = || Err(io::Error::other("server failure"));
    let flapping = Says::each([broken(), Ok(of(&["127.0.0.1"])), Ok(Vec::new()), Ok(of(&["127.0.0.1"]))]);
    let to = named(address, true);
    let transport = Transport::looking_up(&to, flapping).expect("a transport");
    for told in [Some("server failure"), None, Some("the name has no address"), None] {
        let sent = transport.send(ID, request(&to), Timestamp::now()).await;
        match told {
            Some(told) => assert_eq!(nothing(sent), (NoAnswer::Dns, told.to_owned())),
            None => {
                assert_eq!(got(sent).status, 200);
                requests.recv().await.expect("a request");
            }
        }
    }

    let hanging = Says::after(Duration::from_secs(30));
    let to = Destination { timeout: Duration::from_millis(500), concurrency: 64, ..named(address, true) };
    let transport = Transport::looking_up(&to, hanging.clone()).expect("a transport");
    let many = join_all((0..64).map(|_| transport.send(ID, request(&to), Timestamp::now())));
    for sent in many.await {
        assert!(sent.took < Duration::from_secs(5), "{:?}", sent.took);
        let told = "the name was not looked up within 450ms; look at this machine's resolver";
        assert_eq!(nothing(sent), (NoAnswer::Dns, told.to_owned()));
    }
    assert_eq!(hanging.asked(), 1, "all wait for one lookup");
}

/// Many addresses of which none answers: one attempt tries some of them and ends in time.
#[tokio::test]
async fn addresses_at_which_nobody_is_end_with_the_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let many: Vec<String> = (1..=200).map(|i| format!("127.0.1.{i}")).collect();
    let lookup = Says::always(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let sent = send(&named(address, true), &lookup).await;
    assert!(sent.took < Duration::from_secs(5), "{:?}", sent.took);
    assert_eq!(nothing(sent).0, NoAnswer::Connect);
    // The last of them is there.
    let there = behaving(|mut stream| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, plain(200).as_bytes()).await;
    })
    .await;
    let lookup = Says::always(&["127.0.1.1", "127.0.1.2", "127.0.0.1"]);
    assert_eq!(got(send(&named(there, true), &lookup).await).status, 200);
}
