//! Guests that misbehave are stopped; floods are answered.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use lattice_control::{Call, ErrorKind, TextEncoding};

use crate::support::{Http, lattice, serve, streamer, wat};

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_loops_for_ever_is_interrupted_at_its_deadline_here_and_elsewhere() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let mut spec = lattice.actor("spinner", wat::spinner()).await;
    spec.limits.deadline_ms = 500;
    let url = serve(&lattice, &front, "spinner").await;
    for place in [&front, &back] {
        lattice.start_actor(place, &spec).await;
        let started = Instant::now();
        let answer = Http::new().get(&url).await;
        assert_eq!(
            answer.status,
            StatusCode::GATEWAY_TIMEOUT,
            "on {}: {}",
            place.name(),
            answer.text()
        );
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "took {:?}",
            started.elapsed()
        );
        lattice.stop_actor(place, &spec.name, Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_a_call_by_hand_interrupts_the_guest() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = lattice.actor("spin", wat::spinning_function()).await;
    lattice.start_actor(&host, &spec).await;
    let call = Call {
        key: None,
        owner_unreachable: false,
        actor: spec.name.clone(),
        interface: "test:spin/spin".to_owned(),
        function: "forever".to_owned(),
        arguments: String::new(),
        encoding: TextEncoding::Wave,
        deadline_ms: 300,
    };
    let error = lattice.send(&host, &call).await.expect_err("it never returns");
    assert_eq!(error.kind, ErrorKind::Timeout, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_eats_memory_is_stopped_at_its_limit() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let mut spec = lattice.actor("hog", wat::hog()).await;
    spec.limits.memory_bytes = 16 << 20;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "hog").await;
    let http = Http::new();
    for _ in 0..3 {
        let answer = http.get(&url).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().contains("limit-memory"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_every_single_request() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let mut spec = streamer(&lattice, "slow").await;
    spec.limits.concurrency = 8;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "slow").await;
    let http = Http::new();
    http.get(&format!("{url}/slow?0")).await.ok();
    // Ten thousand and more, from another process, is the host program's own test; sockets of both ends are in this one here.
    let flood = (0..2_000).map(|_| {
        let (http, url) = (http.clone(), format!("{url}/slow?1"));
        tokio::spawn(async move {
            http.try_request(Method::GET, &url, "")
                .await
                .map(|answer| answer.status)
        })
    });
    let (mut served, mut refused) = (0, 0);
    for answer in flood.collect::<Vec<_>>() {
        let status = tokio::time::timeout(Duration::from_secs(60), answer)
            .await
            .expect("none hangs")
            .unwrap();
        match status {
            Ok(StatusCode::OK) => served += 1,
            Ok(StatusCode::SERVICE_UNAVAILABLE) => refused += 1,
            other => panic!("neither served nor refused: {other:?}"),
        }
    }
    assert!(served >= 8, "{served} served");
    assert_eq!(served + refused, 2_000);
    http.get(&format!("{url}/slow?0")).await.ok();
}
