//! kill -9 of a host under load that comes in on another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lattice_node::testing::{TestLattice, guest};
use lattice_testkit::NatsServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::HostProcess;

/// Clients that send one request after another.
const CLIENTS: usize = 8;

/// One request on a connection of its own; the whole answer.
pub(crate) async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requests_in_flight_on_the_killed_host_fail() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let front = HostProcess::start(&lattice, "front").await;
    let (mut a, b) = (
        HostProcess::start(&lattice, "a").await,
        HostProcess::start(&lattice, "b").await,
    );
    lattice
        .link("actor/slow", "wasi:http/outgoing-handler", "provider/nobody", &[])
        .await;
    let spec = lattice.actor("slow", guest("test-http-stream")).await;
    for host in [&a, &b] {
        lattice.start_actor(&host.id, &spec).await;
    }
    let url = lattice.start_http(&front.id, "http").await;
    lattice
        .link(
            "provider/http",
            "wasi:http/incoming-handler",
            "actor/slow",
            &[("path", "/")],
        )
        .await;
    let address = url.strip_prefix("http://").unwrap().to_owned();

    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, stop) = (address.clone(), Arc::clone(&stop));
        clients.spawn(async move {
            let (mut sent, mut failed, mut longest) = (0, 0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let answer = get(&address, "/slow?1").await;
                sent += 1;
                let whole = answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.contains("chunk 0"));
                failed += usize::from(!whole);
                longest = longest.max(started.elapsed());
            }
            (sent, failed, longest)
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    a.kill().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut sent, mut failed, mut longest) = (0, 0, Duration::ZERO);
    while let Some(client) = clients.join_next().await {
        let (s, f, l) = client.unwrap();
        (sent, failed, longest) = (sent + s, failed + f, longest.max(l));
    }
    assert!(
        failed <= CLIENTS,
        "{failed} of {sent} failed, at most {CLIENTS} were in flight\n{}",
        front.log()
    );
    assert!(sent > 100, "the other replica went on: {sent}");
    assert!(
        longest < Duration::from_secs(8),
        "nobody waited for the dead: {longest:?}"
    );
}
