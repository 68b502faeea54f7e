//! `leadhook auth`: by the browser, by hand, with a code.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::vendor::Vendor;
use super::*;

/// What a browser is sent away with.
fn params(url: &str) -> std::collections::BTreeMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// A person signs in: the URL that the vendor sends the browser back to.
fn signs_in(vendor: &Vendor, open: &str) -> String {
    let asked = params(open);
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
    let code = format!("{GIVEN}-code-{}", fastrand::u32(..));
    vendor.state().codes.push((code.clone(), asked.get("code_challenge").cloned()));
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
    back.to_string()
}

async fn get(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut stream = tokio::net::TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await.unwrap();
    let path = &url[url::Position::BeforePath..];
    let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", url.authority());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Begins `leadhook auth --json` and gives what it says first.
fn begin(place: &Place, more: &[&str]) -> (Child, BufReader<ChildStdout>, Value) {
    let args = [&["auth", "crm", "--json"], more].concat();
    let mut command = place.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let said = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    (child, out, said)
}

fn ends(child: Child, mut out: BufReader<ChildStdout>) -> (i32, String, String) {
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    (ended.status.code().unwrap_or(-1), rest, String::from_utf8(ended.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_asks_for_a_person_and_deliveries_go_on_when_one_has_signed_in() {
    let (weclever, vendor) = (weclever(crate::support::by_hand()).await, Vendor::start().await);
    let more = vendor.by_hand(", refresh_token = \"planted-77-long-dead\", scope = \"a b\"") + ONE_ATTEMPT;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &vendor.crm(), &more));
    let service = place.start_with(&["--log-level", "trace"]);
    service.can_be_asked().await;
    place.all_is_read().await;
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
    place
        .until_status("a person is needed", |status| looks(status).contains("sign in again with `leadhook auth crm`"))
        .await;
    let status = place.status();
    assert!(looks(&status).contains("invalid_grant (*** is not known)"), "{status:#}");
    // It is not asked again and again.
    let asked = vendor.state().asked;
    let attempts = service.logged("no token: ");
    until("two more attempts", || service.logged("no token: ") >= attempts + 2).await;
    assert_eq!(vendor.state().asked, asked);
    assert_eq!(place.run(&["auth", "crm", "--status"]).code, 1);

    let (child, out, said) = begin(&place, &[]);
    let open = said["open"].as_str().unwrap();
    assert_eq!((said["listening"].as_bool(), params(open)["scope"].as_str()), (Some(true), "a b"));
    assert_eq!(params(open)["code_challenge_method"], "S256");
    let back = signs_in(&vendor, open);
    // Someone else's answer, and something else altogether, change nothing.
    let other = format!("{}?code=stolen&state=forged", params(open)["redirect_uri"]);
    assert!(get(&other).await.contains("no answer to the sign-in"));
    get(&params(open)["redirect_uri"].replace("/callback", "/favicon.ico")).await;
    let page = get(&back).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("leadhook has the answer"), "{page}");
    let (code, out, err) = ends(child, out);
    assert_eq!(code, 0, "{out}{err}");
    let reply: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&reply["has_token"], &reply["renewable"], &reply["trouble"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    tells_no_secret("leadhook auth", &format!("{}{out}{err}", said["destination"]));
    // At once, and not when the wait is over.
    vendor.took(3).await;
    place.until_status("nothing needs a look", |status| status["needs_a_look"] == json!([])).await;
    tells_no_secret("status", &place.run(&["status", "--json"]).out);
    tells_no_secret("the log", &service.stop());
    // The file's own token, which is as dead as before, does not come back.
    let service = place.start().await;
    weclever.finalize(4, "sold");
    vendor.took(4).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_may_sign_in_before_the_first_start_and_paste_what_the_browser_shows() {
    let (weclever, vendor) = (weclever(crate::support::by_hand()).await, Vendor::start().await);
    let file = File::new(&weclever.base_url());
    let more = vendor.by_hand("").replace("http://127.0.0.1:0/callback", "https://agency.example.com/done");
    let place = Place::new(&file.to("crm", &vendor.crm(), &more));
    assert_eq!(place.run(&["auth", "crm", "--status"]).code, 69, "there is no store yet");

    // It cannot listen there, and reads without being told to.
    for (paste, code, told) in [
        ("https://agency.example.com/done?code=a&state=forged", 2, "this is no answer to the sign-in"),
        ("https://agency.example.com/done?error=access_denied&state=STATE", 2, "refused: access_denied"),
        ("", 2, "there is no code in it"),
        ("planted-77-no-such-code", 1, "...*** is not)"),
        ("BACK", 0, ""),
    ] {
        let (mut child, out, said) = begin(&place, &[]);
        assert_eq!(said["listening"], false);
        let open = said["open"].as_str().unwrap();
        let back = signs_in(&vendor, open);
        let paste = paste.replace("STATE", &params(open)["state"]).replace("BACK", &back);
        child.stdin.take().unwrap().write_all(format!("{paste}\n").as_bytes()).unwrap();
        let (ended, out, err) = ends(child, out);
        assert!(ended == code && format!("{out}{err}").contains(told), "{paste}: {ended} {out}{err}");
        tells_no_secret("leadhook auth", &format!("{out}{err}"));
    }
    let status = place.json(&["auth", "crm", "--status"], 0);
    assert_eq!(status["has_token"], true);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    vendor.took(1).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_vendors_console_shows_is_enough() {
    let (weclever, vendor) = (weclever(crate::support::by_hand()).await, Vendor::start().await);
    let file = File::new(&weclever.base_url());
    let auth = vendor.auth(", grant = \"refresh_token\"");
    let place = Place::new(&file.to("crm", &vendor.crm(), &auth).to("plain", &vendor.crm(), "").to(
        "own",
        &vendor.crm(),
        &vendor.auth(""),
    ));
    let code = format!("{GIVEN}-code-1");
    vendor.state().codes.push((code.clone(), None));
    for (args, told) in [
        (&["auth", "crm"][..], "write authorize_url"),
        (&["auth", "plain"], "plain has no auth of type \"oauth2\"; these have: crm, own"),
        (&["auth", "nowhere"], "nowhere is no destination of the file; these have: crm, own"),
        (&["auth", "own", "--code", "x"], "there is no code to be had"),
        (&["auth", "crm", "--code", "x", "--paste"], "cannot be used with"),
    ] {
        let ran = place.run(args);
        assert!(ran.code == 2 && ran.err.contains(told), "{args:?}: {ran:?}");
    }
    let ran = place.run_with(&["auth", "crm", "--code", "-"], format!("{code}\n").as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.starts_with("crm has a token, good until ") && ran.out.contains("renewed by itself"),
        "{}",
        ran.out
    );
    let ran = place.run(&["auth", "own"]);
    assert!(ran.code == 0 && ran.out.starts_with("own has a token"), "{ran:?}");
    tells_no_secret("leadhook auth", &format!("{ran:?}"));
    // A secret that is wrong is a matter of the file.
    vendor.state().instead = Some((401, r#"{"error":"invalid_client"}"#));
    let other = File::new(&weclever.base_url()).to("own", &vendor.crm(), &vendor.auth(", scope = \"more\""));
    place.write(&other);
    let ran = place.run(&["auth", "own"]);
    assert!(ran.code == 1 && ran.out.contains("invalid_client; look at `auth` of own in the file"), "{ran:?}");
}
