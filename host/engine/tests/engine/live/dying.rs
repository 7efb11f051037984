//! Turns that the instance does not survive.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use lattice_core::{Blame, FaultKind, Limits};

use super::{actor, actor_within, left, run, run_in, said, turn, turn_within, wake};
use crate::support::world;

#[tokio::test]
async fn a_trap_kills() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let fault = run(&mut live, "trap", "").await.expect_err("traps");
    assert_eq!((fault.kind, fault.blame), (FaultKind::Trap, Blame::Guest));
    assert!(live.is_dead());
    assert_eq!((live.memory_bytes(), live.open_handles()), (0, vec![]));
    // The next one begins anew.
    assert_eq!(said(&mut wake(&actor).await, "get", "").await, "ok(\"0\")");
}

#[tokio::test]
async fn a_turn_ends_at_its_deadline() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let fault = run_in(&mut live, "get", "", turn_within(Duration::ZERO))
        .await
        .expect_err("is late");
    assert_eq!(fault.kind, FaultKind::DeadlineExceeded);
    assert!(!live.is_dead(), "it was not even asked");
    let fault = run_in(&mut live, "spin", "", turn_within(Duration::from_millis(100)))
        .await
        .expect_err("never ends");
    assert_eq!(fault.kind, FaultKind::DeadlineExceeded);
    assert!(live.is_dead());
}

#[tokio::test]
async fn the_actors_own_deadline_and_memory_hold_too() {
    let limits = Limits {
        deadline_ms: 100,
        memory_bytes: 8 << 20,
        ..Limits::default()
    };
    let actor = actor_within(limits, &[], &world()).await;
    let fault = run(&mut wake(&actor).await, "spin", "").await.expect_err("never ends");
    assert_eq!(fault.kind, FaultKind::DeadlineExceeded);
    let mut live = wake(&actor).await;
    let fault = run(&mut live, "grow", "9000000").await.expect_err("wants too much");
    assert_eq!(fault.kind, FaultKind::LimitMemory);
    assert!(live.is_dead());
}

#[tokio::test]
async fn a_turn_that_nobody_waits_for_kills() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), run(&mut live, "spin", "")).await;
    assert!(given_up.is_err());
    assert!(live.is_dead());
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn a_stopped_actor_ends_its_turns() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let turn = tokio::spawn(async move {
        let fault = run(&mut live, "spin", "").await.expect_err("is stopped");
        (fault, live.is_dead())
    });
    while actor.stats().in_flight == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(actor.drain(Duration::from_millis(20)).await.aborted, 1);
    let (fault, is_dead) = turn.await.expect("runs");
    assert_eq!(fault.kind, FaultKind::Cancelled);
    assert!(is_dead);
}

#[tokio::test]
async fn more_state_than_allowed_kills() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    left(&mut live, "cell-set", &format!("a={}", "x".repeat(900))).await;
    let fault = run(&mut live, "cell-set", &format!("b={}", "x".repeat(100)))
        .await
        .expect_err("is too much");
    assert_eq!((fault.kind, fault.blame), (FaultKind::TooLarge, Blame::Guest));
    assert!(fault.message.contains("1002 bytes, they may have 1000"), "{fault}");
    assert!(live.is_dead());
    let mut live = wake(&actor).await;
    let fault = run(&mut live, "cell-set", &format!("{}=x", "k".repeat(1025)))
        .await
        .expect_err("is too long");
    assert!(fault.message.contains("1025"), "{fault}");
}

#[tokio::test]
async fn more_messages_than_allowed_kill() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    assert_eq!(left(&mut live, "sends", "cart/bob 1000 1").await.sends.len(), 1000);
    for (asked, expect) in [
        ("cart/bob 1001 1", "may send 1000 messages"),
        ("cart/bob 1 1048577", "may carry 1048576 bytes"),
        ("cart/ 1 1", "peers.send: "),
    ] {
        let mut live = wake(&actor).await;
        let fault = run(&mut live, "sends", asked).await.expect_err("is too much");
        assert_eq!(fault.kind, FaultKind::Trap);
        assert!(fault.message.contains(expect), "{fault}");
        assert!(live.is_dead());
    }
}

#[tokio::test]
async fn answers_that_are_none_kill() {
    let limits = Limits {
        body_bytes_max: 100_000,
        ..Limits::default()
    };
    let actor = actor_within(limits, &[], &world()).await;
    for (path, body, kind, expect) in [
        ("/body", "100001", FaultKind::TooLarge, "more than 100000 bytes"),
        ("/silent", "", FaultKind::Trap, "without answering"),
        (
            "/unfinished",
            "",
            FaultKind::Trap,
            "without answering the request in full",
        ),
        ("/error", "", FaultKind::Trap, "answered with an error"),
    ] {
        let mut live = wake(&actor).await;
        let request = Request::post(path).body(Bytes::from(body)).expect("a request");
        let fault = live.http(request, turn()).await.map(drop).expect_err(path);
        assert_eq!(fault.kind, kind, "{path}: {fault}");
        assert!(fault.message.contains(expect), "{path}: {fault}");
        assert!(live.is_dead(), "{path}");
    }
    let mut live = wake(&actor).await;
    let request = Request::post("/get").body(vec![0; 100_001].into()).expect("a request");
    let fault = live.http(request, turn()).await.map(drop).expect_err("is too large");
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert!(!live.is_dead(), "it was not even asked");
}
