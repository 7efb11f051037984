//! From waking to rest.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_core::{FaultKind, FunctionSet, Reuse};
use lattice_engine::{Cells, Image, Refusal, Saved, StartError, StopReason, WakeError};

use super::{actor, left, run, said, soon, try_wake, wake, waking};
use crate::support::{call, get, guest, interface, options, send, start, text, try_start, world};

fn image(data: &'static str) -> Image {
    Image {
        media_type: "text/plain".into(),
        schema: 1,
        data: Bytes::from_static(data.as_bytes()),
    }
}

#[tokio::test]
async fn an_actor_lives_on_in_another_instance() {
    let actor = actor(&[], &world()).await;
    assert!(actor.is_stateful() && actor.reaches_out());
    let mut first = wake(&actor).await;
    let mut cells = Cells::new();
    for (count, by) in [("1", "1"), ("3", "2"), ("6", "3")] {
        assert_eq!(said(&mut first, "add", by).await, format!("ok({count:?})"));
        for (key, value) in left(&mut first, "cell-set", &format!("k{by}={count}")).await.cells {
            cells.insert(key, value.expect("was written"));
        }
    }
    assert!(first.memory_bytes() > 0);
    let Saved::Image(saved) = first.save(soon()).await.expect("saves") else {
        panic!("it has changed")
    };
    assert_eq!(saved, image("6"));
    assert_eq!(first.save(soon()).await.expect("saves"), Saved::Unchanged);
    first.rest(StopReason::Moving, soon()).await;

    let mut second = actor.wake(waking(Some(saved), cells)).await.expect("wakes");
    assert_eq!(said(&mut second, "get", "").await, "ok(\"6\")");
    assert_eq!(said(&mut second, "scan", "k 2").await, "ok(\"k1=1,k2=3\")");
    assert_eq!(second.save(soon()).await.expect("saves"), Saved::Unchanged);
    assert_eq!(actor.stats().instances, 2);
    assert_eq!(actor.stats().in_flight, 0);
}

#[tokio::test]
async fn it_is_told_why_it_is_put_to_rest() {
    let world = world();
    let actor = actor(&[], &world).await;
    let live = wake(&actor).await;
    live.rest(StopReason::DrainingHost, soon()).await;
    let log = world.log.lock();
    assert!(
        log.iter()
            .any(|(_, _, line)| line == "put to rest: StopReason::DrainingHost"),
        "{log:?}"
    );
}

#[tokio::test]
async fn an_actor_may_refuse_to_wake() {
    let refusing = actor(&[("on-activate", "later")], &world()).await;
    let refusal = try_wake(&refusing).await.map(drop).expect_err("refuses");
    assert_eq!(refusal, WakeError::Refused(Refusal::Transient("as it was told".into())));
    let actor = actor(&[], &world()).await;
    let refusal = actor
        .wake(waking(Some(image("six")), Cells::new()))
        .await
        .map(drop)
        .expect_err("cannot read it");
    assert!(
        matches!(refusal, WakeError::Refused(Refusal::Incompatible(_))),
        "{refusal}"
    );
}

#[tokio::test]
async fn what_it_writes_while_it_is_woken_is_told_with_its_first_turn() {
    let actor = actor(&[("on-activate", "cell-set form=2")], &world()).await;
    let mut live = wake(&actor).await;
    let (answer, effects) = live
        .receive("refuse", "form=3".into(), super::turn())
        .await
        .expect("answers");
    assert!(answer.is_err());
    assert!(effects.cells.is_empty());
    let effects = left(&mut live, "get", "").await;
    assert_eq!(effects.cells, [("form".into(), Some("2".into()))]);
    assert!(left(&mut live, "get", "").await.cells.is_empty());
}

#[tokio::test]
async fn nothing_is_called_or_sent_out_of_turn() {
    let attempts = [
        "kv-get k",
        "publish s",
        "fetch web.example",
        "ping x",
        "select k",
        "call cart/bob get x",
        "send cart/bob get x",
        "remind soon 1 -",
        "cancel soon",
    ];
    for attempt in attempts {
        let waking = actor(&[("on-activate", attempt)], &world()).await;
        let error = try_wake(&waking).await.map(drop).expect_err(attempt);
        let WakeError::Failed(fault) = error else {
            panic!("{attempt}: {error}")
        };
        assert_eq!(fault.kind, FaultKind::Trap, "{attempt}: {fault}");
        assert!(
            fault
                .message
                .contains("must not call or send anything while it is woken"),
            "{attempt}: {fault}"
        );
        let world = world();
        let saving = actor(&[("on-save", attempt), ("on-deactivate", attempt)], &world).await;
        let mut live = wake(&saving).await;
        let fault = live.save(soon()).await.expect_err(attempt);
        assert!(fault.message.contains("while it is saved"), "{attempt}: {fault}");
        assert!(live.is_dead());
        live.rest(StopReason::Idle, soon()).await;
        wake(&saving).await.rest(StopReason::Idle, soon()).await;
        assert!(
            world.web.seen.lock().is_empty()
                && world.broker.published.lock().is_empty()
                && world.keyed.lock().is_empty()
        );
    }
}

#[tokio::test]
async fn saving_reads_cells_and_does_not_write_them() {
    let reading = actor(&[("on-save", "cell-get k")], &world()).await;
    let mut live = wake(&reading).await;
    assert!(matches!(live.save(soon()).await, Ok(Saved::Image(_))));
    let writing = actor(&[("on-save", "cell-set k=v")], &world()).await;
    let mut live = wake(&writing).await;
    let fault = live.save(soon()).await.expect_err("must not");
    assert!(fault.message.contains("must not write state cells"), "{fault}");
}

#[tokio::test]
async fn an_actor_may_refuse_to_be_saved_and_may_die_of_it() {
    let refusing = actor(&[("on-save", "refuse")], &world()).await;
    let mut live = wake(&refusing).await;
    let refused = Saved::Refused(Refusal::Rejected("as it was told".into()));
    assert_eq!(live.save(soon()).await.expect("answers"), refused);
    assert!(!live.is_dead());
    let trapping = actor(&[("on-save", "trap")], &world()).await;
    let mut live = wake(&trapping).await;
    assert_eq!(live.save(soon()).await.expect_err("traps").kind, FaultKind::Trap);
    assert!(live.is_dead());
    assert_eq!(
        run(&mut live, "get", "").await.expect_err("is gone").kind,
        FaultKind::Internal
    );
}

#[tokio::test]
async fn what_it_holds_of_the_host_is_named() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    said(&mut live, "print", "hello").await;
    said(&mut live, "kv-get", "k").await;
    assert_eq!(live.open_handles(), Vec::<String>::new());
    said(&mut live, "hold", "bucket").await;
    said(&mut live, "hold", "request").await;
    let mut held = live.open_handles();
    held.sort();
    assert_eq!(held, ["key-value bucket", "outgoing HTTP request"]);
    said(&mut live, "release", "").await;
    assert_eq!(live.open_handles(), Vec::<String>::new());
}

#[tokio::test]
async fn its_memory_is_counted() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let before = live.memory_bytes();
    said(&mut live, "grow", "3000000").await;
    assert!(
        live.memory_bytes() >= before + 3_000_000 - 65_536,
        "{before} {}",
        live.memory_bytes()
    );
}

#[tokio::test]
async fn calls_without_a_key_are_refused() {
    let mut options = options("cart");
    options.reuse = Reuse::Concurrent {
        max_in_flight: 2,
        max_invocations: 2,
    };
    let actor = start(guest("test-stateful"), options, &world()).await;
    let fault = get(&actor, "/get").await.expect_err("names no key");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    assert_eq!(fault.message, "actor `cart` is stateful: name a key");
    let fault = actor
        .call_text(&interface(super::OPERATIONS), "run", "\"get\", \"\"", &call())
        .await
        .expect_err("names no key");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    let fault = send(&actor, http::Method::POST, "/get", "")
        .await
        .map(drop)
        .expect_err("names no key");
    assert_eq!(fault.kind, FaultKind::BadArguments);
}

#[tokio::test]
async fn actors_without_state_are_not_woken() {
    let pong = start(guest("pong"), options("pong"), &world()).await;
    assert!(!pong.is_stateful() && !pong.reaches_out());
    let WakeError::Failed(fault) = try_wake(&pong).await.map(drop).expect_err("is not stateful") else {
        panic!("it cannot refuse")
    };
    assert_eq!(fault.kind, FaultKind::BadArguments);
    let ping = start(guest("ping"), options("ping"), &world()).await;
    assert!(ping.reaches_out());
}

#[tokio::test]
async fn actors_without_state_know_the_time_and_have_no_epoch() {
    let service = text(
        r#"(component
            (import "lattice:actor/context@0.1.0" (instance $context
                (export "now-ms" (func (result u64)))
                (export "epoch" (func (result u64)))))
            (core func $now (canon lower (func $context "now-ms")))
            (core func $epoch (canon lower (func $context "epoch")))
            (core module $m
                (import "" "now" (func $now (result i64)))
                (import "" "epoch" (func $epoch (result i64)))
                (func (export "now") (result i64) (call $now))
                (func (export "epoch") (result i64) (call $epoch)))
            (core instance $i (instantiate $m (with "" (instance
                (export "now" (func $now)) (export "epoch" (func $epoch))))))
            (func $now2 (result u64) (canon lift (core func $i "now")))
            (func $epoch2 (result u64) (canon lift (core func $i "epoch")))
            (instance $x (export "now" (func $now2)) (export "epoch" (func $epoch2)))
            (export "test:time/time" (instance $x)))"#,
    );
    let actor = start(service, options("service"), &world()).await;
    assert!(!actor.reaches_out());
    let time = interface("test:time/time");
    let now = actor.call_text(&time, "now", "", &call()).await.expect("answers");
    assert!(now.parse::<u64>().expect("a number") > 1_700_000_000_000, "{now}");
    let fault = actor
        .call_text(&time, "epoch", "", &call())
        .await
        .expect_err("has none");
    assert!(fault.message.contains("only a stateful actor has an epoch"), "{fault}");
}

#[tokio::test]
async fn a_lifecycle_of_another_version_is_refused_at_the_start() {
    let other = text(
        r#"(component
            (core module $m (func (export "activate")))
            (core instance $i (instantiate $m))
            (func $activate (canon lift (core func $i "activate")))
            (instance $x (export "activate" (func $activate)))
            (export "lattice:actor/lifecycle@0.2.0" (instance $x)))"#,
    );
    let grants = |_: &lattice_core::VersionedInterface| Some(FunctionSet::All);
    let error = try_start(other, options("cart"), &world(), &grants)
        .await
        .map(drop)
        .expect_err("is refused");
    assert!(matches!(error, StartError::Incompatible { .. }), "{error}");
    assert!(error.to_string().contains("lattice:actor/lifecycle@0.2.0"), "{error}");
}

#[tokio::test]
async fn a_stopped_actor_saves_no_more() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    actor.drain(Duration::ZERO).await;
    let fault = run(&mut live, "get", "").await.expect_err("is stopping");
    assert_eq!(fault.kind, FaultKind::Draining);
    let fault = live
        .save(Instant::now() + Duration::from_secs(1))
        .await
        .expect_err("is stopped");
    assert_eq!(fault.kind, FaultKind::Cancelled);
    assert!(!live.is_dead());
}
