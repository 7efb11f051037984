//! Hosts that die, and a nats-server that does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use lattice_node::testing::{HostOptions, PATIENCE, TestLattice};
use lattice_testkit::{FaultProxy, eventually};
use tokio::task::JoinSet;

use crate::support::{Http, INCOMING, PONG, lattice, serve, start_guest, streamer};

#[tokio::test(flavor = "multi_thread")]
async fn when_a_host_dies_only_what_it_had_in_flight_fails() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = (
        lattice.host("front").await,
        lattice.host("a").await,
        lattice.host("b").await,
    );
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&a, &spec).await;
    lattice.start_actor(&b, &spec).await;
    let url = serve(&lattice, &front, "test-http-stream").await;
    let http = Http::new();
    const CLIENTS: usize = 6;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (http, url, stop) = (http.clone(), format!("{url}/slow?1"), Arc::clone(&stop));
        clients.spawn(async move {
            let (mut sent, mut failed, mut longest) = (0, 0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let answer = http.try_request(Method::GET, &url, "").await;
                sent += 1;
                if !matches!(answer, Ok(answer) if answer.status == StatusCode::OK) {
                    failed += 1;
                }
                longest = longest.max(started.elapsed());
            }
            (sent, failed, longest)
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // As a crash: nothing is drained, nobody is told.
    drop(a);
    tokio::time::sleep(Duration::from_secs(4)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut sent, mut failed, mut longest) = (0, 0, Duration::ZERO);
    while let Some(client) = clients.join_next().await {
        let (s, f, l) = client.unwrap();
        (sent, failed, longest) = (sent + s, failed + f, longest.max(l));
    }
    assert!(
        failed <= CLIENTS,
        "{failed} of {sent} failed; at most the {CLIENTS} in flight may"
    );
    assert!(sent > 100, "the other replica went on: {sent}");
    assert!(
        longest < Duration::from_secs(8),
        "nobody waited for the dead: {longest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_dies_and_returns_is_not_noticed_by_co_located_calls() {
    let (mut nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&here]).await;
    start_guest(&lattice, "pong", &[&here]).await;
    start_guest(&lattice, "hello-http", &[&there]).await;
    let near = serve(&lattice, &here, "ping").await;
    let far = lattice.start_http(&here, "far").await;
    lattice
        .link("provider/far", INCOMING, "actor/hello-http", &[("path", "/")])
        .await;
    let http = Http::new();
    http.get(&near).await.ok();
    http.get(&far).await.ok();
    nats.kill();
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let started = Instant::now();
        assert_eq!(
            http.get(&near).await.ok().trim(),
            "pong: ping",
            "nothing of it goes over NATS"
        );
        longest = longest.max(started.elapsed());
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    nats.restart().await;
    eventually("remote calls recover", PATIENCE, async || {
        (http.get(&far).await.status == StatusCode::OK).then_some(())
    })
    .await;
    eventually("both are back in the directory", PATIENCE, async || {
        (lattice.client().members().await.ok()?.len() == 2).then_some(())
    })
    .await;
    // Links still work both ways.
    let link = lattice
        .link("provider/far", INCOMING, "actor/hello-http", &[("path", "/again")])
        .await;
    http.get(&format!("{far}/again")).await.ok();
    lattice.unlink(&link).await;
    assert_eq!(http.get(&format!("{far}/again")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_cut_off_goes_on_and_catches_up_with_what_was_revoked() {
    let (nats, lattice) = lattice().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let edge = lattice
        .host_with(HostOptions::named("edge").url(proxy.nats_url()))
        .await;
    let link = lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&edge]).await;
    start_guest(&lattice, "pong", &[&edge]).await;
    let url = serve(&lattice, &edge, "ping").await;
    let http = Http::new();
    http.get(&url).await.ok();
    proxy.cut();
    http.get(&url).await.ok();
    let draft = TestLattice::draft("actor/ping", PONG, "actor/elsewhere", &[]);
    let signed = lattice.put_link_unseen(&draft).await;
    assert_eq!(signed.id, link);
    http.get(&url).await.ok();
    proxy.heal();
    eventually("the host learns what changed meanwhile", PATIENCE, async || {
        (http.get(&url).await.status != StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_starts_from_its_own_disk_what_it_ran_before() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = lattice
        .actor("hello-http", lattice_node::testing::guest("hello-http"))
        .await;
    lattice.start_actor(&host, &spec).await;
    let host = host.restart(&lattice).await;
    // The store forgets it; the host has not.
    let store = lattice
        .client()
        .bus()
        .objects(&lattice_core::subject::buckets(lattice.id()).artifacts)
        .await
        .unwrap();
    store
        .delete(&lattice_control::artifact_name(&spec.digest))
        .await
        .unwrap();
    let started = lattice.start_actor(&host, &spec).await;
    assert!(started.from_cache);
    let url = serve(&lattice, &host, "hello-http").await;
    http_ok(&url).await;
}

async fn http_ok(url: &str) {
    assert!(Http::new().get(url).await.ok().contains("Hello"));
}
