//! What whoever supervises the service hears of it: systemd by a socket, a container engine by `leadhook health`.

use leadhook::simulator::Behaviour;
use tokio::net::UnixDatagram;

use crate::support::*;

async fn heard(socket: &UnixDatagram) -> String {
    let mut text = [0; 1024];
    let told = tokio::time::timeout(PATIENCE, socket.recv(&mut text)).await.expect("the supervisor hears something");
    String::from_utf8(text[..told.unwrap()].to_vec()).unwrap()
}

fn nothing_more(socket: &UnixDatagram) -> bool {
    socket.try_recv(&mut [0; 8]).is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let file = File::new(&weclever.base_url()).to("crm", &receiver.url(), "timeout = \"5m\"");
    let place = Place::new(&file);
    let at = place.path("notify");
    let socket = UnixDatagram::bind(&at).unwrap();
    let place = place.with("NOTIFY_SOCKET", at.to_str().unwrap());

    let mut service = place.start_with(&[]);
    assert_eq!(heard(&socket).await, "READY=1\nSTATUS=reads platform demo for 1 destination\n");
    // The store is open and it can be asked, from this moment on.
    assert!(service.notice().is_some());
    assert_eq!(place.run(&["health"]).code, 0);
    place.all_is_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.open == 1, PATIENCE).await);
    assert!(nothing_more(&socket), "ready is said once, and other commands say nothing");
    // While the file is read again it is not ready, whatever comes of that.
    for code in [0, 78] {
        assert_eq!(place.run(&["reload"]).code, code);
        let begins = heard(&socket).await;
        let since = begins.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{begins}"));
        assert!(since.trim_end().parse::<u64>().is_ok(), "{begins}");
        assert_eq!(heard(&socket).await, "READY=1\n");
        place.write(&file.clone().source("poll_every", "soon"));
    }
    place.write(&file);

    service.signal("TERM");
    assert_eq!(heard(&socket).await, "STOPPING=1\nSTATUS=stopping: what is in flight is ending\n");
    assert!(service.runs(), "it is said at the beginning of the end");
    service.kill();

    // What cannot start is not ready.
    place.write(&file.clone().source("poll_every", "soon"));
    let mut service = place.start_with(&[]);
    assert_eq!(service.ends(PATIENCE), 78);
    assert!(nothing_more(&socket));

    // A supervisor that is gone is no reason not to work.
    place.write(&file);
    drop(socket);
    receiver.behave(Behaviour::Fine);
    let service = place.start().await;
    service.until_logged("NOTIFY_SOCKET is set, and nobody can be told there").await;
    accepted(&receiver, 1).await;
    service.stop();
}

/// It is said as long as the loops turn; nothing that others keep it waiting for is held against it.
#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_fed_while_the_source_stalls_and_destinations_hang_or_are_paused() {
    use leadhook::simulator::{FaultKind, Faults};
    let weclever = weclever(by_hand()).await;
    let [crm, paused] = [receiver(Behaviour::Hanging).await, receiver(Behaviour::Fine).await];
    let file = File::new(&weclever.base_url()).source("timeout", "5m").to("crm", &crm.url(), "timeout = \"5m\"");
    let place = Place::new(&file.to("paused", &paused.url(), ""));
    let at = place.path("notify");
    let socket = UnixDatagram::bind(&at).unwrap();
    let place = place.with("NOTIFY_SOCKET", at.to_str().unwrap()).with("WATCHDOG_USEC", "900000");
    let service = place.start_with(&[]);
    assert!(heard(&socket).await.starts_with("READY=1\n"));
    place.all_is_read().await;
    assert_eq!(place.run(&["destination", "pause", "paused"]).code, 0);
    weclever.finalize(1, "sold");
    assert!(crm.wait_until(|tally| tally.open == 1, PATIENCE).await);
    weclever.set_faults(Faults { token: 0.0, ..Faults::of(1.0, [FaultKind::Stall]) });
    let stalled = weclever.requests().list;
    assert!(weclever.wait_until(|weclever| weclever.requests().list > stalled, PATIENCE).await);
    while !nothing_more(&socket) {}
    for _ in 0..4 {
        assert_eq!(heard(&socket).await, "WATCHDOG=1\n");
    }
    // One that stands still says nothing.
    service.signal("STOP");
    while !nothing_more(&socket) {}
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert!(nothing_more(&socket));
    service.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_asked_without_secrets_and_believes_no_notice_of_a_dead_service() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let none = place.run(&["health"]);
    assert_eq!((none.code, none.err.contains("no service works on data")), (69, true), "{}", none.err);
    let service = place.start().await;
    let without = File::new(&weclever.base_url()).to("crm", &receiver.url(), "secret = \"${NOT_SET_HERE}\"");
    place.write(&without);
    let asked = place.run(&["health"]);
    assert_eq!((asked.code, asked.out.as_str()), (0, "ok\n"), "{}", asked.err);
    service.kill();
    assert!(place.path("data/admin.json").exists());
    assert_eq!(place.run(&["health"]).code, 69);
}
