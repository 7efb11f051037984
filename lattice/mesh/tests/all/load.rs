//! Many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use lattice_core::FaultKind;
use lattice_core::presence::MemberState;
use lattice_mesh::{Body, Capacity, IncomingCall, Member, Reply};

use crate::world::{Echo, Host, PingPong, Run, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_a_time() {
    let lattice = PingPong::start(Run(|call: IncomingCall| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(Reply {
            head: call.head,
            body: call.body,
        })
    }))
    .await;
    let calls = (0..1000_u32).map(|number| {
        let lattice = &lattice;
        async move {
            let reply = lattice.invoke(number.to_be_bytes().to_vec()).await.expect("answered");
            assert_eq!(&reply.body.collect(4).await.expect("whole")[..], number.to_be_bytes());
        }
    });
    join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_to_a_small_member_are_all_answered() {
    let world = World::start().await;
    let a = world.host("a").await;
    let identity = world.identity();
    let mut config = world.config("b", &identity);
    config.capacity = Capacity {
        calls: 8,
        bytes: 1 << 20,
    };
    let member = Member::join(config, world.bus("b").await).await.expect("joined");
    member.announce(|presence| presence.state = MemberState::Ready).await;
    let most = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let gauge = most.clone();
    let receiver = Run(move |_: IncomingCall| {
        let gauge = gauge.clone();
        async move {
            let now = gauge.0.fetch_add(1, Ordering::SeqCst) + 1;
            gauge.1.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            gauge.0.fetch_sub(1, Ordering::SeqCst);
            Ok(Reply::default())
        }
    });
    let lattice = PingPong::wire(world, a, Host { member, identity }, receiver).await;
    let start = Instant::now();
    let outcomes = join_all((0..10_000).map(|_| lattice.invoke(Body::Empty))).await;
    let (mut served, mut overloaded) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Ok(_) => served += 1,
            Err(fault) if fault.kind == FaultKind::Overloaded => overloaded += 1,
            Err(fault) => panic!("{fault}"),
        }
    }
    assert_eq!(served + overloaded, 10_000);
    assert!(
        served >= 8 && overloaded > 0,
        "{served} served, {overloaded} overloaded"
    );
    assert!(most.1.load(Ordering::SeqCst) <= 8);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_load() {
    let lattice = PingPong::start(Echo).await;
    let mut counts = Vec::new();
    let mut hosts = Vec::new();
    for name in ["c", "d", "e"] {
        let host = lattice.world.host(name).await;
        let count = Arc::new(AtomicUsize::new(0));
        let served = count.clone();
        host.serve(Run(move |_: IncomingCall| {
            served.fetch_add(1, Ordering::SeqCst);
            async { Ok(Reply::default()) }
        }));
        host.runs(&["pong"]).await;
        host.knows(&lattice.link).await;
        lattice.a.sees(&host, "actor/pong").await;
        counts.push(count);
        hosts.push(host);
    }
    let exclude = [lattice.b.id().clone()];
    for _ in 0..600 {
        lattice
            .a
            .member
            .invoke_any(lattice.call(Body::Empty), &exclude)
            .await
            .expect("answered");
    }
    for count in &counts {
        let count = count.load(Ordering::SeqCst);
        assert!((100..=300).contains(&count), "{counts:?}");
    }
}

/// Prints how a call compares with a bare request and reply; run it alone, with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn overhead_of_a_small_call() {
    let lattice = PingPong::start(Echo).await;
    let (client, server) = (lattice.world.bus("client").await, lattice.world.bus("server").await);
    let mut requests = server
        .subscribe("echo", None, lattice_bus::DIRECT_CAPACITY)
        .await
        .expect("subscribed");
    server.round_trip(Duration::from_secs(5)).await.expect("subscribed");
    let answering = tokio::spawn(async move {
        while let Some(message) = requests.recv().await {
            let reply = message.reply.expect("a reply subject");
            server
                .publish(reply, message.headers, message.payload)
                .await
                .expect("published");
        }
    });
    for size in [64, 1024, 64 * 1024, 512 * 1024] {
        let payload = Bytes::from(vec![7; size]);
        let (mut raw, mut mesh) = (Vec::new(), Vec::new());
        // Turn by turn, so that the machine's moods hit both.
        for _ in 0..2000 {
            let start = Instant::now();
            client
                .request(
                    "echo",
                    lattice_bus::Headers::new(),
                    payload.clone(),
                    Duration::from_secs(5),
                )
                .await
                .expect("answered");
            raw.push(start.elapsed());
            let start = Instant::now();
            lattice.invoke(payload.clone()).await.expect("answered");
            mesh.push(start.elapsed());
        }
        raw.sort();
        mesh.sort();
        let ratio = mesh[1000].as_secs_f64() / raw[1000].as_secs_f64();
        println!(
            "{size:>7} bytes: raw p50 {:?}, call p50 {:?}, {ratio:.2}x (p99 {:?}, {:?})",
            raw[1000], mesh[1000], raw[1980], mesh[1980]
        );
    }
    answering.abort();
}
