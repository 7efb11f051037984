//! What hosts ask of each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_core::{Fault, FaultKind};
use lattice_mesh::{Body, HostAsk, IncomingAsk, IncomingCall, Receiver, Reply, TraceContext};
use lattice_telemetry::SpanRef;
use lattice_testkit::eventually;
use tokio::sync::Notify;

use crate::world::{Echo, Host, LIMIT, World, text};

const MIB: usize = 1 << 20;

/// Knows `echo`, `who` and `wait`.
struct Oracle {
    waiting: Arc<Notify>,
    forgotten: Arc<Notify>,
}

struct Tell(Arc<Notify>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl Receiver for Oracle {
    async fn receive(&self, _: IncomingCall) -> Result<Reply, Fault> {
        Err(Fault::not_here("no actors here", None))
    }

    async fn asked(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        match ask.verb.as_str() {
            "echo" => Ok(Reply {
                head: ask.head,
                body: ask.body,
            }),
            "who" => {
                let trace = ask
                    .trace
                    .map(|trace| trace.context().traceparent().to_string())
                    .unwrap_or_default();
                Ok(Reply {
                    head: Bytes::new(),
                    body: format!("{} {trace}", ask.origin).into_bytes().into(),
                })
            }
            "wait" => {
                let _tell = Tell(self.forgotten.clone());
                self.waiting.notify_one();
                std::future::pending().await
            }
            other => Err(Fault::new(FaultKind::NotFound, other)),
        }
    }
}

fn ask(verb: &str, body: impl Into<Body>) -> HostAsk {
    HostAsk {
        verb: verb.parse().expect("a verb"),
        deadline: Instant::now() + LIMIT,
        trace: None,
        head: Bytes::from_static(b"head"),
        body: body.into(),
    }
}

/// Two hosts that see each other; the second is an oracle.
async fn two() -> (World, Host, Host, Arc<Notify>, Arc<Notify>) {
    let world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let (waiting, forgotten) = <(Arc<Notify>, Arc<Notify>)>::default();
    b.serve(Oracle {
        waiting: waiting.clone(),
        forgotten: forgotten.clone(),
    });
    for (one, other) in [(&a, &b), (&b, &a)] {
        eventually("the other host", LIMIT, || async {
            one.member.directory().get(other.id())
        })
        .await;
    }
    (world, a, b, waiting, forgotten)
}

#[tokio::test]
async fn hosts_ask_each_other_and_themselves_without_a_link() {
    let (_world, a, b, ..) = two().await;
    let mut asked = ask("who", Body::Empty);
    asked.trace =
        TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None).map(SpanRef::remote);
    let answer = text(a.member.ask(asked, b.id()).await.expect("answered")).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(answer, format!("{} {trace}", a.id()));
    let own = text(b.member.ask(ask("who", Body::Empty), b.id()).await.expect("answered")).await;
    assert_eq!(own, format!("{} ", b.id()));
    for host in [&a, &b] {
        let fault = host
            .member
            .ask(ask("dance", Body::Empty), b.id())
            .await
            .expect_err("unknown");
        assert_eq!(fault.kind, FaultKind::NotFound);
    }
    // A receiver that knows nothing of it says so as well.
    a.serve(Echo);
    let fault = b
        .member
        .ask(ask("who", Body::Empty), a.id())
        .await
        .expect_err("unknown");
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::NotFound, "nothing here answers `who`")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_go_both_ways() {
    let (_world, a, b, ..) = two().await;
    let sent: Bytes = (0..20 * MIB).map(|at| (at / 7 % 251) as u8).collect::<Vec<_>>().into();
    for host in [&a, &b] {
        let reply = host
            .member
            .ask(ask("echo", sent.clone()), b.id())
            .await
            .expect("answered");
        assert_eq!(&reply.head[..], b"head");
        let got = reply.body.collect(32 * MIB).await.expect("whole");
        assert!(got == sent, "the bytes differ");
    }
}

#[tokio::test]
async fn only_hosts_ask_and_are_asked() {
    let (world, a, b, ..) = two().await;
    let kv = world.provider("kv").await;
    for host in [&a, &b] {
        eventually("the provider", LIMIT, || async { host.member.directory().get(kv.id()) }).await;
    }
    let fault = kv
        .member
        .ask(ask("who", Body::Empty), b.id())
        .await
        .expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
    assert!(fault.message.starts_with(&format!("{} is no host", kv.id())), "{fault}");
    for member in [&a, &kv] {
        let fault = member
            .member
            .ask(ask("who", Body::Empty), kv.id())
            .await
            .expect_err("refused");
        assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
    }
    assert_eq!(b.member.refused_frames(), 0);
}

#[tokio::test]
async fn what_is_asked_ends_with_its_deadline_or_its_asker() {
    let (_world, a, b, waiting, forgotten) = two().await;
    for host in [&a, &b] {
        let mut late = ask("wait", Body::Empty);
        late.deadline = Instant::now() + Duration::from_millis(300);
        let fault = host.member.ask(late, b.id()).await.expect_err("too late");
        assert_eq!(fault.kind, FaultKind::DeadlineExceeded);
        waiting.notified().await;
        tokio::time::timeout(LIMIT, forgotten.notified()).await.expect("ended");
        tokio::select! {
            _ = host.member.ask(ask("wait", Body::Empty), b.id()) => panic!("it never ends"),
            () = waiting.notified() => {}
        }
        tokio::time::timeout(LIMIT, forgotten.notified())
            .await
            .expect("cancelled");
    }
    eventually("the places to be free", LIMIT, || async {
        (b.member.in_flight() == 0).then_some(())
    })
    .await;
}
