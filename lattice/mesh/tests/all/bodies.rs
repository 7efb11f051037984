//! Bodies larger than a message, and bodies that are not all there yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use lattice_core::{Fault, FaultKind};
use lattice_mesh::{Body, IncomingCall, Reply};
use lattice_testkit::eventually;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::world::{Echo, LIMIT, PingPong, Run};

const MIB: usize = 1 << 20;

/// `len` bytes that differ along the way, so that a chunk lost, doubled or out of place is noticed.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from((at / 7 + at / 65_537) % 251).expect("below 251"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_megabytes_go_there_and_come_back() {
    let lattice = PingPong::start(Echo).await;
    let sent = Bytes::from(pattern(50 * MIB));
    let reply = lattice.invoke(sent.clone()).await.expect("answered");
    assert!(matches!(reply.body, Body::Stream(_)));
    let got = reply.body.collect(64 * MIB).await.expect("whole");
    assert!(got == sent, "the bytes differ");
}

#[tokio::test]
async fn every_size_around_the_limits_survives() {
    let lattice = PingPong::start(Echo).await;
    for len in [
        0,
        1,
        16 * 1024,
        128 * 1024,
        MIB - 9000,
        MIB - 8192,
        MIB - 8191,
        MIB,
        MIB + 1,
        3 * MIB + 17,
    ] {
        let sent = Bytes::from(pattern(len));
        let reply = lattice.invoke(sent.clone()).await.expect("answered");
        assert!(reply.body.collect(8 * MIB).await.expect("whole") == sent, "{len} bytes");
    }
}

/// A source that counts what is taken from it.
fn counted(chunks: usize, chunk: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let source = stream::iter(0..chunks).map(move |_| {
        count.fetch_add(chunk, Ordering::SeqCst);
        Ok(Bytes::from(vec![1; chunk]))
    });
    (Body::stream(source), taken)
}

#[tokio::test]
async fn a_slow_reader_holds_back_the_sender() {
    let (allow, allowed) = mpsc::channel::<()>(1);
    let allowed = Arc::new(tokio::sync::Mutex::new(allowed));
    let read = Arc::new(AtomicUsize::new(0));
    let (counter, gate) = (read.clone(), allowed.clone());
    let lattice = PingPong::start(Run(move |call: IncomingCall| {
        let (read, gate) = (counter.clone(), gate.clone());
        async move {
            let mut chunks = call.body.into_stream();
            let first = chunks.next().await.expect("a chunk")?;
            read.fetch_add(first.len(), Ordering::SeqCst);
            gate.lock().await.recv().await;
            while let Some(chunk) = chunks.next().await {
                read.fetch_add(chunk?.len(), Ordering::SeqCst);
            }
            Ok(Reply::default())
        }
    }))
    .await;
    let (body, taken) = counted(1000, 64 * 1024);
    let call = lattice.invoke(body);
    let watch = async {
        eventually("the window to fill", LIMIT, || async {
            (taken.load(Ordering::SeqCst) > MIB / 2).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let ahead = taken.load(Ordering::SeqCst) - read.load(Ordering::SeqCst);
        assert!(
            ahead <= MIB + MIB / 2,
            "{ahead} bytes are in memory for a reader that does not read"
        );
        allow.send(()).await.expect("the callee waits");
    };
    let (reply, ()) = tokio::join!(call, watch);
    reply.expect("answered");
    assert_eq!(read.load(Ordering::SeqCst), 1000 * 64 * 1024);
}

#[tokio::test]
async fn chunks_flow_while_the_body_is_still_being_made() {
    let lattice = PingPong::start(Echo).await;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Fault>>(1);
    let call = lattice.invoke(Body::stream(ReceiverStream::new(receiver)));
    let reply = call.await.expect("answered before the body ended");
    let mut echoed = reply.body.into_stream();
    for number in 0..5_u8 {
        sender.send(Ok(Bytes::from(vec![number; 10]))).await.expect("wanted");
        let chunk = tokio::time::timeout(LIMIT, echoed.next())
            .await
            .expect("in time")
            .expect("a chunk")
            .expect("whole");
        assert_eq!(&chunk[..], [number; 10]);
    }
    drop(sender);
    assert!(
        tokio::time::timeout(LIMIT, echoed.next())
            .await
            .expect("in time")
            .is_none()
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_to_its_reader() {
    let lattice = PingPong::start(Run(|call: IncomingCall| async move {
        let error = call.body.collect(64 * MIB).await.expect_err("it breaks off");
        Err(Fault::new(FaultKind::BadArguments, error.message))
    }))
    .await;
    let chunks = stream::iter((0..40).map(|_| Ok(Bytes::from(vec![0; MIB / 4]))));
    let broken = chunks.chain(stream::iter([Err(Fault::new(FaultKind::Backend, "the disk is gone"))]));
    let fault = lattice.invoke(Body::stream(broken)).await.expect_err("a fault");
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::BadArguments, "the disk is gone")
    );
}

#[tokio::test]
async fn a_reply_nobody_reads_stops_its_sender() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let lattice = PingPong::start(Run(move |_| {
        let alive = tx.clone();
        async move {
            // The sender half lives exactly as long as the body.
            let endless = stream::repeat_with(move || {
                let _held = &alive;
                Ok(Bytes::from(vec![0; 64 * 1024]))
            });
            Ok(Reply {
                head: Bytes::new(),
                body: Body::stream(endless),
            })
        }
    }))
    .await;
    let reply = lattice.invoke(Body::Empty).await.expect("answered");
    let mut body = reply.body.into_stream();
    body.next().await.expect("a chunk").expect("whole");
    assert_eq!(lattice.b.member.in_flight(), 1);
    drop(body);
    eventually("the call to end", LIMIT, || async {
        (lattice.b.member.in_flight() == 0).then_some(())
    })
    .await;
    assert!(rx.try_recv().is_err());
}

#[tokio::test]
async fn a_request_body_nobody_reads_does_not_hold_up_the_reply() {
    let lattice = PingPong::start(Run(|_| async {
        Ok(Reply {
            head: Bytes::new(),
            body: b"no".to_vec().into(),
        })
    }))
    .await;
    let (body, taken) = counted(1000, 64 * 1024);
    let reply = lattice.invoke(body).await.expect("answered");
    assert_eq!(&reply.body.collect(10).await.expect("whole")[..], b"no");
    // Only what was looked at to see whether the body is short.
    assert!(taken.load(Ordering::SeqCst) <= 64 * 1024);
}

#[tokio::test]
async fn a_refused_call_leaves_its_body_for_the_next() {
    let lattice = PingPong::start(Run(|_| async { Err(Fault::not_here("pong moved", None)) })).await;
    let c = lattice.world.host("c").await;
    c.serve(Echo);
    c.runs(&["pong"]).await;
    c.knows(&lattice.link).await;
    lattice.a.sees(&c, "actor/pong").await;
    for _ in 0..10 {
        let (body, _) = counted(64, 64 * 1024);
        let reply = lattice
            .a
            .member
            .invoke_any(lattice.call(body), &[])
            .await
            .expect("somebody answers");
        assert_eq!(reply.body.collect(8 * MIB).await.expect("whole").len(), 4 * MIB);
    }
}
