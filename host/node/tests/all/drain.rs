//! Moving, replacing and stopping, while requests come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use lattice_control::ErrorKind;
use lattice_node::testing::{PATIENCE, guest};
use tokio::task::JoinSet;

use crate::support::{Http, PONG, lattice, serve, start_guest, streamer};

/// Requests in a steady stream from several clients at a time, until told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    pub(crate) fn start(http: &Http, url: &str, clients: usize) -> Self {
        Self::start_with(http, &Method::GET, url, clients)
    }

    pub(crate) fn start_with(http: &Http, method: &Method, url: &str, clients: usize) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            clients: JoinSet::new(),
        };
        for _ in 0..clients {
            let (http, method, url) = (http.clone(), method.clone(), url.to_owned());
            let (stop, sent) = (Arc::clone(&load.stop), Arc::clone(&load.sent));
            load.clients.spawn(async move {
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match http.try_request(method.clone(), &url, "").await {
                        Ok(answer) if answer.status.is_success() => {}
                        Ok(answer) => failures.push(format!("{} {}", answer.status, answer.text())),
                        Err(error) => failures.push(error),
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                failures
            });
        }
        load
    }

    /// Returns when this many more requests were answered.
    pub(crate) async fn more(&self, count: usize) {
        let until = self.sent.load(Ordering::Relaxed) + count;
        lattice_testkit::eventually("requests are answered", PATIENCE, async || {
            (self.sent.load(Ordering::Relaxed) >= until).then_some(())
        })
        .await;
    }

    /// Ends the stream; every request has to have succeeded.
    pub(crate) async fn stop(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            failures.extend(client.unwrap());
        }
        let sent = self.sent.load(Ordering::Relaxed);
        assert!(
            failures.is_empty(),
            "{} of {sent} requests failed: {:?}",
            failures.len(),
            &failures[..failures.len().min(5)]
        );
        sent
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_under_load_fails_no_request() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = (
        lattice.host("front").await,
        lattice.host("a").await,
        lattice.host("b").await,
    );
    let spec = lattice.actor("hello-http", guest("hello-http")).await;
    lattice.start_actor(&a, &spec).await;
    let url = serve(&lattice, &front, "hello-http").await;
    let http = Http::new();
    let load = Load::start(&http, &url, 8);
    load.more(50).await;
    // There and back, and onto the host that the requests come in on.
    for (from, to) in [(&a, &b), (&b, &front), (&front, &a), (&a, &b)] {
        lattice.start_actor(to, &spec).await;
        load.more(20).await;
        let stopped = lattice.stop_actor(from, &spec.name, PATIENCE).await;
        assert_eq!(stopped.cancelled, 0);
        load.more(50).await;
    }
    let sent = load.stop().await;
    assert!(sent > 250, "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_the_component_under_load_fails_no_request() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let first = lattice.actor("web", guest("hello-http")).await;
    let second = streamer(&lattice, "web").await;
    for host in [&front, &back] {
        let http = Http::new();
        lattice.start_actor(host, &first).await;
        let url = if host.name() == "front" {
            serve(&lattice, &front, "web").await
        } else {
            front_url(&lattice, &front).await
        };
        // Both answer this one, each in its own way.
        let load = Load::start(&http, &format!("{url}/head"), 4);
        load.more(40).await;
        let replaced = lattice.start_actor(host, &second).await;
        assert!(!replaced.was_running);
        load.more(40).await;
        load.stop().await;
        assert!(
            !http.get(&format!("{url}/head")).await.ok().contains("Hello"),
            "the new one answers"
        );
        lattice.stop_actor(host, &first.name, PATIENCE).await;
    }
}

async fn front_url(lattice: &lattice_node::testing::TestLattice, front: &lattice_node::testing::TestHost) -> String {
    let inventory = lattice
        .client()
        .read(front.id(), &lattice_control::Inventory {})
        .await
        .unwrap();
    inventory.providers[0].endpoints[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_in_flight_finish_and_says_so() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = streamer(&lattice, "slow").await;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "slow").await;
    let http = Http::new();
    http.get(&format!("{url}/slow?0")).await.ok();
    let response = http.open(Method::GET, &format!("{url}/slow?10"), "").await.unwrap();
    let stopped = lattice.stop_actor(&host, &spec.name, PATIENCE);
    let body = async { http_body_util::BodyExt::collect(response.into_body()).await };
    let (stopped, body) = tokio::join!(stopped, body);
    assert_eq!(stopped.cancelled, 0);
    assert!(body.unwrap().to_bytes().ends_with(b"chunk 9\n"), "the whole body came");
    assert_eq!(http.get(&url).await.status, 503, "nobody is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_off_what_outlasts_the_grace_period_and_says_so() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = streamer(&lattice, "slow").await;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "slow").await;
    let http = Http::new();
    http.get(&format!("{url}/slow?0")).await.ok();
    let response = http.open(Method::GET, &format!("{url}/slow?100000"), "").await.unwrap();
    let started = Instant::now();
    let stopped = lattice.stop_actor(&host, &spec.name, Duration::from_millis(300)).await;
    assert_eq!(stopped.cancelled, 1);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "took {:?}",
        started.elapsed()
    );
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(body.is_err(), "what was cut off must not look whole");
    let gone = lattice_control::ActorStop {
        actor: spec.name.clone(),
        drain_ms: 0,
    };
    assert_eq!(
        lattice.send(&host, &gone).await.expect_err("gone").kind,
        ErrorKind::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_finishes_what_it_has_and_its_work_goes_on_elsewhere() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = (
        lattice.host("front").await,
        lattice.host("a").await,
        lattice.host("b").await,
    );
    start_guest(&lattice, "hello-http", &[&a, &b]).await;
    let url = serve(&lattice, &front, "hello-http").await;
    let http = Http::new();
    let load = Load::start(&http, &url, 6);
    load.more(60).await;
    lattice.stop_host(&a, PATIENCE).await;
    tokio::time::timeout(PATIENCE, a.node().ended())
        .await
        .expect("a command has ended it");
    assert_eq!(a.stop(Duration::from_secs(5)).await.cut_off, 0);
    load.more(60).await;
    load.stop().await;
    assert_eq!(lattice.client().members().await.unwrap().len(), 2, "it has left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_lets_its_actors_still_call_each_other() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&host]).await;
    start_guest(&lattice, "pong", &[&host]).await;
    let url = serve(&lattice, &host, "ping").await;
    let http = Http::new();
    http.get(&url).await.ok();
    // Requests that are in when the drain begins must find pong, whichever of the two is closed first.
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (http, url) = (http.clone(), url.clone());
            tokio::spawn(async move { http.try_request(Method::GET, &url, "").await })
        })
        .collect();
    lattice_testkit::eventually("some are in", PATIENCE, async || {
        let inventory = lattice
            .client()
            .read(host.id(), &lattice_control::Inventory {})
            .await
            .unwrap();
        (inventory
            .actors
            .iter()
            .map(|actor| actor.served + actor.in_flight)
            .sum::<u64>()
            > 20)
            .then_some(())
    })
    .await;
    let stopped = host.stop(PATIENCE).await;
    assert_eq!(stopped.cut_off, 0);
    for request in requests {
        // An error is one that was not taken any more: the listener was closed before it came.
        if let Ok(answer) = request.await.unwrap() {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}
