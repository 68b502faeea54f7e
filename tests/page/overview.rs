//! The first page.

use leadhook::simulator::{Behaviour, Mishap, Options};

use crate::support::*;
use crate::{Browser, page};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_up_to_date_and_picks_up_when_the_service_is_back() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let address = service.notice().unwrap()["address"].as_str().unwrap().to_owned();
    let browser = Browser::open(&page(&service, "/"), "en-US").await;
    browser.says("#looks", "All is well").await;
    browser.says("#source", "being read").await;
    browser.says("#destination-crm", "taking events").await;
    browser.says("#latest", "Nothing has happened").await;
    browser.says("#live", "Live").await;
    browser.screenshot("empty").await;

    // What happens shows without a reload, and what a person is at stays as it is.
    browser.run("window.same = true; document.querySelector('.find input').focus()").await;
    browser.press("123").await;
    for lead in 1..=3 {
        weclever.finalize(lead, "sold");
    }
    browser.says("#destination-crm", "3 accepted").await;
    browser.says("#latest", "delivered").await;
    browser.says("#plot-events .legend", "finalized 3").await;
    let mine = browser.run("return [window.same, document.activeElement.name, document.activeElement.value]").await;
    assert_eq!(mine, serde_json::json!([true, "q", "123"]));

    // Gone, and back at the same address; what was drawn is drawn still.
    service.stop();
    browser.says("#live", "Not connected, trying again").await;
    browser.screenshot("not-connected").await;
    place.write_text("leadhook.toml", &file.text().replace("127.0.0.1:0", &address));
    let service = place.start_and_read().await;
    browser.says("#live.live:not(.off)", "Live").await;
    browser.says("#latest", "Nothing has happened").await;
    browser.says("#plot-events .legend", "finalized 3").await;
    browser.says("#destination-crm", "3 accepted").await;
    assert_eq!(browser.run("return window.same").await, true, "it was loaded again");
    // The service was away: the browser says so, and nothing else.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|complaint| complaint.contains("net::ERR_")), "{complaints:?}");

    for (reach, title) in [("24h", "24 hours"), ("7d", "7 days")] {
        browser.click(&format!(".tabs a[href*='{reach}']")).await;
        browser.says(".tabs [aria-current]", title).await;
        browser.says("#plot-events .legend", "finalized 3").await;
    }
    browser.ends().await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_day_is_seen_at_a_glance_in_each_language_light_and_dark_and_on_a_phone() {
    let weclever = weclever(Options { leads_per_second: 8.0, past_leads: 40, max_leads: Some(100), ..by_hand() }).await;
    let mishaps = vec![Mishap::Error, Mishap::Throttle, Mishap::Reset];
    let (crm, flaky) =
        (receiver(Behaviour::Fine).await, receiver(Behaviour::Flaky { share: 0.4, kinds: mishaps }).await);
    let (refuses, gone) = (receiver(Behaviour::Broken { status: 422 }).await, receiver(Behaviour::Gone).await);
    let quick = r#"retry = { initial = "200ms", factor = 1.5, max = "2s", attempts = 12, jitter = 0.2 }"#;
    let file = File::new(&weclever.base_url())
        .to("crm", &crm.url(), "")
        .to("team-chat", &flaky.url(), quick)
        .to("legacy-erp", &refuses.url(), "")
        .to("old-hook", &gone.url(), "")
        .to("data-lake", &nobody().await, PATIENT_RETRIES);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let browser = Browser::open(&page(&service, "/"), "en-US").await;
    browser.says("#looks h2", "3 things need a look").await;
    browser.says("#looks", "data-lake keeps failing.").await;
    browser.says("#looks", "old-hook is disabled: it answered 410 Gone.").await;
    browser.says("#looks", "legacy-erp has").await;
    browser.says("#destination-data-lake", "failing, probes only").await;
    browser.says("#destination-legacy-erp", "HTTP 422").await;
    assert_eq!(
        browser.attribute("#destination-legacy-erp a.is-bad", "href").await.unwrap(),
        "/dead?destination=legacy%2Derp"
    );
    // Whoever has not signed in sees what happens, and not to whom.
    browser.says("#latest", "connect").await;
    assert_eq!(browser.count("#latest a").await, 0);
    // What a plot says of a minute can be read.
    let pointed =
        "[...document.querySelectorAll('#plot-attempts .hover')].find(bar => bar.textContent.includes('refused'))
        .dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))";
    browser.run(pointed).await;
    browser.says("#plot-attempts .read", "refused").await;
    let title = browser.run("return document.querySelector('#plot-attempts svg > title').textContent").await;
    assert_eq!(title, "Attempts");

    let pictures = async |language: &str| {
        for dark in [false, true] {
            browser.dark(dark).await;
            let shade = if dark { "dark" } else { "light" };
            browser.desk().await;
            browser.fits().await;
            browser.contrasts().await;
            browser.screenshot(&format!("broken-desk-{shade}-{language}")).await;
            browser.phone().await;
            browser.fits().await;
            browser.screenshot(&format!("broken-phone-{shade}-{language}")).await;
        }
    };
    pictures("en").await;
    browser.language("pt-BR,pt;q=0.9,en;q=0.1").await;
    browser.reload().await;
    browser.says("#looks h2", "3 pontos precisam de atenção").await;
    browser.says("#destination-crm", "recebendo").await;
    browser.says("#live", "Ao vivo").await;
    pictures("pt").await;

    browser.ends().await;
    service.stop();
}
