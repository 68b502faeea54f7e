//! The first page.

use leadhook::simulator::Behaviour;

use crate::support::*;
use crate::{Browser, page};

#[tokio::test(flavor = "multi_thread")]
async fn it_loads_in_the_readers_language_and_goes_on_when_the_service_is_back() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    let browser = Browser::open(&page(&service, "/"), "en-US").await;
    browser.says("h1", "Overview").await;
    browser.says("#live", "Live").await;
    browser.language("pt-BR,pt;q=0.9").await;
    browser.reload().await;
    browser.says("h1", "Visão geral").await;
    browser.phone().await;
    browser.fits().await;
    browser.ends().await;
    service.stop();
}
