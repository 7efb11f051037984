//! Instances that serve more than one call.

use std::sync::Arc;
use std::time::Duration;

use lattice_core::{FaultKind, Limits, LinkLabel, Reuse};
use lattice_engine::{Actor, StartError};

use crate::support::{call, get, guest, interface, limited, options, start, try_start, world};

async fn with_reuse(name: &str, reuse: Reuse) -> Actor {
    let mut options = options(name);
    options.reuse = reuse;
    start(guest(name), options, &world()).await
}

#[tokio::test]
async fn a_fresh_instance_remembers_nothing() {
    let actor = with_reuse("test-spin", Reuse::Fresh).await;
    for _ in 0..3 {
        assert_eq!(get(&actor, "/count").await.expect("answers").trim(), "1");
    }
    assert_eq!(actor.stats().instances, 3);
}

#[tokio::test]
async fn a_warm_instance_serves_so_many_calls() {
    let actor = with_reuse("test-spin", Reuse::Invocations(3)).await;
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(get(&actor, "/count").await.expect("answers").trim().to_owned());
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
    assert_eq!(actor.stats().instances, 3);
}

#[tokio::test]
async fn an_instance_that_trapped_is_not_used_again() {
    let actor = with_reuse("test-spin", Reuse::Invocations(100)).await;
    get(&actor, "/count").await.expect("answers");
    assert_eq!(get(&actor, "/panic").await.expect_err("traps").kind, FaultKind::Trap);
    assert_eq!(get(&actor, "/count").await.expect("answers").trim(), "1");
}

#[tokio::test]
async fn a_warm_instance_takes_calls_of_any_kind() {
    let world = world();
    let mut warm = options("pong");
    warm.reuse = Reuse::Invocations(1000);
    let pong = start(guest("pong"), warm, &world).await;
    for _ in 0..10 {
        let answer = pong
            .call_text(&interface("example:ping-pong/pong"), "ping", "\"x\"", &call())
            .await;
        assert_eq!(answer.expect("answers"), "\"pong: x\"");
    }
    assert_eq!(pong.stats().instances, 1);
    world.actors.lock().insert(LinkLabel::default(), pong);
    let mut warm = options("ping");
    warm.reuse = Reuse::Invocations(1000);
    let ping = start(guest("ping"), warm, &world).await;
    for _ in 0..10 {
        get(&ping, "/anna").await.expect("answers");
    }
    assert_eq!(ping.stats().instances, 1);
}

fn concurrent(max_in_flight: u32, max_invocations: u32) -> Reuse {
    Reuse::Concurrent {
        max_in_flight,
        max_invocations,
    }
}

/// `SERVED IN-FLIGHT MOST` of `test-p3`.
fn numbers(answer: &str) -> [u32; 3] {
    let numbers: Vec<u32> = answer
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_instance_serves_many_at_a_time() {
    let actor = with_reuse("test-p3", concurrent(64, 1000)).await;
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move { get(&actor, "/sleep?300").await })
        })
        .collect();
    let mut most = 0;
    for call in calls {
        most = most.max(numbers(&call.await.expect("runs").expect("answers"))[2]);
    }
    assert!(most > 8, "at most {most} at a time in one instance");
    assert!(actor.stats().instances <= 8, "{:?}", actor.stats());
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn an_instance_is_replaced_when_it_has_served_its_share() {
    let actor = with_reuse("test-p3", concurrent(8, 2)).await;
    for _ in 0..6 {
        assert!(numbers(&get(&actor, "/sleep?1").await.expect("answers"))[0] <= 2);
    }
    assert!(actor.stats().instances >= 3, "{:?}", actor.stats());
}

#[tokio::test]
async fn a_trap_fails_those_in_its_instance_and_no_others() {
    let actor = with_reuse("test-p3", concurrent(64, 1000)).await;
    let fault = get(&actor, "/panic").await.expect_err("traps");
    assert_eq!(fault.kind, FaultKind::Trap, "{fault}");
    get(&actor, "/sleep?1").await.expect("answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_in_a_shared_instance_ends_at_its_deadline() {
    let limits = Limits {
        deadline_ms: 500,
        ..Limits::default()
    };
    let mut options = limited("p3", limits);
    options.reuse = concurrent(64, 1000);
    let actor = start(guest("test-p3"), options, &world()).await;
    get(&actor, "/sleep?1").await.expect("answers");
    let fault = get(&actor, "/loop").await.expect_err("never ends");
    assert_eq!(fault.kind, FaultKind::DeadlineExceeded, "{fault}");
    get(&actor, "/sleep?1").await.expect("answers");
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_harm_the_others() {
    let actor = with_reuse("test-p3", concurrent(64, 1000)).await;
    let slow = tokio::spawn({
        let actor = actor.clone();
        async move { get(&actor, "/sleep?500").await }
    });
    let gave_up = tokio::time::timeout(Duration::from_millis(50), get(&actor, "/sleep?100000")).await;
    assert!(gave_up.is_err());
    slow.await.expect("runs").expect("answers");
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn asynchronous_components_run_fresh_and_warm_as_well() {
    for reuse in [Reuse::Fresh, Reuse::Invocations(10)] {
        let actor = with_reuse("test-p3", reuse).await;
        for _ in 0..3 {
            numbers(&get(&actor, "/sleep?1").await.expect("answers"));
        }
        assert_eq!(
            actor.stats().instances,
            if reuse == Reuse::Fresh { 3 } else { 1 },
            "{reuse:?}"
        );
    }
}

#[tokio::test]
async fn a_component_without_asynchrony_cannot_share_an_instance() {
    let mut options = options("hello");
    options.reuse = concurrent(2, 2);
    let grants = |_: &lattice_core::VersionedInterface| None;
    let error = try_start(guest("hello-http"), options, &world(), &grants)
        .await
        .map(drop)
        .expect_err("is refused");
    assert!(matches!(error, StartError::NotConcurrent(_)), "{error}");
}

#[tokio::test]
async fn a_dropped_actor_leaves_nothing_running() {
    let actor = with_reuse("test-p3", concurrent(64, 1000)).await;
    get(&actor, "/sleep?1").await.expect("answers");
    let compiled = Arc::downgrade(actor.compiled());
    drop(actor);
    while compiled.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}
