//! Who may see and do what on the service's page, and who tries in vain.

use std::io::{Read, Write};

use crate::support::*;

const TOKEN: &str = "a-token-that-nobody-guesses-7c1f";

/// A service that can be asked, with these variables.
pub(super) async fn service(variables: &[(&str, &str)]) -> (Place, Service) {
    let weclever = weclever(by_hand()).await;
    let mut place = Place::new(&File::new(&weclever.base_url()));
    for (name, value) in variables {
        place = place.with(name, value);
    }
    let service = place.start().await;
    // It lives as long as the test process, which is not long.
    std::mem::forget(weclever);
    (place, service)
}

/// The link that `leadhook page` prints, parted at the `#`.
#[track_caller]
fn link(place: &Place) -> (String, String) {
    let link = place.json(&["page"], 0);
    let (url, code) = link["url"].as_str().unwrap().split_once('#').unwrap();
    (url.to_owned(), code.to_owned())
}

/// Whether the form for signing in is not shown any more.
fn is_signed_in(asking: &Asking) -> bool {
    asking.get("/sign-in").status == 303
}

/// Asks with the cookie of a new session.
fn signed_in(place: &Place, page: &Asking) -> Asking {
    let heard = page.post("/sign-in", &[("code", &link(place).1)]);
    assert_eq!(heard.status, 303, "{heard:?}");
    page.with("Cookie", &heard.cookie().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once_and_its_session_is_nobody_elses() {
    let (place, service) = service(&[]).await;
    let asking = Asking::of(&service);
    let page = asking.from_its_page();
    let (url, code) = link(&place);
    assert_eq!(url, format!("http://{}/sign-in", asking.address));
    let text = place.run(&["page"]);
    assert!(text.code == 0 && text.out.starts_with(&format!("{url}#")), "{}", text.out);
    assert!(asking.get("/sign-in").body.contains("leadhook page"));

    // The cookie of whoever waits for a session that he knows.
    let planted = format!("leadhook-{}=planted", asking.address.rsplit(':').next().unwrap());
    let heard = page.with("Cookie", &planted).post("/sign-in", &[("code", &code)]);
    assert_eq!((heard.status, heard.header("location")), (303, Some("/")));
    let set = heard.header("set-cookie").unwrap();
    for part in ["; Path=/;", "; HttpOnly;", "; SameSite=Strict"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("planted") && !set.contains("Domain"), "{set}");
    let cookie = heard.cookie().unwrap();
    assert!(is_signed_in(&asking.with("Cookie", &cookie)));
    for other in [planted.as_str(), &cookie[..cookie.len() - 1], "leadhook-1=x", &cookie.replace("leadhook", "other")] {
        assert!(!is_signed_in(&asking.with("Cookie", other)), "{other}");
    }

    // A code works once, and what is none never.
    for wrong in [code.as_str(), "", "x", &link(&place).1[1..]] {
        let heard = page.post("/sign-in", &[("code", wrong)]);
        assert_eq!((heard.status, heard.cookie()), (401, None), "{wrong}");
        assert!(heard.body.contains("role=\"alert\""), "{}", heard.body);
    }
    // A new sign-in is a new session, and the one before it has ended.
    let again = page.with("Cookie", &cookie).post("/sign-in", &[("code", &link(&place).1)]).cookie().unwrap();
    assert_ne!(again, cookie);
    assert!(!is_signed_in(&asking.with("Cookie", &cookie)));
    // Nobody is led to another host.
    for (to, location) in [("//evil.example/", "/"), ("https://evil.example", "/"), ("/leads/7", "/leads/7")] {
        let heard = page.post("/sign-in", &[("code", &link(&place).1), ("to", to)]);
        assert_eq!(heard.header("location"), Some(location), "{to}");
    }

    let log = service.stop();
    assert!(log.contains("signed in on the page") && log.contains("a sign-in on the page failed"), "{log}");
    for secret in [code.as_str(), cookie.split_once('=').unwrap().1] {
        assert!(!log.contains(secret), "{log}");
    }
    let ended = place.run(&["page"]);
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.err.contains("leadhook run"), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_change_nothing() {
    let (place, service) = service(&[]).await;
    let asking = Asking::of(&service);
    let page = asking.from_its_page();
    let (person, other) = (signed_in(&place, &page), signed_in(&place, &page));
    let form = person.get("/").hidden("forgery");

    // Signing in from elsewhere.
    let evil = asking.with("Origin", "https://evil.example");
    let code = link(&place).1;
    assert_eq!(evil.post("/sign-in", &[("code", &code)]).status, 403);
    assert_eq!(asking.post("/sign-in", &[("code", &code)]).status, 403, "nobody says from where");
    assert_eq!(page.post("/sign-in", &[("code", &code)]).status, 303, "and the code is not used up by that");

    // A form that another site has filled in, though the browser sends the cookie along.
    let session = person_cookie(&place, &asking);
    let own_form = session.from_its_page().get("/").hidden("forgery");
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Referer", "https://evil.example/"),
    ] {
        assert_eq!(
            session.with(name, value).post("/sign-out", &[("forgery", &own_form)]).status,
            403,
            "{name}: {value}"
        );
    }
    // By our own page, with another session's form or none.
    for fields in [&[][..], &[("forgery", "")], &[("forgery", "x")], &[("forgery", &form)], &[("token", &own_form)]] {
        assert_eq!(session.from_its_page().post("/sign-out", fields).status, 403, "{fields:?}");
    }
    let long = "x".repeat(300 * 1024);
    assert_eq!(session.from_its_page().post("/sign-out", &[("forgery", &own_form), ("more", &long)]).status, 413);
    // A look changes nothing.
    for line in ["GET /sign-out", "HEAD /sign-out", "PUT /sign-out", "DELETE /sign-out"] {
        let heard = session.from_its_page().with("x-leadhook-forgery", &own_form).ask(line, "");
        assert_eq!(heard.status, 405, "{line}");
    }
    assert!(is_signed_in(&session), "nothing of it has signed out");

    // The same by the page itself, as a form and as a script sends it.
    assert_eq!(session.from_its_page().post("/sign-out", &[("forgery", &own_form)]).status, 303);
    assert!(!is_signed_in(&session));
    let by_script = other.with("x-leadhook-forgery", &other.get("/").hidden("forgery"));
    assert_eq!(by_script.post("/sign-out", &[]).status, 303);
    assert!(is_signed_in(&person), "the other session is as it was");
    // Nobody is signed in: there is nothing to sign out.
    assert_eq!(page.post("/sign-out", &[("forgery", &form)]).status, 401);
    service.stop();
}

/// A cookie alone, as a browser sends it whoever made the form.
fn person_cookie(place: &Place, asking: &Asking) -> Asking {
    let heard = asking.from_its_page().post("/sign-in", &[("code", &link(place).1)]);
    asking.with("Cookie", &heard.cookie().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine_counts_are_everyones_and_the_rest_is_not() {
    let (place, service) = service(&[]).await;
    let asking = Asking::of(&service);
    for path in ["/healthz", "/metrics", "/", "/sign-in"] {
        assert_eq!(asking.get(path).status, 200, "{path}");
    }
    assert!(asking.get("/readyz").body.contains("why"));
    // What a proxy passes on may come from anywhere.
    for (name, value) in [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("Via", "1.1 proxy")] {
        let heard = asking.with(name, value).get("/metrics");
        assert_eq!((heard.status, heard.header("www-authenticate")), (401, Some("Bearer")), "{name}");
        assert!(!asking.with(name, value).get("/readyz").body.contains("why"));
    }
    // The commands' way is for a token alone: not for a session, and not for a token in another place.
    let own = service.notice().unwrap()["token"].as_str().unwrap().to_owned();
    let session = person_cookie(&place, &asking).from_its_page();
    let port = asking.address.rsplit(':').next().unwrap();
    for (asking, path) in [
        (asking.clone(), "/api/v1/status".to_owned()),
        (session, "/api/v1/status".to_owned()),
        (asking.clone(), format!("/api/v1/status?token={own}")),
        (asking.with("Cookie", &format!("leadhook-{port}={own}")), "/api/v1/status".to_owned()),
        (asking.with("Authorization", &own), "/api/v1/status".to_owned()),
        (asking.with("Authorization", &format!("Basic {own}")), "/api/v1/status".to_owned()),
        (asking.with("Authorization", &format!("Bearer  {own}")), "/api/v1/status".to_owned()),
        (asking.with("X-Token", &own), "/api/v1/status".to_owned()),
        (asking.from_its_page(), "/api/v1/page/link".to_owned()),
    ] {
        assert_eq!(asking.ask(&format!("POST {path}"), "{}").status, 401, "{path}");
    }
    assert_eq!(asking.with("Authorization", &format!("Bearer {own}")).ask("POST /api/v1/status", "{}").status, 200);
    // Nor does the commands' token sign in on the page, or a code open the API.
    assert_eq!(asking.from_its_page().post("/sign-in", &[("code", &own)]).status, 401);
    let code = link(&place).1;
    assert_eq!(asking.with("Authorization", &format!("Bearer {code}")).ask("POST /api/v1/status", "{}").status, 401);
    // Two names at once, and other people's.
    let two = asking.with("Host", &asking.address).with("Host", "evil.example").get("/healthz");
    assert!([400, 421].contains(&two.status), "{two:?}");
    // Nor is what a request line says passed over for what a header says.
    for (target, status) in [("http://evil.example/", 421), (&format!("http://{}/healthz", asking.address), 200)] {
        let mut stream = std::net::TcpStream::connect(&asking.address).unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", asking.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {heard}");
    }
    // A load balancer's check names nobody, which no page can do.
    let nobody = |line: &str| {
        let mut stream = std::net::TcpStream::connect(&asking.address).unwrap();
        stream.write_all(format!("{line}\r\n\r\n").as_bytes()).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    place.all_is_read().await;
    for (line, status) in [
        ("GET /healthz HTTP/1.0", 200),
        ("HEAD /healthz HTTP/1.0", 200),
        ("GET /readyz HTTP/1.0", 200),
        ("GET /metrics HTTP/1.0", 200),
        ("GET /metrics HTTP/1.0\r\nVia: 1.0 proxy", 401),
        ("GET /healthz HTTP/1.1\r\nConnection: close", 200),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example", 421),
        ("GET /healthz HTTP/1.0\r\nHost:", 421),
        ("GET http://evil.example/healthz HTTP/1.0", 421),
        ("GET / HTTP/1.0", 421),
        ("GET /sign-in HTTP/1.0", 421),
        ("GET /healthz/ HTTP/1.0", 421),
        ("POST /api/v1/status HTTP/1.0", 421),
    ] {
        assert_eq!(nobody(line), status, "{line}");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/", "/sign-in", "/sign-out", "/live", "/nothing", "/api/v1/status"]
    {
        assert_eq!(asking.with("Host", "evil.example:8787").get(path).status, 421, "{path}");
    }

    // Every answer, whatever it is.
    let form = asking.get("/sign-in").body.replace("&#x2f;", "/");
    let script = form.split('"').find(|part| part.starts_with("/assets/sign-in.")).unwrap();
    for (asking, path) in [
        (asking.clone(), "/healthz"),
        (asking.clone(), "/metrics"),
        (asking.clone(), "/sign-in"),
        (asking.clone(), "/nothing"),
        (asking.clone(), "/api/v1/status"),
        (asking.clone(), script),
        (asking.with("Via", "1.1 proxy"), "/metrics"),
        (asking.with("Host", "evil.example"), "/"),
    ] {
        let heard = asking.get(path);
        let content = heard.header("content-security-policy").unwrap_or_default();
        for part in ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(content.contains(part), "{path}: {content}");
        }
        assert!(!content.contains("unsafe"), "{path}: {content}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(heard.header(name), Some(value), "{path}: {name}");
        }
        let kept = heard.header("cache-control").unwrap();
        assert!(if path == script { kept.contains("immutable") } else { kept == "no-store" }, "{path}: {kept}");
    }
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn from_elsewhere_only_a_token_opens() {
    let refused = {
        let place = Place::new(&File::new("http://127.0.0.1:1")).with("LEADHOOK_ADMIN__LISTEN", "0.0.0.0:0");
        place.run(&["run"])
    };
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(refused.err.contains("LEADHOOK_ADMIN__LISTEN") && refused.err.contains("token"), "{}", refused.err);

    let (place, service) = service(&[("LEADHOOK_ADMIN__LISTEN", "0.0.0.0:0"), ("LEADHOOK_ADMIN__TOKEN", TOKEN)]).await;
    let asking = Asking::of(&service);
    assert!(asking.address.starts_with("127.0.0.1:"), "commands are told where they can connect: {}", asking.address);
    place.all_is_read().await;
    let bearer = asking.with("Authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(asking.get("/healthz").status, 200);
    let ready = asking.get("/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "{\"ready\":true}"));
    assert_eq!(asking.get("/metrics").status, 401);
    let (status, body) = (bearer.get("/metrics").status, bearer.get("/metrics").body);
    assert!(status == 200 && body.contains("leadhook_source_up 1"), "{body}");
    assert_eq!(bearer.ask("POST /api/v1/status", "{}").status, 200);
    // A person is led to where he can sign in, with the token too.
    let person = asking.with("Accept", "text/html").get("/metrics");
    assert_eq!((person.status, person.header("location")), (303, Some("/sign-in?to=/metrics")));
    let page = asking.from_its_page();
    let heard = page.post("/sign-in", &[("code", TOKEN), ("to", "/metrics")]);
    assert_eq!((heard.status, heard.header("location")), (303, Some("/metrics")));
    assert_eq!(asking.with("Cookie", &heard.cookie().unwrap()).get("/metrics").status, 200);

    // Who guesses is slowed down, whatever he guesses then; commands and links go on.
    let guess = |n: usize| page.post("/sign-in", &[("code", &format!("guess-number-{n}-of-many"))]).status;
    let said: Vec<u16> = (0..30).map(guess).collect();
    assert!(said.starts_with(&[401, 401, 401]) && said.contains(&429), "{said:?}");
    let slowed = (0..20).map(|_| page.post("/sign-in", &[("code", "x")])).find(|heard| heard.status == 429).unwrap();
    assert!(slowed.header("retry-after").is_some(), "{slowed:?}");
    assert_eq!(page.post("/sign-in", &[("code", &link(&place).1)]).status, 303);
    assert_eq!(place.status()["running"], true);
    until("the token is looked at again", || bearer.get("/metrics").status == 200).await;

    let log = service.stop();
    assert!(
        log.contains("a sign-in on the page failed") && !log.contains("guess-number") && !log.contains(TOKEN),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_it_answers_to_its_name_and_its_cookie_is_for_encrypted_ways() {
    let url = ("LEADHOOK_ADMIN__URL", "https://leadhook.example.com");
    let (place, service) = service(&[url, ("LEADHOOK_ADMIN__TOKEN", TOKEN)]).await;
    let asking = Asking::of(&service);
    let (printed, code) = link(&place);
    assert_eq!(printed, "https://leadhook.example.com/sign-in");
    let proxied = asking.with("Host", "leadhook.example.com").with("X-Forwarded-For", "10.9.8.7, 203.0.113.7");
    assert_eq!(proxied.get("/sign-in").status, 200);
    assert_eq!(asking.get("/metrics").status, 401, "people elsewhere come from here too");
    assert_eq!(proxied.with("Origin", "http://leadhook.example.com").post("/sign-in", &[("code", &code)]).status, 403);
    let page = proxied.with("Origin", "https://leadhook.example.com");
    let heard = page.post("/sign-in", &[("code", &code)]);
    let set = heard.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-leadhook=") && set.contains("; Path=/;") && set.ends_with("; Secure"), "{set}");
    let cookie = heard.cookie().unwrap();
    let session = proxied.with("Cookie", &cookie);
    assert!(is_signed_in(&session));
    // A cookie that a neighbouring host can set does not count there.
    let port = asking.address.rsplit(':').next().unwrap();
    let planted = cookie.replace("__Host-leadhook", &format!("leadhook-{port}"));
    assert!(!is_signed_in(&proxied.with("Cookie", &planted)));
    let form = session.get("/").hidden("forgery");
    assert_eq!(
        session.with("Origin", "https://leadhook.example.com").post("/sign-out", &[("forgery", &form)]).status,
        303
    );
    let log = service.stop();
    assert!(log.contains("address=203.0.113.7"), "{log}");
}
