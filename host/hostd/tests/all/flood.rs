//! Ten thousand requests at once to an actor that serves eight.

use std::time::Duration;

use lattice_node::testing::{TestLattice, guest};
use lattice_testkit::NatsServer;
use tokio::task::JoinSet;

use crate::kill::get;
use crate::process::HostProcess;

const FLOOD: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_a_flood_is_answered_and_memory_stays_bounded() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let host = HostProcess::start(&lattice, "one").await;
    lattice
        .link("actor/slow", "wasi:http/outgoing-handler", "provider/nobody", &[])
        .await;
    let mut spec = lattice.actor("slow", guest("test-http-stream")).await;
    spec.limits.concurrency = 8;
    lattice.start_actor(&host.id, &spec).await;
    let url = lattice.start_http(&host.id, "http").await;
    lattice
        .link(
            "provider/http",
            "wasi:http/incoming-handler",
            "actor/slow",
            &[("path", "/")],
        )
        .await;
    let address = url.strip_prefix("http://").unwrap().to_owned();
    assert!(get(&address, "/slow?0").await.unwrap().starts_with("HTTP/1.1 200"));

    let mut flood = JoinSet::new();
    for _ in 0..FLOOD {
        let address = address.clone();
        flood.spawn(async move { get(&address, "/slow?1").await });
    }
    let (mut served, mut refused) = (0, 0);
    while let Some(answer) = tokio::time::timeout(Duration::from_secs(90), flood.join_next())
        .await
        .expect("none hangs")
    {
        match answer.unwrap() {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => served += 1,
            Ok(answer) if answer.starts_with("HTTP/1.1 503") => refused += 1,
            other => panic!("neither served nor refused: {other:?}"),
        }
    }
    assert_eq!(served + refused, FLOOD);
    assert!(served >= 8, "{served} served, {refused} refused");
    let resident = host.resident_bytes() >> 20;
    assert!(resident < 600, "{resident} MiB after the flood");
    assert!(
        get(&address, "/slow?0").await.unwrap().starts_with("HTTP/1.1 200"),
        "and it goes on"
    );
}
