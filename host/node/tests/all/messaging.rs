//! Messages of a broker, in and out.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use lattice_bus::{Bus, BusConfig, Headers};
use lattice_node::testing::{PATIENCE, TestHost, TestLattice};

use crate::support::{Http, lattice, serve, start_guest};

const HANDLER: &str = "wasmcloud:messaging/handler";
const CONSUMER: &str = "wasmcloud:messaging/consumer";

/// Starts the messaging provider, and links `echo` to it both ways.
async fn echo(lattice: &TestLattice, host: &TestHost, subscriptions: &str) {
    lattice.start_provider(host, "broker", "messaging-nats", &[]).await;
    lattice
        .link("actor/echo", CONSUMER, "provider/broker", &[("publish", ">")])
        .await;
    lattice
        .link(
            "provider/broker",
            HANDLER,
            "actor/echo",
            &[("subscriptions", subscriptions)],
        )
        .await;
}

async fn ask(bus: &Bus, subject: &str, body: &str) -> String {
    let answer = bus
        .request(
            subject,
            Headers::new(),
            Bytes::from(body.to_owned()),
            Duration::from_secs(10),
        )
        .await;
    let answer = answer.unwrap_or_else(|error| panic!("{subject}: {error}"));
    String::from_utf8_lossy(&answer.payload).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_echoes_messages_on_its_own_host_and_on_another() {
    let (nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    echo(&lattice, &front, "demo.echo").await;
    let bus = Bus::connect(BusConfig::new("asker").server(nats.url())).await.unwrap();
    for host in [&front, &back] {
        start_guest(&lattice, "echo", &[host]).await;
        assert!(
            ask(&bus, "demo.echo", "hello").await.contains("hello"),
            "echo on {}",
            host.name()
        );
        lattice.stop_actor(host, &"echo".parse().unwrap(), PATIENCE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_group_gives_each_message_to_one_of_the_subscribers() {
    let (nats, lattice) = lattice().await;
    let (one, two) = (lattice.host("one").await, lattice.host("two").await);
    lattice.start_provider(&one, "broker", "messaging-nats", &[]).await;
    lattice.start_provider(&two, "broker", "messaging-nats", &[]).await;
    lattice
        .link("actor/echo", CONSUMER, "provider/broker", &[("publish", ">")])
        .await;
    lattice
        .link(
            "provider/broker",
            HANDLER,
            "actor/echo",
            &[("subscriptions", "work.*|workers")],
        )
        .await;
    start_guest(&lattice, "echo", &[&one, &two]).await;
    let bus = Bus::connect(BusConfig::new("asker").server(nats.url())).await.unwrap();
    let inbox = bus.new_inbox();
    let mut answers = bus.subscribe(&inbox, None, 1024).await.unwrap();
    bus.round_trip(Duration::from_secs(5)).await.unwrap();
    for n in 0..50 {
        bus.publish_with_reply(
            format!("work.{n}"),
            &inbox,
            Headers::new(),
            Bytes::from(format!("job {n}")),
        )
        .await
        .unwrap();
    }
    let mut got = Vec::new();
    while got.len() < 50 {
        let answer = tokio::time::timeout(Duration::from_secs(20), answers.next())
            .await
            .expect("every message is answered");
        got.push(String::from_utf8_lossy(&answer.unwrap().payload).into_owned());
    }
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 50, "each once");
    let more = tokio::time::timeout(Duration::from_millis(300), answers.next()).await;
    assert!(more.is_err(), "and none twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_publishes_and_asks_through_a_provider_elsewhere() {
    let (nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    lattice.start_provider(&front, "broker", "messaging-nats", &[]).await;
    lattice
        .link(
            "actor/test-messaging",
            CONSUMER,
            "provider/broker",
            &[("publish", "out.>")],
        )
        .await;
    start_guest(&lattice, "test-messaging", &[&back]).await;
    let url = serve(&lattice, &back, "test-messaging").await;
    let bus = Bus::connect(BusConfig::new("listener").server(nats.url()))
        .await
        .unwrap();
    let mut heard = bus.subscribe("out.>", None, 64).await.unwrap();
    bus.round_trip(Duration::from_secs(5)).await.unwrap();
    let http = Http::new();
    assert!(
        http.post(&format!("{url}/publish/out.news"), "tidings")
            .await
            .ok()
            .contains("\"ok\"")
    );
    let message = tokio::time::timeout(Duration::from_secs(10), heard.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (message.subject.as_str(), &message.payload[..]),
        ("out.news", &b"tidings"[..])
    );
    let denied = http.post(&format!("{url}/publish/elsewhere"), "x").await.ok();
    assert!(
        denied.contains("\"err\""),
        "the link does not allow that subject: {denied}"
    );
}
