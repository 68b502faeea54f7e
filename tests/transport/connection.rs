//! CAs of one's own, client certificates and proxies.

use leadhook::domain::connection::{Connection, Identity, Proxy, Roots, certificates, private_key};
use leadhook::domain::destination::Destination;
use leadhook::domain::outcome::NoAnswer;

use super::tls::{Authority, BOTH, Does, Listening, Pair, proxy, proxy_behind, receiver, self_signed, server, socks};
use super::{BODY, ID, OLD, destination, got, nothing, send};

fn roots(pem: &str) -> Option<Roots> {
    Some(Roots::new(certificates(pem.as_bytes()).expect("certificates")).expect("roots"))
}

fn identity(pair: &Pair) -> Option<Identity> {
    let chain = certificates(pair.certificate_pem().as_bytes()).expect("a certificate");
    let key = private_key(pair.key_pem().as_bytes()).expect("a key");
    Some(Identity::new(chain, key).expect("they fit"))
}

fn through(address: &str) -> Option<Proxy> {
    Some(Proxy::parse(address).expect("a proxy"))
}

/// By the name that its certificate is for, and that leads to this machine.
fn to(there: &Listening, connection: Connection) -> Destination {
    let url = format!("https://localhost:{}/hooks/leads", there.address.port());
    let connection = Connection { private: true, ..connection };
    Destination { connection, ..destination(url) }
}

/// It came once, whole and signed.
fn came_whole(there: &Listening) {
    let came = there.came();
    let [request] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!(request.line(), "POST /hooks/leads HTTP/1.1");
    assert_eq!(request.body, BODY);
    assert_eq!(request.header("webhook-id"), Some(ID));
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).expect(name).parse().expect("a header value"));
    }
    let official = standardwebhooks::Webhook::new(OLD).expect("a secret");
    official.verify(&request.body, &headers).expect("a signature that verifies");
    assert_eq!(request.header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_server_of_ones_own_ca_is_believed_where_the_file_names_it_and_nowhere_else() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let there = receiver(server(&ours.sign(&["localhost"]), None, BOTH)).await;
    for (roots, told) in [
        (
            None,
            "invalid peer certificate: UnknownIssuer; if a CA of your own has signed it, name that CA's certificate as `ca`",
        ),
        (
            roots(&theirs.pem()),
            "invalid peer certificate: UnknownIssuer; no certificate in `ca` is its issuer's: add that of the CA that signed it",
        ),
    ] {
        let destination = to(&there, Connection { roots, ..Connection::default() });
        assert_eq!(nothing(send(&destination).await), (NoAnswer::Tls, told.to_owned()));
    }
    assert_eq!(there.came().len(), 0);
    let both = roots(&(theirs.pem() + &ours.pem()));
    assert_eq!(got(send(&to(&there, Connection { roots: both, ..Connection::default() })).await).status, 200);
    came_whole(&there);

    // Its name must fit all the same, and its time must not be over.
    let elsewhere = receiver(server(&ours.sign(&["crm.example.com"]), None, BOTH)).await;
    let late = receiver(server(&ours.sign_until(&["localhost"], -1), None, BOTH)).await;
    for (there, told) in [(&elsewhere, "crm.example.com"), (&late, "expired")] {
        let destination = to(there, Connection { roots: roots(&ours.pem()), ..Connection::default() });
        let (why, detail) = nothing(send(&destination).await);
        assert!(why == NoAnswer::Tls && detail.contains(told), "{detail}");
        assert_eq!(there.came().len(), 0);
    }
}

#[tokio::test]
async fn a_server_that_vouches_for_itself_is_believed_if_this_very_certificate_is_named() {
    let own = self_signed(&["localhost"], 1);
    let there = receiver(server(&own, None, BOTH)).await;
    let naming = |pem: &str| Connection { roots: roots(pem), ..Connection::default() };
    let (why, detail) = nothing(send(&to(&there, Connection::default())).await);
    assert!(
        why == NoAnswer::Tls && detail.ends_with("name this very certificate as `ca`, if it is the right one"),
        "{detail}"
    );
    let other = self_signed(&["localhost"], 1).certificate_pem();
    assert_eq!(nothing(send(&to(&there, naming(&other))).await).0, NoAnswer::Tls);
    assert_eq!(there.came().len(), 0);
    assert_eq!(got(send(&to(&there, naming(&own.certificate_pem()))).await).status, 200);
    came_whole(&there);

    for (own, told) in
        [(self_signed(&["crm.example.com"], 1), "crm.example.com"), (self_signed(&["localhost"], -1), "expired")]
    {
        let there = receiver(server(&own, None, BOTH)).await;
        let (why, detail) = nothing(send(&to(&there, naming(&own.certificate_pem()))).await);
        assert!(why == NoAnswer::Tls && detail.contains(told), "{detail}");
        assert_eq!(there.came().len(), 0);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_the_one_that_the_file_names() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (good, wrong) = (ours.sign(&["leadhook"]), theirs.sign(&["leadhook"]));
    for version in BOTH {
        let there = receiver(server(&ours.sign(&["localhost"]), Some(&ours), &[version])).await;
        let showing =
            |identity| to(&there, Connection { roots: roots(&ours.pem()), identity, ..Connection::default() });
        for (identity, told) in [
            (None, "it may want to see a certificate: name yours as `client_cert` and `client_key`"),
            (identity(&wrong), "it may not take the certificate in `client_cert`"),
        ] {
            let (why, detail) = nothing(send(&showing(identity)).await);
            // Under load the connection may be gone before the reason was heard; the key is named all the same.
            let is_told = matches!(why, NoAnswer::Tls | NoAnswer::Connect) && detail.ends_with(told);
            assert!(is_told, "{version:?}: {why:?} {detail}");
        }
        assert_eq!(there.came().len(), 0);
        assert_eq!(got(send(&showing(identity(&good))).await).status, 200, "{version:?}");
        came_whole(&there);
    }
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect_and_sees_nothing_of_what_is_sent() {
    let ours = Authority::new("ours");
    let there = receiver(server(&ours.sign(&["localhost"]), Some(&ours), BOTH)).await;
    // RFC 7617: `us er:p@ss`.
    let between = proxy(Does::Connects { who_say: "Basic dXMgZXI6cEBzcw==" }).await;
    let connection = Connection {
        roots: roots(&ours.pem()),
        identity: identity(&ours.sign(&["leadhook"])),
        proxy: through(&format!("http://us%20er:p%40ss@{}", between.address)),
        private: false,
    };
    assert_eq!(got(send(&to(&there, connection.clone())).await).status, 200);
    came_whole(&there);
    let asked = between.came();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line(), format!("CONNECT localhost:{} HTTP/1.1", there.address.port()));
    assert_eq!(asked[0].header("webhook-id"), None);

    // The same through a proxy that is itself behind TLS.
    let there = receiver(server(&ours.sign(&["localhost"]), Some(&ours), BOTH)).await;
    let tls = server(&ours.sign(&["localhost"]), None, BOTH);
    let between = proxy_behind(Does::Connects { who_say: "" }, Some(tls)).await;
    let proxy = through(&format!("https://localhost:{}", between.address.port()));
    assert_eq!(got(send(&to(&there, Connection { proxy, ..connection })).await).status, 200);
    came_whole(&there);
    assert_eq!(between.came().len(), 1);
}

#[tokio::test]
async fn what_goes_wrong_at_the_proxy_is_told_of_the_proxy_and_without_its_password() {
    let ours = Authority::new("ours");
    let there = receiver(server(&ours.sign(&["localhost"]), None, BOTH)).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for (does, told) in [
        (Some(Does::Connects { who_say: "Basic other" }), "the proxy wants another user or password: see `proxy`"),
        (Some(Does::Answers("403 Forbidden")), "the proxy refuses to connect to it"),
        (Some(Does::Answers("502 Bad Gateway")), "the proxy refuses to connect to it"),
        (Some(Does::HangsUp), "the proxy hung up"),
        (None, "the proxy: connection refused"),
    ] {
        let address = match does {
            Some(does) => proxy(does).await.address,
            None => nobody,
        };
        let proxy = through(&format!("http://hunter2:hunter2@{address}"));
        let destination = to(&there, Connection { roots: roots(&ours.pem()), proxy, ..Connection::default() });
        let sent = send(&destination).await;
        let shown = format!("{destination:?} {sent:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMjpodW50ZXIy"), "{shown}");
        assert_eq!(nothing(sent), (NoAnswer::Connect, told.to_owned()));
    }
    let proxy = through("http://hunter2:hunter2@leadhook.invalid:3128");
    let (why, detail) = nothing(send(&to(&there, Connection { proxy, ..Connection::default() })).await);
    assert!(why == NoAnswer::Dns && detail.starts_with("the proxy: ") && !detail.contains("hunter2"), "{detail}");
    assert_eq!(there.came().len(), 0);
}

#[tokio::test]
async fn without_tls_the_proxy_sends_it_in_our_name() {
    let between = proxy(Does::Connects { who_say: "Basic dTpw" }).await;
    let connection = Connection { proxy: through(&format!("http://u:p@{}", between.address)), ..Connection::default() };
    let destination = Destination { connection, ..destination("http://crm.invalid/hooks/leads") };
    assert_eq!(got(send(&destination).await).status, 200);
    let came = between.came();
    assert_eq!((came.len(), came[0].line()), (1, "POST http://crm.invalid/hooks/leads HTTP/1.1"));
    assert_eq!((came[0].header("host"), came[0].body.as_slice()), (Some("crm.invalid"), BODY));
}

#[tokio::test]
async fn socks_proxies_connect_as_well() {
    let ours = Authority::new("ours");
    let there = receiver(server(&ours.sign(&["localhost"]), None, BOTH)).await;
    let between = socks("us er", "p@ss").await;
    let with = |address: &str| {
        let connection = Connection { roots: roots(&ours.pem()), proxy: through(address), ..Connection::default() };
        to(&there, connection)
    };
    let address = between.address;
    for wrong in [format!("socks5h://hunter2:hunter2@{address}"), format!("socks5h://{address}")] {
        let (why, detail) = nothing(send(&with(&wrong)).await);
        assert!(why == NoAnswer::Connect && detail.starts_with("the proxy: "), "{why:?} {detail}");
        assert!(!detail.contains("hunter2"), "{detail}");
    }
    assert_eq!(got(send(&with(&format!("socks5h://us%20er:p%40ss@{address}"))).await).status, 200);
    came_whole(&there);
    assert_eq!(between.came()[0].head, format!("localhost:{}", there.address.port()));
    assert_eq!(got(send(&with(&format!("socks5://us%20er:p%40ss@{address}"))).await).status, 200);
    assert_eq!(between.came()[1].head, format!("127.0.0.1:{}", there.address.port()));
}
