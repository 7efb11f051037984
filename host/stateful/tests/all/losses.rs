//! Hosts that are lost, or cut off, or believed to be.

use std::time::{Duration, Instant};

use lattice_core::stateful::Cause;
use lattice_core::{Durability, Stateful};
use lattice_testkit::FaultProxy;
use uuid::Uuid;

use crate::world::{Counter, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_hosts_actors_go_on_elsewhere_within_three_seconds() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let (one, other) = (world.host(kind.clone()).await, world.host(kind.clone()).await);
    let keys: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    for key in &keys {
        world.call(key, "add 1").await;
    }
    assert!(keys.iter().any(|key| one.has(key)) && keys.iter().any(|key| other.has(key)));
    one.vanish();
    drop(one);
    let begun = Instant::now();
    let calls = keys.iter().map(|key| world.call(key, "add 1"));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer, "2");
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let recovered = kind
        .woken
        .lock()
        .iter()
        .filter(|waking| waking.cause == Cause::Recovered)
        .count();
    assert!(recovered > 0);

    // All of it is one trace.
    let recent = world.telemetry.recent();
    let trace = recent.last(|span| span.name == "failover").expect("it is kept");
    let spans = recent.trace(trace);
    let root = spans.iter().find(|span| span.name == "failover").expect("it is there");
    let mut below: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_id == Some(root.span_id))
        .collect();
    below.sort_by_key(|span| span.start_ns);
    let names: Vec<&str> = below.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names[..2], ["failover wait", "failover fence"]);
    assert_eq!(names[2..], vec!["failover take-over"; recovered], "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_only_unreachable_for_callers_keeps_its_actors() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    world.call("a", "add 1").await;
    let (owner, _) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    // It goes on renewing its session, so that nobody may take its actor: the caller has to wait.
    owner.vanish();
    let target = actor("a");
    let call = world.hosts.call(&target, Uuid::new_v4(), "add 1");
    let answer = tokio::time::timeout(Duration::from_secs(4), call);
    assert!(answer.await.is_err(), "the actor was taken from a host that lives");
    assert!(owner.has("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_cut_off_from_jetstream_neither_stores_nor_answers_what_others_have_changed() {
    let world = World::start().await;
    let proxy = FaultProxy::start(world.nats.address()).await;
    let kind = Counter::new("v1", Stateful::default());
    let cut = world.host_at(&proxy.nats_url(), kind.clone()).await;
    world.call("a", "add 1").await;
    assert!(cut.has("a"));
    let other = world.host(kind).await;
    proxy.stall();
    // Both are asked at once: the one that is cut off must not answer with what is not true any more.
    let stale = {
        let runtime = std::sync::Arc::clone(&cut.runtime);
        let call = crate::losses::read_of("a");
        tokio::spawn(async move { runtime.deliver(actor("a"), call).await })
    };
    cut.vanish();
    assert_eq!(world.call("a", "add 1").await, "2");
    assert!(other.has("a"));
    proxy.heal();
    let stale = stale.await.expect("no panic");
    match stale {
        // It may have been answered before its lease ran out, from before the change; or not at all.
        Ok(answer) => assert_eq!(answer.body, "1"),
        Err(fault) => assert!(fault.is_safe_to_retry(), "{fault}"),
    }
    let late = cut.runtime.deliver(actor("a"), read_of("a")).await;
    match late {
        Ok(answer) => assert_eq!(answer.body, "2"),
        Err(fault) => assert!(fault.is_safe_to_retry(), "{fault}"),
    }
    assert_eq!(world.call("a", "add 1").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn volatile_actors_wait_out_the_longer_lease_and_begin_anew() {
    let world = World::start().await;
    let policy = Stateful {
        durability: Durability::Volatile,
        ..Stateful::default()
    };
    let kind = Counter::new("v1", policy);
    let one = world.host(kind.clone()).await;
    world.call("a", "add 5").await;
    one.vanish();
    drop(one);
    let _other = world.host(kind).await;
    let begun = Instant::now();
    assert_eq!(world.call("a", "get").await, "0");
    assert!(begun.elapsed() >= world.timing.slow_takeover, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_dies_and_returns_costs_time_and_nothing_else() {
    let mut world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let _host = world.host(kind).await;
    world.call("a", "add 1").await;
    world.nats.kill();
    world.nats.restart().await;
    assert_eq!(world.call("a", "add 1").await, "2");
    assert_eq!(world.call("a", "get").await, "2");
}

fn read_of(key: &str) -> lattice_stateful::Call {
    lattice_stateful::Call {
        address: lattice_core::CallAddress {
            key: key.parse().expect("a key"),
            call: Uuid::new_v4(),
            lane: lattice_core::stateful::Lane {
                id: 9,
                seq: 1,
                floor: 1,
            },
            owner_unreachable: false,
            chain: Vec::new(),
        },
        sender: None,
        interface: "test:counter/counter".parse().expect("an interface"),
        function: "do".to_owned(),
        invocation: lattice_core::InvocationId::from(Uuid::new_v4()),
        deadline: Instant::now() + Duration::from_secs(10),
        trace: None,
        head: bytes::Bytes::new(),
        body: "get".into(),
    }
}
