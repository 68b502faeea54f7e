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
