//! Calls that work, and calls that are refused for a reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_core::{Blame, Fault, FaultKind, FunctionSet};
use lattice_mesh::{Body, Reply, TraceContext};
use lattice_telemetry::SpanRef;
use lattice_testkit::eventually;
use tokio::sync::Notify;

use crate::world::{Echo, LIMIT, PingPong, Run, claims, text};

#[tokio::test]
async fn a_small_call_comes_back() {
    let lattice = PingPong::start(Echo).await;
    let reply = lattice.invoke(b"hello".to_vec()).await.expect("answered");
    assert_eq!(&reply.head[..], b"head");
    assert_eq!(text(reply).await, "hello");
    let empty = lattice.invoke(Body::Empty).await.expect("answered");
    assert!(empty.body.is_empty());
}

#[tokio::test]
async fn a_member_may_call_itself() {
    let lattice = PingPong::start(Echo).await;
    lattice.b.runs(&["ping", "pong"]).await;
    let call = lattice.call(vec![7; 3_000_000]);
    let reply = lattice.b.member.invoke(call, lattice.b.id()).await.expect("answered");
    assert_eq!(reply.body.collect(4_000_000).await.expect("whole").len(), 3_000_000);
}

#[tokio::test]
async fn the_callee_sees_who_calls_and_the_trace() {
    let seen = Arc::new(parking_lot::Mutex::new(None));
    let into = seen.clone();
    let lattice = PingPong::start(Run(move |call: lattice_mesh::IncomingCall| {
        let left = call.deadline - Instant::now();
        let record = (call.origin, call.source, call.link.id.clone(), call.trace, left);
        *into.lock() = Some(record);
        async { Ok(Reply::default()) }
    }))
    .await;
    let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("v=1"));
    assert!(trace.is_some());
    let mut call = lattice.call(Body::Empty);
    (call.trace, call.deadline) = (
        trace.clone().map(SpanRef::remote),
        Instant::now() + Duration::from_secs(5),
    );
    lattice.a.member.invoke(call, lattice.b.id()).await.expect("answered");
    let (origin, source, link, got, left) = seen.lock().take().expect("received");
    assert_eq!(
        (
            &origin,
            source.to_string(),
            link,
            got.map(|span| span.context().clone())
        ),
        (lattice.a.id(), "actor/ping".into(), lattice.link.clone(), trace)
    );
    assert!(
        left > Duration::from_secs(3) && left <= Duration::from_secs(5),
        "{left:?}"
    );
}

#[tokio::test]
async fn faults_arrive_with_their_blame() {
    let lattice = PingPong::start(Run(|_| async {
        Err(Fault::new(FaultKind::Backend, "the database is down"))
    }))
    .await;
    let fault = lattice.invoke(Body::Empty).await.expect_err("a fault");
    assert_eq!((fault.kind, fault.blame), (FaultKind::Backend, Blame::Provider));
    assert_eq!(fault.message, "the database is down");
}

#[tokio::test]
async fn a_panic_of_the_receiver_is_a_fault() {
    let lattice = PingPong::start(Run(|call: lattice_mesh::IncomingCall| async move {
        assert!(call.body.is_empty(), "a bug");
        Ok(Reply::default())
    }))
    .await;
    assert_eq!(
        lattice.invoke(b"x".to_vec()).await.expect_err("a fault").kind,
        FaultKind::Internal
    );
    lattice.invoke(Body::Empty).await.expect("still serving");
}

#[tokio::test]
async fn what_no_link_grants_is_denied() {
    let lattice = PingPong::start(Echo).await;
    let mut only = claims("actor/ping", "actor/pong");
    (only.generation, only.functions) = (2, FunctionSet::Only(vec!["play".parse().expect("a function")]));
    lattice.world.link(&only).await;
    eventually("the second generation", LIMIT, || async {
        let in_force = lattice.b.member.links().current().get(&lattice.link)?.generation;
        (in_force == 2).then_some(())
    })
    .await;
    lattice.invoke(Body::Empty).await.expect("still granted");

    let mut call = lattice.call(Body::Empty);
    call.function = "wipe".parse().expect("a function");
    let fault = lattice
        .a
        .member
        .invoke(call, lattice.b.id())
        .await
        .expect_err("not granted");
    assert_eq!(fault.kind, FaultKind::Denied);

    // A source that claims another's link, and a target that is not the link's: the receiver's own table says no.
    for (source, target) in [("actor/thief", "actor/pong"), ("actor/ping", "actor/safe")] {
        let call = lattice.a.call(&lattice.link, source, target, Body::Empty);
        let fault = lattice
            .a
            .member
            .invoke(call, lattice.b.id())
            .await
            .expect_err("not granted");
        assert_eq!(fault.kind, FaultKind::Denied, "{source} {target}: {fault}");
    }
}

#[tokio::test]
async fn a_source_that_lives_elsewhere_is_denied() {
    let lattice = PingPong::start(Echo).await;
    let c = lattice.world.host("c").await;
    c.knows(&lattice.link).await;
    c.sees(&lattice.b, "actor/pong").await;
    let call = || c.call(&lattice.link, "actor/ping", "actor/pong", Body::Empty);
    let fault = c
        .member
        .invoke(call(), lattice.b.id())
        .await
        .expect_err("ping does not run on c");
    assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
    // Once it does, it may, even if the news of it has not arrived.
    c.runs(&["ping"]).await;
    c.member
        .invoke(call(), lattice.b.id())
        .await
        .expect("ping runs on c now");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_over_there() {
    let (started, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    struct Tell(Arc<Notify>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (start, end) = (started.clone(), ended.clone());
    let lattice = PingPong::start(Run(move |_| {
        let tell = Tell(end.clone());
        start.notify_one();
        async move {
            let _tell = tell;
            std::future::pending().await
        }
    }))
    .await;
    let call = lattice.invoke(Body::Empty);
    tokio::select! {
        _ = call => panic!("it never ends"),
        () = started.notified() => {}
    }
    tokio::time::timeout(LIMIT, ended.notified()).await.expect("cancelled");
    eventually("the place to be free", LIMIT, || async {
        (lattice.b.member.in_flight() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_both_sides() {
    let running = Arc::new(AtomicUsize::new(0));
    let count = running.clone();
    let lattice = PingPong::start(Run(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    }))
    .await;
    let mut call = lattice.call(Body::Empty);
    call.deadline = Instant::now() + Duration::from_millis(300);
    let start = Instant::now();
    let fault = lattice
        .a
        .member
        .invoke(call, lattice.b.id())
        .await
        .expect_err("too late");
    assert_eq!(fault.kind, FaultKind::DeadlineExceeded);
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(running.load(Ordering::SeqCst), 1);
    eventually("the place to be free", LIMIT, || async {
        (lattice.b.member.in_flight() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn limits_of_a_link_hold() {
    let lattice = PingPong::start(Echo).await;
    let mut limited = claims("actor/ping", "actor/pong");
    limited.generation = 2;
    limited.limits.payload_bytes_max = Some(1000);
    limited.limits.rate_per_second = Some(5);
    lattice.world.link(&limited).await;
    eventually("the second generation", LIMIT, || async {
        (lattice.b.member.links().generation(&lattice.link) == Some(2)).then_some(())
    })
    .await;
    eventually("in force", LIMIT, || async {
        let links = lattice.b.member.links().current();
        links.get(&lattice.link).filter(|link| link.generation == 2).map(drop)
    })
    .await;
    let fault = lattice.invoke(vec![0; 1001]).await.expect_err("too large");
    assert_eq!(fault.kind, FaultKind::TooLarge);
    let mut overloaded = 0;
    for _ in 0..20 {
        match lattice.invoke(Body::Empty).await {
            Ok(_) => {}
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Overloaded);
                overloaded += 1;
            }
        }
    }
    assert!(overloaded >= 10, "{overloaded}");
}

#[tokio::test]
async fn a_head_that_no_message_holds_is_too_large() {
    let lattice = PingPong::start(Echo).await;
    let mut call = lattice.call(Body::Empty);
    call.head = Bytes::from(vec![0; 2 << 20]);
    let fault = lattice
        .a
        .member
        .invoke(call, lattice.b.id())
        .await
        .expect_err("too large");
    assert_eq!(fault.kind, FaultKind::TooLarge);
}
