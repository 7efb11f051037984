//! Members that disappear, servers that restart, messages that get lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lattice_core::{Fault, FaultKind, MemberId};
use lattice_mesh::{Body, DirectoryChange, IncomingCall, Reply};
use lattice_testkit::{FaultProxy, eventually};
use tokio::sync::Notify;

use crate::world::{Echo, LIMIT, PingPong, Run, World, claims};

/// Hosts `a` and `b`, one of them behind a proxy that can be cut: for the others that is as if its process were killed.
async fn with_proxy(behind: &str, receiver: impl lattice_mesh::Receiver) -> (PingPong, FaultProxy) {
    let world = World::start().await;
    let proxy = FaultProxy::start(world.nats.address()).await;
    let mut hosts = Vec::new();
    for name in ["a", "b"] {
        let bus = if name == behind {
            world.bus_at(name, &proxy.nats_url()).await
        } else {
            world.bus(name).await
        };
        hosts.push(world.host_with(name, world.identity(), bus).await);
    }
    let (b, a) = (hosts.pop().expect("b"), hosts.pop().expect("a"));
    (PingPong::wire(world, a, b, receiver).await, proxy)
}

#[tokio::test]
async fn calls_under_way_fail_at_once_when_their_callee_dies() {
    let started = Arc::new(Notify::new());
    let start = started.clone();
    let (lattice, proxy) = with_proxy(
        "b",
        Run(move |_| {
            start.notify_one();
            std::future::pending::<Result<Reply, Fault>>()
        }),
    )
    .await;
    let call = lattice.invoke(Body::Empty);
    let cut = async {
        started.notified().await;
        proxy.cut();
        Instant::now()
    };
    let (outcome, since) = tokio::join!(call, cut);
    let fault = outcome.expect_err("the callee died");
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    assert!(!fault.is_safe_to_retry());
    // Sooner than its silence would tell.
    assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_call_is_cancelled_when_its_caller_dies() {
    let (started, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    struct Tell(Arc<Notify>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (start, end) = (started.clone(), ended.clone());
    let (lattice, proxy) = with_proxy(
        "a",
        Run(move |_| {
            let tell = Tell(end.clone());
            start.notify_one();
            async move {
                let _tell = tell;
                std::future::pending::<Result<Reply, Fault>>().await
            }
        }),
    )
    .await;
    let call = lattice.invoke(Body::Empty);
    let watch = async {
        started.notified().await;
        proxy.cut();
        tokio::time::timeout(Duration::from_secs(5), ended.notified())
            .await
            .expect("cancelled");
    };
    tokio::select! {
        _ = call => panic!("nobody can answer"),
        () = watch => {}
    }
}

#[tokio::test]
async fn a_dead_member_is_avoided_and_others_go_on() {
    let (lattice, proxy) = with_proxy("b", Echo).await;
    let c = lattice.world.host("c").await;
    c.serve(Echo);
    c.runs(&["pong"]).await;
    c.knows(&lattice.link).await;
    lattice.a.sees(&c, "actor/pong").await;
    let mut changes = lattice.a.member.directory().changes();
    proxy.cut();
    // The server has to notice the cut, which is a matter of milliseconds; calls on their way at that moment may be lost.
    for _ in 0..200 {
        match lattice.a.member.invoke_any(lattice.call(b"x".to_vec()), &[]).await {
            Ok(_) => {}
            Err(fault) => assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}"),
        }
    }
    for _ in 0..200 {
        lattice
            .a
            .member
            .invoke_any(lattice.call(b"x".to_vec()), &[])
            .await
            .expect("c is there");
    }
    let lost = tokio::time::timeout(LIMIT, async {
        loop {
            if let DirectoryChange::Lost(member) = changes.recv().await.expect("changes") {
                return member.id().clone();
            }
        }
    });
    assert_eq!(&lost.await.expect("noticed"), lattice.b.id());
    proxy.heal();
    eventually("b to be back", LIMIT, || async {
        lattice.a.member.directory().get(lattice.b.id())
    })
    .await;
    eventually("calls to reach b", LIMIT, || async {
        lattice.invoke(Body::Empty).await
    })
    .await;
}

#[tokio::test]
async fn everything_goes_on_after_the_server_was_killed_and_started_again() {
    let mut lattice = PingPong::start(Echo).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    lattice.world.nats.kill();
    eventually("the outage to be noticed", LIMIT, || async {
        (!lattice.a.member.bus().is_connected()).then_some(())
    })
    .await;
    let mut call = lattice.call(Body::Empty);
    call.deadline = Instant::now() + Duration::from_millis(700);
    let fault = lattice
        .a
        .member
        .invoke(call, lattice.b.id())
        .await
        .expect_err("no server");
    assert!(fault.is_safe_to_retry(), "nothing was sent: {fault}");
    assert!(lattice.a.member.links().current().get(&lattice.link).is_some());
    lattice.world.nats.restart().await;
    eventually("calls to work again", LIMIT, || async {
        lattice.invoke(Body::Empty).await
    })
    .await;
    // And what comes over the bucket works again too.
    lattice.world.unlink(&lattice.link, 2).await;
    eventually("the link to end", LIMIT, || async {
        lattice
            .b
            .member
            .links()
            .current()
            .get(&lattice.link)
            .is_none()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_call_under_way_while_the_server_restarts_does_not_hang() {
    let started = Arc::new(Notify::new());
    let start = started.clone();
    let mut lattice = PingPong::start(Run(move |_| {
        start.notify_one();
        async {
            // Answers into the outage; the answer is lost or late.
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Reply::default())
        }
    }))
    .await;
    let (member, call, to) = (
        lattice.a.member.clone(),
        lattice.call(Body::Empty),
        lattice.b.id().clone(),
    );
    let call = tokio::spawn(async move { member.invoke(call, &to).await });
    started.notified().await;
    lattice.world.nats.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    lattice.world.nats.restart().await;
    let outcome = tokio::time::timeout(Duration::from_secs(10), call)
        .await
        .expect("no hang")
        .expect("no panic");
    if let Err(fault) = outcome {
        assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    }
}

#[tokio::test]
async fn a_restarted_callee_is_told_apart_from_its_earlier_run() {
    let lattice = PingPong::start(Echo).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    let PingPong { world, a, b, link } = lattice;
    let before = b.member.incarnation();
    b.member.leave(Duration::from_secs(1)).await;
    let b = world.host_with("b", b.identity, world.bus("b").await).await;
    assert!(b.member.incarnation() > before);
    let lattice = PingPong::wire(world, a, b, Echo).await;
    assert_eq!(lattice.link, link);
    lattice.invoke(Body::Empty).await.expect("answered by the new run");
}

#[tokio::test]
async fn a_draining_member_finishes_what_it_has_and_sends_the_rest_elsewhere() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (start, end) = (started.clone(), finish.clone());
    let lattice = PingPong::start(Run(move |_| {
        let end = end.clone();
        start.notify_one();
        async move {
            end.notified().await;
            Ok(Reply::default())
        }
    }))
    .await;
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let c = lattice.world.host("c").await;
    c.serve(Run(move |_: IncomingCall| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(Reply::default()) }
    }));
    c.runs(&["pong"]).await;
    c.knows(&lattice.link).await;
    lattice.a.sees(&c, "actor/pong").await;

    let under_way = lattice.invoke(Body::Empty);
    let b = lattice.b.member.clone();
    let leaving = async {
        started.notified().await;
        let leaving = tokio::spawn(async move { b.leave(Duration::from_secs(10)).await });
        for _ in 0..50 {
            lattice
                .a
                .member
                .invoke_any(lattice.call(Body::Empty), &[])
                .await
                .expect("c serves");
        }
        finish.notify_one();
        leaving.await.expect("left")
    };
    let (under_way, departure) = tokio::join!(under_way, leaving);
    under_way.expect("finished");
    assert_eq!(departure, lattice_mesh::Departure::Drained);
    assert_eq!(served.load(Ordering::SeqCst), 50);
    eventually("b to be gone", LIMIT, || async {
        lattice.a.member.directory().get(lattice.b.id()).is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_a_member_that_leaves_knows_whether_the_call_ran() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let lattice = PingPong::start(Run(move |_: IncomingCall| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(Reply::default()) }
    }))
    .await;
    let first = Arc::new(Notify::new());
    let callers = futures::future::join_all((0..16).map(async |_| {
        let mut answered = 0_usize;
        loop {
            match lattice.invoke(Body::Empty).await {
                Ok(_) => answered += 1,
                Err(fault) => return (answered, fault),
            }
            first.notify_one();
        }
    }));
    let leaving = async {
        first.notified().await;
        lattice.b.member.leave(LIMIT).await
    };
    let (ends, departure) = tokio::join!(callers, leaving);
    assert_eq!(departure, lattice_mesh::Departure::Drained);
    for (_, fault) in &ends {
        assert!(fault.is_safe_to_retry(), "{fault:?}");
    }
    let answered: usize = ends.iter().map(|(answered, _)| answered).sum();
    assert_eq!(
        answered,
        served.load(Ordering::SeqCst),
        "each call that ran was answered"
    );
}

#[tokio::test]
async fn a_call_for_what_runs_nowhere_says_so_at_once() {
    let lattice = PingPong::start(Echo).await;
    let link = lattice.world.link(&claims("actor/ping", "actor/nowhere")).await;
    // The same source, interface and label: the id is the same, so that this would be generation 1 twice.
    assert_eq!(link, lattice.link);
    let mut other = claims("actor/ping", "actor/nowhere");
    other.generation = 2;
    lattice.world.link(&other).await;
    eventually("the second generation", LIMIT, || async {
        let links = lattice.a.member.links().current();
        links.get(&link).filter(|link| link.generation == 2).map(drop)
    })
    .await;
    let start = Instant::now();
    let call = lattice.a.call(&link, "actor/ping", "actor/nowhere", Body::Empty);
    let fault = lattice.a.member.invoke_any(call, &[]).await.expect_err("nobody");
    assert_eq!(fault.kind, FaultKind::NoResponders);
    assert!(start.elapsed() < Duration::from_millis(500));
    let exclude: Vec<MemberId> = vec![lattice.b.id().clone()];
    let fault = lattice
        .a
        .member
        .invoke_any(lattice.call(Body::Empty), &exclude)
        .await
        .expect_err("excluded");
    assert!(fault.is_safe_to_retry());
}
