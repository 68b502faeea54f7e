//! Why a lead did not reach the CRM, found out, mended and sent again from the page alone.

use leadhook::simulator::Behaviour;

use crate::support::*;
use crate::{Browser, page};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_out_why_a_lead_did_not_arrive_mends_it_and_sends_it_again() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Broken { status: 422 }).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), &format!("secret = {SECRET:?}")));
    let service = place.start_and_read().await;
    for lead in [4711, 4712] {
        weclever.finalize(lead, "sold");
        weclever.change(lead, "name", "Zuleica Planted");
    }
    place.until_status("both are dead", |status| destination(status, "crm")["dead"] == 2).await;

    // Signed in by the link; its code does not stay in the address.
    let link = place.json(&["page"], 0)["url"].as_str().unwrap().to_owned();
    let browser = Browser::open(&link, "en-US").await;
    browser.appears("form[action='/sign-out']").await;
    assert_eq!(browser.address().await, page(&service, "/"));
    browser.fill(".find input", "4711").await;
    browser.press("\u{E007}").await;
    browser.says("h1", "Lead 4711").await;
    browser.says("#lead", "HTTP 422").await;
    browser.screenshot("lead-dead").await;
    browser.click("#lead .next a.button").await;
    browser.says("h1", "Why lead 4711 did not arrive").await;
    browser.says("main", "refused for good").await;
    browser.fits().await;
    browser.screenshot("letter").await;

    // Masked, then shown.
    let seen = browser.text("main").await;
    assert!(seen.contains("•••") && !seen.contains("Zuleica"), "{seen}");
    browser.click("form[action='/leads/4711/show'] button").await;
    browser.says("main", "Zuleica Planted").await;
    browser.screenshot("letter-shown").await;

    // In Portuguese, and on a phone.
    browser.language("pt-BR").await;
    browser.reload().await;
    browser.says("h1", "Por que o lead 4711 não chegou").await;
    browser.phone().await;
    browser.fits().await;
    browser.screenshot("letter-phone-pt").await;
    browser.desk().await;
    browser.language("en-US").await;
    browser.reload().await;

    // The receiver is mended, and it is sent again.
    crm.behave(Behaviour::Fine);
    browser.click("form[action$='/retry'] button").await;
    browser.says(".notice", "It is sent again now").await;
    accepted(&crm, 1).await;
    browser.says("#lead .story", "accepted").await;
    browser.screenshot("lead-arrived").await;
    browser.phone().await;
    browser.fits().await;
    browser.screenshot("lead-phone").await;
    browser.desk().await;

    // The other one is dropped, after being asked.
    browser.go(&page(&service, "/dead")).await;
    browser.says("h2", "1 dead letter").await;
    browser.screenshot("dead").await;
    browser.phone().await;
    browser.fits().await;
    browser.screenshot("dead-phone").await;
    browser.desk().await;
    browser.click("td a.button").await;
    browser.says("h1", "Why lead 4712").await;
    browser.click("details.ask summary.danger").await;
    browser.click("form[action$='/drop'] button").await;
    browser.says(".notice", "dropped for good").await;

    // Paused and resumed, without a script too.
    browser.go(&page(&service, "/destinations/crm")).await;
    browser.click("form[action$='/pause'] button").await;
    browser.says(".state", "paused by hand").await;
    browser.screenshot("destination-paused").await;
    browser.without_script(true).await;
    browser.click("form[action$='/resume'] button").await;
    browser.without_script(false).await;
    browser.says(".state", "takes what is sent").await;
    browser.dark(true).await;
    browser.phone().await;
    browser.fits().await;
    browser.screenshot("destination-phone-dark").await;
    browser.click("form[action='/sign-out'] button").await;
    browser.says("h1", "Sign in").await;
    browser.screenshot("sign-in").await;
    browser.ends().await;
    service.stop();
}
