//! Large and slow bodies, over the lattice.

use std::time::{Duration, Instant};

use http::Method;
use http_body_util::BodyExt as _;

use crate::support::{Http, lattice, serve, streamer};

/// Many times what a window of the lattice holds.
const BIG: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_big_response_streams_from_another_host() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&back, &spec).await;
    let url = serve(&lattice, &front, "test-http-stream").await;
    let answer = Http::new().get(&format!("{url}/big?{BIG}")).await;
    assert_eq!(answer.body.len(), BIG);
    let wrong = answer
        .body
        .iter()
        .enumerate()
        .find(|(offset, byte)| usize::from(**byte) != offset % 251);
    assert_eq!(wrong, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_request_streams_to_another_host_and_back() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&back, &spec).await;
    let url = serve(&lattice, &front, "test-http-stream").await;
    let body: Vec<u8> = (0..BIG).map(|offset| (offset % 241) as u8).collect();
    let answer = Http::new().post(&format!("{url}/echo"), body.clone()).await;
    assert_eq!(answer.body.len(), BIG);
    assert!(answer.body == body, "the echo is the body");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_arrive_as_they_are_made() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&back, &spec).await;
    let url = serve(&lattice, &front, "test-http-stream").await;
    let http = Http::new();
    http.get(&format!("{url}/slow?0")).await.ok();
    // Twenty chunks, 50 ms apart: a body that was gathered first would come after a second.
    let started = Instant::now();
    let mut body = http
        .open(Method::GET, &format!("{url}/slow?20"), "")
        .await
        .unwrap()
        .into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"chunk 0"), "{first:?}");
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "the first chunk took {:?}",
        started.elapsed()
    );
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.ends_with(b"chunk 19\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_over_there_breaks_off_here() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&back, &spec).await;
    let url = serve(&lattice, &front, "test-http-stream").await;
    let broken = Http::new().try_request(Method::GET, &format!("{url}/broken"), "").await;
    assert!(broken.is_err(), "a truncated body must not look whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_the_callee_along() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let spec = streamer(&lattice, "slow").await;
    lattice.start_actor(&back, &spec).await;
    let url = serve(&lattice, &front, "slow").await;
    let http = Http::new();
    http.get(&format!("{url}/slow?0")).await.ok();
    let body = http.open(Method::GET, &format!("{url}/slow?10000"), "").await.unwrap();
    let in_flight = async || {
        let inventory = lattice
            .client()
            .read(back.id(), &lattice_control::Inventory {})
            .await
            .unwrap();
        inventory.actors[0].in_flight
    };
    assert_eq!(in_flight().await, 1);
    drop(body);
    lattice_testkit::eventually("the callee ends with its caller", Duration::from_secs(10), async || {
        (in_flight().await == 0).then_some(())
    })
    .await;
}
