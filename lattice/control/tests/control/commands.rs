//! A command's life: progress, outcome, silence, withdrawal.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use lattice_control::*;
use lattice_testkit::eventually;

use crate::fixture::{Mood, TestLattice, spec};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_command_returns_when_the_work_is_done() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let client = lattice.client().await;
    let start = ActorStart::new(spec("hello"), 2);
    let steps = Mutex::new(Vec::new());
    let note = |progress: Progress| steps.lock().expect("not poisoned").push(progress.message);
    let started = client.send(&host.summary(), &start, LONG, note).await.expect("starts");
    assert_eq!((started.status.replicas, started.was_running), (2, false));
    assert_eq!(host.replicas("hello"), 2, "done before it was answered");
}

#[tokio::test]
async fn slow_work_keeps_giving_signs_of_life() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    host.host.set_mood(Mood::Slow);
    // Less silence allowed than the work takes: only the signs of life keep the asker waiting.
    let client = lattice.client().await.with_silence(Duration::from_millis(1500));
    let (started, signs) = (Instant::now(), Arc::new(Mutex::new(0)));
    let heard = Arc::clone(&signs);
    let (summary, standin) = (host.summary(), Arc::clone(&host.host));
    let work = tokio::spawn(async move {
        let start = ActorStart::new(spec("hello"), 1);
        client
            .send(&summary, &start, LONG, |_| *heard.lock().expect("not poisoned") += 1)
            .await
    });
    eventually("three signs of life", LONG, || async {
        (*signs.lock().expect("not poisoned") >= 4).then_some(())
    })
    .await;
    assert!(
        started.elapsed() > Duration::from_millis(1500),
        "longer than silence would have been borne"
    );
    standin.release.notify_one();
    work.await.expect("no panic").expect("starts in the end");
}

#[tokio::test]
async fn a_host_that_dies_at_work_is_noticed_by_its_silence() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    host.host.set_mood(Mood::Slow);
    let client = lattice.client().await.with_silence(Duration::from_millis(1500));
    let summary = host.summary();
    let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let waiting = tokio::spawn(async move {
        let start = ActorStart::new(spec("hello"), 1);
        client
            .send(&summary, &start, LONG, |progress| drop(begun.send(progress)))
            .await
    });
    while heard.recv().await.is_some_and(|progress| progress.message != "at work") {}
    // As kill -9 does: the connection is gone, nothing more is said.
    drop(host.server);
    drop(host.bus);
    let error = waiting.await.expect("no panic").expect_err("the host is dead");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.starts_with("cloud: "), "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_at_once() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let summary = host.summary();
    host.server.shutdown(LONG).await;
    host.bus.drain(LONG).await;
    let started = Instant::now();
    let stop = ActorStop {
        actor: "hello".parse().expect("a name"),
        drain_ms: 0,
    };
    let error = lattice
        .client()
        .await
        .send(&summary, &stop, LONG, |_| {})
        .await
        .expect_err("nobody is there");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "NATS says so itself; no timeout is waited for"
    );
}

#[tokio::test]
async fn a_panic_is_an_outcome_and_the_host_goes_on() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let client = lattice.client().await;
    host.host.set_mood(Mood::Panicking);
    let start = ActorStart::new(spec("hello"), 1);
    let error = client
        .send(&host.summary(), &start, LONG, |_| {})
        .await
        .expect_err("it panicked");
    assert_eq!(error.kind, ErrorKind::Internal);
    host.host.set_mood(Mood::Willing);
    client
        .send(&host.summary(), &start, LONG, |_| {})
        .await
        .expect("starts now");
}

#[tokio::test]
async fn a_command_whose_asker_is_gone_is_abandoned() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let client = lattice.client().await;
    host.host.set_mood(Mood::Slow);
    let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let start = ActorStart::new(spec("hello"), 1);
    let summary = host.summary();
    {
        let sending = client.send(&summary, &start, LONG, |progress| drop(begun.send(progress)));
        tokio::select! {
            outcome = sending => panic!("it cannot end: {outcome:?}"),
            _ = async { while heard.recv().await.is_some_and(|progress| progress.message != "at work") {} } => {}
        }
    }
    eventually("the work is dropped", LONG, || async {
        (host.host.abandoned.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    assert_eq!(host.replicas("hello"), 0);
}

#[tokio::test]
async fn a_timeout_names_itself_and_withdraws_the_command() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    host.host.set_mood(Mood::Slow);
    let start = ActorStart::new(spec("hello"), 1);
    let outcome = lattice
        .client()
        .await
        .send(&host.summary(), &start, Duration::from_millis(300), |_| {})
        .await;
    assert_eq!(outcome.expect_err("too slow").kind, ErrorKind::Timeout);
    eventually("the work is dropped", LONG, || async {
        (host.host.abandoned.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn answers_larger_than_a_message_arrive_whole() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let report = lattice
        .reader()
        .await
        .read(&host.summary().member, &Doctor {})
        .await
        .expect("answers");
    assert_eq!(report.checks[0].what.len(), 3 << 20);
}

#[tokio::test]
async fn what_a_member_does_not_do_it_says() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let stop = HostStop { drain_ms: 0 };
    let error = lattice
        .client()
        .await
        .send(&host.summary(), &stop, LONG, |_| {})
        .await
        .expect_err("a stand-in cannot");
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
