//! Somebody who may publish and subscribe to everything, and holds no key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{Bus, Headers, Message, Subscription};
use lattice_core::FaultKind;
use lattice_mesh::{Body, IncomingCall, Reply};
use lattice_testkit::eventually;

use crate::world::{LIMIT, PingPong, Run};

const HELLO: u8 = 128;
const CALL: u8 = 1;

/// An eavesdropper on everything that goes to mailboxes.
async fn tap(lattice: &PingPong) -> (Bus, Subscription) {
    let bus = lattice.world.bus("attacker").await;
    let tap = bus.subscribe("lat.test.box.>", None, 10_000).await.expect("subscribed");
    bus.round_trip(LIMIT).await.expect("subscribed");
    (bus, tap)
}

async fn next(tap: &mut Subscription, kind: u8) -> Message {
    let found = async {
        loop {
            let message = tap.recv().await.expect("a message");
            if message.payload.get(1) == Some(&kind) {
                return message;
            }
        }
    };
    tokio::time::timeout(LIMIT, found).await.expect("in time")
}

async fn counting(slow: Duration) -> (PingPong, Arc<AtomicUsize>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let lattice = PingPong::start(Run(move |_: IncomingCall| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(slow).await;
            Ok(Reply::default())
        }
    }))
    .await;
    (lattice, ran)
}

#[tokio::test]
async fn a_recorded_call_runs_once() {
    let (lattice, ran) = counting(Duration::ZERO).await;
    let (bus, mut tap) = tap(&lattice).await;
    lattice.invoke(b"pay".to_vec()).await.expect("answered");
    let recorded = next(&mut tap, CALL).await;
    let before = lattice.b.member.refused_frames();
    for _ in 0..10 {
        let reply = bus.new_inbox();
        bus.publish_with_reply(
            recorded.subject.clone(),
            reply,
            recorded.headers.clone(),
            recorded.payload.clone(),
        )
        .await
        .expect("published");
    }
    eventually("the repetitions to be refused", LIMIT, || async {
        (lattice.b.member.refused_frames() >= before + 10).then_some(())
    })
    .await;
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    lattice.invoke(b"pay".to_vec()).await.expect("the session is as it was");
}

#[tokio::test]
async fn a_changed_call_does_not_run() {
    let (lattice, ran) = counting(Duration::ZERO).await;
    let (bus, mut tap) = tap(&lattice).await;
    lattice.invoke(b"pay 10".to_vec()).await.expect("answered");
    let recorded = next(&mut tap, CALL).await;
    let before = lattice.b.member.refused_frames();
    let mut sent = 0;
    // A fresh number, so that the window does not refuse it first; then one bit anywhere.
    for at in (18..recorded.payload.len()).step_by(3) {
        let mut forged = recorded.payload.to_vec();
        forged[25] = forged[25].wrapping_add(100);
        forged[at] ^= 1;
        bus.publish_with_reply(
            recorded.subject.clone(),
            bus.new_inbox(),
            recorded.headers.clone(),
            forged.into(),
        )
        .await
        .expect("published");
        sent += 1;
    }
    // Nor does the right frame with another trace.
    let mut forged = recorded.payload.to_vec();
    forged[25] = forged[25].wrapping_add(100);
    let headers = Headers::new()
        .with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .expect("a header");
    bus.publish_with_reply(recorded.subject.clone(), bus.new_inbox(), headers, forged.into())
        .await
        .expect("published");
    sent += 1;
    eventually("the forgeries to be refused", LIMIT, || async {
        (lattice.b.member.refused_frames() >= before + sent).then_some(())
    })
    .await;
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn rubbish_does_no_harm() {
    let (lattice, ran) = counting(Duration::ZERO).await;
    let (bus, mut tap) = tap(&lattice).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    let hello = next(&mut tap, HELLO).await;
    let mut seed = 7_u32;
    for len in 0..600_usize {
        let mut rubbish: Vec<u8> = (0..len)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_be_bytes()[0]
            })
            .collect();
        if let Some(version) = rubbish.first_mut() {
            *version = 1;
        }
        if let Some(kind) = rubbish.get_mut(1) {
            *kind = if len % 2 == 0 { *kind % 12 } else { 128 + *kind % 9 };
        }
        let subject = if len % 3 == 0 {
            format!("{}.{:032x}", hello.subject, seed)
        } else {
            hello.subject.to_string()
        };
        bus.publish_with_reply(subject, bus.new_inbox(), Headers::new(), rubbish.into())
            .await
            .expect("published");
    }
    bus.flush().await.expect("flushed");
    lattice.invoke(Body::Empty).await.expect("still serving");
    assert_eq!(ran.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn recorded_handshakes_do_not_push_out_sessions() {
    let (lattice, _) = counting(Duration::ZERO).await;
    let (bus, mut tap) = tap(&lattice).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    let hello = next(&mut tap, HELLO).await;
    for _ in 0..1500 {
        // One at a time, so that each is answered and makes a session that nobody can use.
        let answer = bus
            .request(hello.subject.clone(), Headers::new(), hello.payload.clone(), LIMIT)
            .await
            .expect("answered");
        assert!(matches!(answer.payload.get(1), Some(129 | 130)));
    }
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(50), tap.recv()).await {}
    lattice.invoke(Body::Empty).await.expect("answered");
    let sent = next(&mut tap, CALL).await;
    assert_eq!(sent.payload[1], CALL, "without another handshake");
}

#[tokio::test]
async fn a_forged_answer_is_not_believed_and_nothing_runs_twice() {
    // The attacker is quicker than the callee. "Unknown session" is what would make a caller send again.
    for forged in [&[1_u8, 131][..], &[1, 129], b"rubbish"] {
        let (lattice, ran) = counting(Duration::from_millis(300)).await;
        lattice.invoke(Body::Empty).await.expect("answered");
        let (bus, mut tap) = tap(&lattice).await;
        let call = lattice.invoke(Body::Empty);
        let attack = async {
            let seen = next(&mut tap, CALL).await;
            let reply = seen.reply.expect("a reply subject");
            bus.publish(reply, Headers::new(), Bytes::copy_from_slice(forged))
                .await
                .expect("published");
        };
        let (outcome, ()) = tokio::join!(call, attack);
        let fault = outcome.expect_err("no authentic answer");
        assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(ran.load(Ordering::SeqCst), 2, "{forged:?}");
    }
}
