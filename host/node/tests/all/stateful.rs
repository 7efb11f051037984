//! Stateful actors with real components: keys from routes, moves under load, lost hosts, letters, reminders.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use lattice_control::{Call, ErrorKind, KeyedFind, KeyedFound, KeyedList, KeyedMove, KeyedMoved, TextEncoding};
use lattice_core::{KeyedActor, MemberId};
use lattice_node::testing::{PATIENCE, TestHost, TestLattice};
use lattice_testkit::{NatsServer, eventually};

use crate::drain::Load;
use crate::support::{Http, INCOMING, lattice, start_guest};

const PEERS: &str = "lattice:actor/peer-handler";

/// A lattice with a host where calls come in, and two for actors.
async fn three() -> (NatsServer, TestLattice, [TestHost; 3]) {
    let (nats, lattice) = lattice().await;
    let hosts = [
        lattice.host("front").await,
        lattice.host("a").await,
        lattice.host("b").await,
    ];
    (nats, lattice, hosts)
}

/// Serves `name` on an HTTP server on `front`, by keys from the path, and returns the URL up to the key.
async fn serve_keyed(lattice: &TestLattice, front: &TestHost, name: &str) -> String {
    let url = lattice.start_http(front, "http").await;
    let path = format!("/{name}/{{key}}");
    lattice
        .link(
            "provider/http",
            INCOMING,
            &format!("actor/{name}"),
            &[("path", path.as_str())],
        )
        .await;
    format!("{url}/{name}")
}

async fn find(lattice: &TestLattice, host: &TestHost, actor: &str) -> KeyedFound {
    let actor: KeyedActor = actor.parse().unwrap();
    lattice.send(host, &KeyedFind { actor }).await.unwrap()
}

/// The host of these that has an actor, and another one.
async fn owner<'a>(lattice: &TestLattice, actor: &str, hosts: [&'a TestHost; 2]) -> (&'a TestHost, &'a TestHost) {
    let found = find(lattice, hosts[0], actor).await;
    match found.owner.as_ref() {
        Some(owner) if owner == hosts[0].id() => (hosts[0], hosts[1]),
        Some(owner) if owner == hosts[1].id() => (hosts[1], hosts[0]),
        other => panic!("{actor} is at {other:?}"),
    }
}

async fn move_to(lattice: &TestLattice, actor: &str, from: &TestHost, to: &MemberId) -> KeyedMoved {
    let actor: KeyedActor = actor.parse().unwrap();
    let order = KeyedMove {
        name: actor.name,
        key: Some(actor.key),
        to: to.clone(),
        pause_max_ms: 5_000,
    };
    lattice.send(from, &order).await.expect("moved")
}

fn count(text: &str) -> u64 {
    let answer: serde_json::Value = serde_json::from_str(text).unwrap();
    answer["count"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_moves_under_load_and_no_request_fails_or_counts_twice() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "cart", &[&a, &b]).await;
    let url = serve_keyed(&lattice, &front, "cart").await;
    let http = Http::new();
    assert_eq!(count(&http.post(&format!("{url}/alice/add?by=0"), "").await.ok()), 0);
    let load = Load::start_with(&http, &Method::POST, &format!("{url}/alice/add"), 8);
    load.more(50).await;
    let (mut from, mut to) = owner(&lattice, "cart/alice", [&a, &b]).await;
    for _ in 0..6 {
        let moved = move_to(&lattice, "cart/alice", from, to.id()).await;
        assert!(moved.pauses_us[0] < 2_000_000, "{moved:?}");
        std::mem::swap(&mut from, &mut to);
        load.more(20).await;
    }
    let sent = load.stop().await;
    let counted = count(&http.get(&format!("{url}/alice/count")).await.ok());
    assert_eq!(counted, sent as u64);
    // Other keys are other actors.
    assert_eq!(count(&http.get(&format!("{url}/bob/count")).await.ok()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_of_a_lost_host_go_on_elsewhere_with_all_that_was_answered() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "cart", &[&a, &b]).await;
    let url = serve_keyed(&lattice, &front, "cart").await;
    let http = Http::new();
    let keys: Vec<String> = (0..12)
        .map(|number| format!("customer {number}").replace(' ', "%20"))
        .collect();
    for key in &keys {
        http.post(&format!("{url}/{key}/add?by=3"), "").await.ok();
    }
    // As a crash: nothing is drained, nobody is told.
    drop(a);
    let begun = Instant::now();
    for key in &keys {
        assert_eq!(
            count(&http.post(&format!("{url}/{key}/add"), "").await.ok()),
            4,
            "{key}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let listed = lattice.send(&b, &list("cart")).await.unwrap();
    assert_eq!(listed.total, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_hands_its_actors_over_alive() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "cart", &[&a, &b]).await;
    let url = serve_keyed(&lattice, &front, "cart").await;
    let http = Http::new();
    let keys: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    for key in &keys {
        http.post(&format!("{url}/{key}/add"), "").await.ok();
    }
    let load = Load::start_with(&http, &Method::POST, &format!("{url}/0/add"), 4);
    load.more(20).await;
    lattice.stop_host(&a, PATIENCE).await;
    load.more(20).await;
    let sent = load.stop().await as u64;
    assert_eq!(count(&http.get(&format!("{url}/0/count")).await.ok()), sent + 1);
    for key in &keys[1..] {
        assert_eq!(count(&http.get(&format!("{url}/{key}/count")).await.ok()), 1);
    }
    assert_eq!(lattice.send(&b, &list("cart")).await.unwrap().total, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_stopped_on_one_host_leaves_its_state_to_the_others() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "cart", &[&a, &b]).await;
    let url = serve_keyed(&lattice, &front, "cart").await;
    let http = Http::new();
    for key in 0..10 {
        http.post(&format!("{url}/{key}/add"), "").await.ok();
    }
    lattice.stop_actor(&a, &"cart".parse().unwrap(), PATIENCE).await;
    for key in 0..10 {
        assert_eq!(count(&http.post(&format!("{url}/{key}/add"), "").await.ok()), 2);
    }
    assert_eq!(lattice.send(&b, &list("cart")).await.unwrap().total, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_neither_lost_nor_made_when_accounts_pay_each_other() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "bank", &[&a, &b]).await;
    lattice.link("actor/bank", PEERS, "actor/bank", &[]).await;
    let url = serve_keyed(&lattice, &front, "bank").await;
    let http = Http::new();
    let names = ["anna", "ben", "carl", "dora"];
    for name in names {
        http.post(&format!("{url}/{name}/deposit?amount=100"), "").await.ok();
    }
    let transfers = (0..40).map(async |number: usize| {
        let (from, to) = (names[number % 4], names[(number * 7 + 1) % 4]);
        http.post(&format!("{url}/{from}/transfer?to={to}&amount=3"), "").await;
    });
    let moves = async {
        let (from, to) = owner(&lattice, "bank/anna", [&a, &b]).await;
        move_to(&lattice, "bank/anna", from, to.id()).await;
        move_to(&lattice, "bank/anna", to, from.id()).await;
    };
    tokio::join!(futures::future::join_all(transfers), moves);
    eventually("all of the money to have arrived", PATIENCE, async || {
        let mut total = 0;
        for name in names {
            let answer = http.get(&format!("{url}/{name}/balance")).await.ok();
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            total += answer["balance"].as_u64().unwrap();
        }
        (total == 400).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_keeps_its_cells_and_refuses_what_it_does_not_know() {
    let (_nats, lattice, [front, a, b]) = three().await;
    start_guest(&lattice, "ledger", &[&a, &b]).await;
    let url = serve_keyed(&lattice, &front, "ledger").await;
    let http = Http::new();
    for number in 0..5 {
        http.post(&format!("{url}/l/append"), format!("token-{number}"))
            .await
            .ok();
    }
    let (from, to) = owner(&lattice, "ledger/l", [&a, &b]).await;
    move_to(&lattice, "ledger/l", from, to.id()).await;
    http.post(&format!("{url}/l/append"), "token-5").await.ok();
    let read = http.get(&format!("{url}/l/read")).await.ok();
    assert_eq!(read.lines().count(), 6, "{read}");
    assert_eq!(read.lines().last(), Some("token-5"));
    // A route with a key leads to no service, and a stateful actor is not called without a key.
    assert_eq!(http.get(&url).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_twin_hears_by_its_subject_and_sets_a_reminder() {
    let (nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    start_guest(&lattice, "device-twin", &[&host]).await;
    lattice.start_provider(&host, "messages", "messaging-nats", &[]).await;
    let config = [("subscriptions", "devices.{key}.telemetry")];
    lattice
        .link(
            "provider/messages",
            "wasmcloud:messaging/handler",
            "actor/device-twin",
            &config,
        )
        .await;
    let client = async_client(&nats.url()).await;
    eventually("the report to be kept", PATIENCE, async || {
        client
            .publish(
                "devices.pump-7.telemetry",
                lattice_bus::Headers::new(),
                r#"{"temperature": 21}"#.into(),
            )
            .await
            .unwrap();
        let found = find(&lattice, &host, "device-twin/pump-7").await;
        (found.version > 0 && found.reminder_ms.is_some()).then_some(())
    })
    .await;
    assert!(!find(&lattice, &host, "device-twin/pump-8").await.known);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_call_actors_by_key_and_are_told_where_they_are() {
    let (_nats, lattice) = lattice().await;
    let (a, b) = (lattice.host("a").await, lattice.host("b").await);
    start_guest(&lattice, "cart", &[&a, &b]).await;
    let without_key = Call {
        key: None,
        owner_unreachable: false,
        actor: "cart".parse().unwrap(),
        interface: "lattice:actor/lifecycle@0.1.0".to_owned(),
        function: "deactivate".to_owned(),
        arguments: String::new(),
        encoding: TextEncoding::Wave,
        deadline_ms: 5_000,
    };
    let refused = lattice.send(&a, &without_key).await.expect_err("it has a key");
    assert!(
        matches!(refused.kind, ErrorKind::Invalid | ErrorKind::Denied),
        "{refused}"
    );
    let with_key = Call {
        key: Some("k".parse().unwrap()),
        ..without_key
    };
    let refused = lattice.send(&a, &with_key).await.expect_err("only the host does that");
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused}");
    // It has been woken for that; asked on the other host, that one says where it is.
    let elsewhere = lattice.send(&b, &with_key).await.expect("an answer");
    assert_eq!(elsewhere.moved_to.as_ref(), Some(a.id()));
}

fn list(name: &str) -> KeyedList {
    KeyedList {
        name: name.parse().unwrap(),
        limit: 100,
    }
}

async fn async_client(url: &str) -> lattice_bus::Bus {
    lattice_bus::Bus::connect(lattice_bus::BusConfig::new("test").server(url))
        .await
        .unwrap()
}
