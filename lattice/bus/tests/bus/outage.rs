//! Servers that go away, and networks that fail.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lattice_bus::{Bus, ConnectionState, DIRECT_CAPACITY, Headers, RequestError};
use lattice_testkit::{FaultProxy, NatsServer, eventually};

use crate::{LIMIT, config, connect, echo, server_and_bus};

async fn until_disconnected(bus: &Bus) {
    eventually("the loss to be noticed", LIMIT, || {
        std::future::ready((bus.state() == ConnectionState::Reconnecting).then_some(()))
    })
    .await;
}

#[tokio::test]
async fn a_killed_server_that_comes_back_needs_no_restart_of_ours() {
    let (mut nats, bus) = server_and_bus().await;
    let _echo = echo(&bus, "echo").await;
    let mut gated = bus.subscribe("gated", None, 16).await.expect("subscribed");
    assert_eq!(bus.connected().await, Some(1));
    nats.kill();
    until_disconnected(&bus).await;
    nats.restart().await;
    assert_eq!(bus.connected().await, Some(2), "one more session");
    let answer = bus
        .request("echo", Headers::new(), "x".into(), LIMIT)
        .await
        .expect("an answer");
    assert_eq!(answer.payload.as_ref(), b"x");
    bus.publish("gated", Headers::new(), "y".into()).await.expect("sent");
    assert_eq!(gated.recv().await.expect("still subscribed").payload.as_ref(), b"y");
}

#[tokio::test]
async fn a_request_during_an_outage_waits_for_its_end_or_was_never_sent() {
    let (mut nats, bus) = server_and_bus().await;
    let _echo = echo(&bus, "echo").await;
    nats.kill();
    until_disconnected(&bus).await;
    let limit = Duration::from_millis(100);
    let err = bus
        .request("echo", Headers::new(), "".into(), limit)
        .await
        .expect_err("no server");
    assert_eq!(err, RequestError::Disconnected);
    assert!(!err.was_sent());
    let err = bus
        .request_many("echo", Headers::new(), "".into(), limit, None)
        .await
        .expect_err("no server");
    assert_eq!(err, RequestError::Disconnected);

    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.request("echo", Headers::new(), "late".into(), LIMIT).await }
    });
    nats.restart().await;
    let answer = waiting.await.expect("no panic").expect("sent when the server was back");
    assert_eq!(answer.payload.as_ref(), b"late");
}

#[tokio::test]
async fn a_request_under_way_when_the_server_goes_is_answered_after_it_is_back() {
    let (mut nats, bus) = server_and_bus().await;
    let answerer = connect(&nats.url()).await;
    let mut questions = answerer
        .subscribe("slow", None, DIRECT_CAPACITY)
        .await
        .expect("subscribed");
    answerer.round_trip(LIMIT).await.expect("subscribed");
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.request("slow", Headers::new(), "".into(), LIMIT).await }
    });
    let question = questions.recv().await.expect("the question");
    nats.kill();
    until_disconnected(&bus).await;
    nats.restart().await;
    bus.connected().await.expect("back");
    answerer.connected().await.expect("back");
    // Both ends are subscribed again once a round trip is done.
    bus.round_trip(LIMIT).await.expect("back");
    answerer
        .publish(question.reply.expect("a request"), Headers::new(), "done".into())
        .await
        .expect("sent");
    assert_eq!(
        asking.await.expect("no panic").expect("the answer").payload.as_ref(),
        b"done"
    );
}

#[tokio::test]
async fn a_cut_connection_is_made_again() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let bus = connect(&proxy.nats_url()).await;
    let _echo = echo(&bus, "echo").await;
    bus.round_trip(LIMIT).await.expect("connected");
    proxy.cut();
    until_disconnected(&bus).await;
    proxy.heal();
    bus.request("echo", Headers::new(), "x".into(), LIMIT)
        .await
        .expect("an answer");
    assert!(proxy.traffic().connections >= 2);
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let mut config = config(&proxy.nats_url());
    config.ping_interval = Duration::from_millis(100);
    let bus = Bus::connect(config).await.expect("connected");
    let start = Instant::now();
    proxy.stall();
    until_disconnected(&bus).await;
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "noticed after {:?}",
        start.elapsed()
    );
    proxy.heal();
    bus.connected().await.expect("back");
}

#[tokio::test]
async fn a_paused_server_is_given_up_and_found_again() {
    let nats = NatsServer::start().await;
    let mut config = config(&nats.url());
    config.ping_interval = Duration::from_millis(100);
    let bus = Bus::connect(config).await.expect("connected");
    nats.pause();
    until_disconnected(&bus).await;
    nats.resume();
    bus.connected().await.expect("back");
    bus.round_trip(LIMIT).await.expect("back");
}

/// async-nats reports each message it drops, and loses other reports when there are too many of those.
#[tokio::test]
async fn a_flood_of_dropped_messages_hides_no_outage() {
    let (mut nats, bus) = server_and_bus().await;
    let _deaf = bus.subscribe("flood", None, DIRECT_CAPACITY).await.expect("subscribed");
    let flooder = connect(&nats.url()).await;
    for _ in 0..DIRECT_CAPACITY + 5_000 {
        flooder.publish("flood", Headers::new(), "".into()).await.expect("sent");
    }
    eventually("messages to be dropped", LIMIT, || {
        let dropped = bus.dropped();
        std::future::ready(if dropped > 0 {
            Ok(())
        } else {
            Err(format!("{dropped} dropped"))
        })
    })
    .await;
    nats.restart().await;
    eventually("another session", LIMIT, || async {
        match bus.connected().await {
            Some(session) if session > 1 => Ok(()),
            other => Err(format!("session {other:?}")),
        }
    })
    .await;
    bus.round_trip(LIMIT).await.expect("back");
}

/// async-nats 0.51 panics on a header with a lone carriage return, which a nats-server passes on unread.
#[tokio::test]
async fn a_frame_that_kills_the_client_does_not_kill_the_bus() {
    let (nats, bus) = server_and_bus().await;
    let _echo = echo(&bus, "echo").await;
    let mut gated = bus.subscribe("gated", None, 16).await.expect("subscribed");
    bus.round_trip(LIMIT).await.expect("subscribed");

    let answerer = connect(&nats.url()).await;
    let mut questions = answerer.subscribe("slow", None, 16).await.expect("subscribed");
    answerer.round_trip(LIMIT).await.expect("subscribed");
    let under_way = tokio::spawn({
        let bus = bus.clone();
        async move { bus.request("slow", Headers::new(), "".into(), LIMIT).await }
    });
    let question = questions.recv().await.expect("the question");

    let mut raw = TcpStream::connect(nats.address()).expect("the server listens");
    let header = "NATS/1.0\r\na: b\rc\r\n\r\n";
    write!(
        raw,
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nHPUB gated {0} {0}\r\n{header}\r\nPING\r\n",
        header.len()
    )
    .expect("written");
    let mut answer = [0; 512];
    assert!(raw.read(&mut answer).expect("an answer") > 0);

    eventually("another client to be in place", LIMIT, || {
        let state = bus.state();
        let session = |state| matches!(state, ConnectionState::Connected { session } if session > 1);
        std::future::ready(if session(state) {
            Ok(())
        } else {
            Err(format!("{state:?}"))
        })
    })
    .await;
    let answer = bus
        .request("echo", Headers::new(), "x".into(), LIMIT)
        .await
        .expect("subscriptions live on");
    assert_eq!(answer.payload.as_ref(), b"x");
    answerer
        .publish(question.reply.expect("a request"), Headers::new(), "done".into())
        .await
        .expect("sent");
    assert_eq!(
        under_way.await.expect("no panic").expect("the answer").payload.as_ref(),
        b"done"
    );
    bus.publish("gated", Headers::new(), "y".into()).await.expect("sent");
    assert_eq!(gated.recv().await.expect("still subscribed").payload.as_ref(), b"y");
}
