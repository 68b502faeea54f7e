//! Amazon SQS, against moto: an emulator that other people wrote.

use std::net::TcpStream;
use std::process::Command;

use crate::consumer::python;
use crate::server::Server;

async fn moto() -> Server {
    Server::start("see tests/queues/python/requirements.txt", |port, _| {
        let mut command = Command::new(python());
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_can_be_killed_and_comes_back() {
    let mut moto = moto().await;
    let here = |moto: &Server| TcpStream::connect(moto.address()).is_ok();
    assert!(here(&moto));
    moto.kill();
    assert!(!here(&moto));
    moto.comes_back().await;
    assert!(here(&moto));
}
