//! SIGKILL, at each point of a renewal.

use super::vendor::{Trap, Vendor};
use super::*;

/// Kills the service at this point of a renewal, and sees it go on after the next start.
async fn survives(points: &[Trap], strict: bool) {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let given = vendor.give_refresh();
    vendor.state().strict = strict;
    let more = vendor.by_hand(&format!(", refresh_token = {given:?}")) + ONE_ATTEMPT;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &vendor.crm(), &more));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    vendor.took(1).await;
    service.stop();
    let mut id = 1;
    for point in points {
        // Its token is revoked, so that the first delivery renews it.
        vendor.state().access.clear();
        let mut service = place.start().await;
        let pid = service.notice().unwrap()["pid"].as_i64().unwrap();
        vendor.state().trap = Some((*point, pid));
        id += 1;
        weclever.finalize(id, "sold");
        until(format!("killed when {point:?}"), || !service.runs()).await;
        assert_eq!(vendor.state().trap, None);
        let service = place.start().await;
        let ids = || {
            let mut ids = vendor.state().took.clone();
            ids.sort();
            ids.dedup();
            ids.len()
        };
        until(format!("lead {id} in the CRM, after {point:?}: {}", looks(&place.status())), || ids() as u64 == id)
            .await;
        let status = place.status();
        let token = &destination(&status, "crm")["token"];
        assert_eq!(token["needs_person"], false, "{point:?}: {token:#}");
        service.stop();
    }
}

/// The vendor that gives its clients a chance: the last refresh token is good until the next was used.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_of_a_renewal_it_never_has_to_sign_in_again() {
    use Trap::{Answering, Asked, Rotated, Used};
    survives(&[Asked, Rotated, Answering, Used, Rotated, Rotated, Answering, Answering, Used], false).await;
}

/// The vendor that gives none. What it does and does not tell in time is beyond repair; but once the new token was used, the
/// refresh token that came with it is on disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_on_disk_before_the_token_that_came_with_it_is_used() {
    survives(&[Trap::Asked, Trap::Used, Trap::Used, Trap::Used], true).await;
}
