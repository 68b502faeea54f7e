//! A secret that stood in the file once, and which a destination has repeated meanwhile.

use std::path::Path;

use serde_json::Value;

use crate::support::*;

/// In what form the destinations were sent them, and how they say them again.
const OLD: [&str; 4] = ["token-old-5531", "key-old-5532", "dTpwYXNzLW9sZC01NTMz", "pass-old-5533"];

/// Which of these lies in any file below.
fn lies_in(directory: &Path) -> Vec<&'static str> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let read = |path: &Path| match path.is_dir() {
        true => lies_in(path),
        false => {
            let bytes = std::fs::read(path).unwrap_or_default();
            OLD.into_iter().filter(|old| bytes.windows(old.len()).any(|some| some == old.as_bytes())).collect()
        }
    };
    entries.flatten().flat_map(|entry| read(&entry.path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_replaced_is_nowhere_for_it_was_never_kept() {
    let weclever = weclever(by_hand()).await;
    let echo = Raw::start(|request, came| {
        let headers = ["authorization", "x-api-key"]
            .map(|name| format!("{name}: {}\n", request.headers.get(name).cloned().unwrap_or_default()));
        let status = if request.line.contains("/taken") { 200 } else { [500, 422][came.min(1)] };
        Reply::new(status, "", &format!("{}\n{}", request.line, headers.concat()))
    })
    .await;
    let url = |path: &str| format!("{}{path}", echo.url());
    let once = "\nretry = { schedule = ['50ms'] }";
    let file = File::new(&weclever.base_url());
    let before = file
        .clone()
        .to("crm", &url("/"), &format!("auth = {{ type = 'bearer', token = 'token-old-5531' }}{once}"))
        .to("gone", &url("/taken?api_key=key-old-5532"), "headers = { X-Api-Key = 'key-old-5532' }")
        .to(
            "basic",
            &url("/"),
            &format!("auth = {{ type = 'basic', username = 'u', password = '${{file:pass}}' }}{once}"),
        );
    let place = Place::new(&before);
    place.write_text("pass", "pass-old-5533");
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    let ended = |status: &Value| {
        let dead = ["crm", "basic"].iter().all(|name| destination(status, name)["dead"] == 1);
        dead && destination(status, "gone")["pending"] == 0
    };
    place.until_status("all is settled", ended).await;

    let after = file.to("crm", &url("/"), &format!("auth = {{ type = 'bearer', token = 'token-new-5534' }}{once}")).to(
        "basic",
        &url("/"),
        &format!("auth = {{ type = 'basic', username = 'u', password = '${{file:pass}}' }}{once}"),
    );
    place.write(&after);
    place.write_text("pass", "pass-new-5535");
    let reloaded = place.run(&["reload"]);
    assert_eq!(reloaded.code, 0, "{}{}", reloaded.out, reloaded.err);

    let must_hide = |what: &str, text: &str| {
        for old in OLD {
            assert!(!text.contains(old), "{what} tells {old}: {text}");
        }
    };
    let letters = place.json(&["dead", "list"], 1);
    let ids: Vec<&str> =
        letters["letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    for json in [&[][..], &["--json"]] {
        let explained = place.run(&[&["explain", "1"], json].concat());
        assert!(explained.out.contains("***") || explained.out.contains("${file:pass}"), "{}", explained.out);
        must_hide("explain", &explained.out);
        for id in &ids {
            let shown = place.run(&[&["dead", "show", id], json].concat());
            assert!(shown.out.contains("***") || shown.out.contains("${file:pass}"), "{}", shown.out);
            must_hide("dead show", &shown.out);
        }
    }
    let asking = Asking::of(&service);
    let link = place.json(&["page"], 0)["url"].as_str().unwrap().to_owned();
    let heard = asking.from_its_page().post("/sign-in", &[("code", link.split_once('#').unwrap().1)]);
    let person = asking.with("Cookie", &heard.cookie().unwrap());
    for path in ["/leads/1".to_owned(), format!("/dead/{}", ids[0]), format!("/dead/{}", ids[1])] {
        let heard = person.get(&path);
        assert_eq!(heard.status, 200, "{path}: {heard:?}");
        must_hide(&path, &heard.body);
    }
    must_hide("the log", &service.stop());
    assert_eq!(lies_in(&place.path("data")), [""; 0], "in the store's files");
    let exported = place.run(&["store", "export", "-"]);
    assert!(exported.code == 0 && !exported.out.is_empty(), "{}", exported.err);
    must_hide("store export", &exported.out);
}
