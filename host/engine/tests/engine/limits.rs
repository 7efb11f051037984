//! Guests that go too far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use lattice_core::{Blame, FaultKind, Limits};
use lattice_engine::Args;

use crate::stub::Hold;
use crate::support::{
    call, call_until, get, guest, interface, limited, options, reaches, request, send, start, text, world,
};

const SPIN: &str = r#"(component
    (core module $m (func (export "spin") (loop br 0)))
    (core instance $i (instantiate $m))
    (func $spin (canon lift (core func $i "spin")))
    (instance $x (export "spin" (func $spin)))
    (export "test:spin/spin" (instance $x)))"#;

/// Waits for another actor, which is where a test can hold it.
const WAIT: &str = r#"(component
    (import "test:wait/wait" (instance $wait (export "wait" (func))))
    (core func $wait (canon lower (func $wait "wait")))
    (core module $m (import "" "wait" (func $wait)) (func (export "wait") (call $wait)))
    (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
    (func $f (canon lift (core func $i "wait")))
    (instance $x (export "wait" (func $f)))
    (export "test:wait/waits" (instance $x)))"#;

#[tokio::test]
async fn a_loop_is_interrupted_at_the_deadline() {
    let actor = start(text(SPIN), options("spin"), &world()).await;
    let began = Instant::now();
    let context = call_until(began + Duration::from_millis(200));
    let fault = actor
        .call_text(&interface("test:spin/spin"), "spin", "", &context)
        .await
        .expect_err("never ends");
    assert_eq!((fault.kind, fault.blame), (FaultKind::DeadlineExceeded, Blame::Guest));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn the_actors_own_deadline_holds_too() {
    let limits = Limits {
        deadline_ms: 100,
        ..Limits::default()
    };
    let actor = start(guest("test-spin"), limited("spin", limits), &world()).await;
    for path in ["/loop", "/sleep?100000"] {
        let fault = get(&actor, path).await.expect_err("never ends");
        assert_eq!(fault.kind, FaultKind::DeadlineExceeded, "{path}");
    }
}

#[tokio::test]
async fn loops_leave_room_for_others() {
    // One thread, and more guests that loop than it has room for: only because they give way does anything else run.
    let spin = start(text(SPIN), options("spin"), &world()).await;
    let hello = start(guest("hello-http"), options("hello"), &world()).await;
    let until = Instant::now() + Duration::from_secs(2);
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let spin = spin.clone();
            tokio::spawn(async move {
                spin.call_text(&interface("test:spin/spin"), "spin", "", &call_until(until))
                    .await
            })
        })
        .collect();
    get(&hello, "/").await.expect("answers");
    assert!(Instant::now() < until, "it had to wait until the loops had ended");
    for spin in spinning {
        assert_eq!(
            spin.await.expect("runs").expect_err("loops").kind,
            FaultKind::DeadlineExceeded
        );
    }
}

#[tokio::test]
async fn a_memory_hog_is_stopped() {
    let limits = Limits {
        memory_bytes: 32 << 20,
        ..Limits::default()
    };
    let actor = start(guest("test-spin"), limited("hog", limits), &world()).await;
    get(&actor, "/memory?8").await.expect("is within its limit");
    let fault = get(&actor, "/memory").await.expect_err("wants too much");
    assert_eq!(
        (fault.kind, fault.blame),
        (FaultKind::LimitMemory, Blame::Guest),
        "{fault}"
    );
    assert!(fault.message.contains("its limit is 32 MiB"), "{fault}");
}

#[tokio::test]
async fn a_guest_that_cannot_even_begin_within_its_memory_says_so() {
    let limits = Limits {
        memory_bytes: 64 << 10,
        ..Limits::default()
    };
    let actor = start(guest("test-spin"), limited("hog", limits), &world()).await;
    assert_eq!(
        get(&actor, "/").await.expect_err("has no room").kind,
        FaultKind::LimitMemory
    );
}

#[tokio::test]
async fn traps_exits_and_deep_recursion_are_the_guests_fault() {
    let world = world();
    let actor = start(guest("test-spin"), options("spin"), &world).await;
    for path in ["/panic", "/stack", "/exit?3"] {
        let fault = get(&actor, path).await.expect_err("dies");
        assert_eq!(
            (fault.kind, fault.blame),
            (FaultKind::Trap, Blame::Guest),
            "{path}: {fault}"
        );
    }
    let log = world.log.lock();
    assert!(
        log.iter()
            .any(|(_, context, line)| context == "stderr" && line.contains("panicked")),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_full_actor_refuses_at_once() {
    let world = world();
    let hold = Arc::new(Hold::default());
    *world.hold.lock() = Some(Arc::clone(&hold));
    let limits = Limits {
        concurrency: 2,
        queue: Some(3),
        ..Limits::default()
    };
    let actor = start(text(WAIT), limited("wait", limits), &world).await;
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move {
                actor
                    .call_text(&interface("test:wait/waits"), "wait", "", &call())
                    .await
            })
        })
        .collect();
    reaches(&hold.arrived, 2).await;
    while actor.stats().waiting < 3 {
        tokio::task::yield_now().await;
    }
    let fault = actor
        .call_text(&interface("test:wait/waits"), "wait", "", &call())
        .await
        .expect_err("is full");
    assert_eq!(fault.kind, FaultKind::Overloaded);
    assert!(fault.is_safe_to_retry());
    hold.go.add_permits(5);
    for call in calls {
        // There is nobody behind the link, which is as good an answer as any here.
        assert_eq!(
            call.await.expect("runs").expect_err("is denied").kind,
            FaultKind::Denied
        );
    }
    assert_eq!(
        (actor.stats().in_flight, actor.stats().waiting, actor.stats().overloaded),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_call_along() {
    let world = world();
    let hold = Arc::new(Hold::default());
    *world.hold.lock() = Some(Arc::clone(&hold));
    let actor = start(text(WAIT), options("wait"), &world).await;
    let caller = tokio::spawn({
        let actor = actor.clone();
        async move {
            actor
                .call_text(&interface("test:wait/waits"), "wait", "", &call())
                .await
        }
    });
    reaches(&hold.arrived, 1).await;
    caller.abort();
    reaches(&hold.left, 1).await;
    assert!(caller.await.expect_err("was aborted").is_cancelled());
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_interrupts_a_loop() {
    let actor = start(guest("test-spin"), options("spin"), &world()).await;
    let gave_up = tokio::time::timeout(
        Duration::from_millis(100),
        actor.http(request(Method::GET, "/loop", ""), call()),
    );
    assert!(gave_up.await.is_err());
    crate::support::comes_to_rest(&actor).await;
    send(&actor, Method::GET, "/", "").await.expect("has room again");
}

#[tokio::test]
async fn arguments_of_another_type_are_refused_before_the_guest_sees_them() {
    let actor = start(text(SPIN), options("spin"), &world()).await;
    let pong = start(guest("pong"), options("pong"), &world()).await;
    let pong_interface = interface("example:ping-pong/pong@0.1.0");
    let signature = pong
        .compiled()
        .signature(&pong_interface.id, None, "ping")
        .expect("is exported");
    let args = Args::new(
        lattice_engine::Values::parse_params(&signature, "\"hi\"")
            .expect("is a string")
            .0,
        signature,
    );
    let fault = actor
        .call(&interface("test:spin/spin"), "spin", args, &call())
        .await
        .expect_err("takes nothing");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    assert!(fault.message.contains("`ping` differ"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_a_time_are_answered_or_refused() {
    let limits = Limits {
        concurrency: 8,
        ..Limits::default()
    };
    let actor = start(guest("hello-http"), limited("hello", limits), &world()).await;
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move { get(&actor, "/").await })
        })
        .collect();
    let mut refused = 0;
    for call in calls {
        match call.await.expect("runs") {
            Ok(_) => {}
            Err(fault) if fault.kind == FaultKind::Overloaded => refused += 1,
            Err(fault) => panic!("{fault}"),
        }
    }
    let stats = actor.stats();
    assert_eq!(
        (stats.in_flight, stats.waiting, stats.faults, stats.overloaded),
        (0, 0, 0, refused)
    );
    assert_eq!(stats.calls + refused, 10_000);
}
