//! Publish, ask, subscribe.

use std::time::{Duration, Instant};

use futures::StreamExt;
use lattice_bus::{
    Bus, Credentials, DIRECT_CAPACITY, Headers, PublishError, RepliesEnd, RequestError, Secret, SubscribeError,
};
use lattice_testkit::{NatsServer, eventually};

use crate::{LIMIT, config, connect, echo, server_and_bus};

#[tokio::test]
async fn a_message_arrives_with_its_headers() {
    let (_nats, bus) = server_and_bus().await;
    for capacity in [8, DIRECT_CAPACITY] {
        let mut inbox = bus.subscribe("greet.*", None, capacity).await.expect("a good subject");
        let headers = Headers::new().with("traceparent", "00-abc").expect("a good header");
        bus.publish_with_reply("greet.ann", "back", headers, "hello".into())
            .await
            .expect("sent");
        let message = inbox.recv().await.expect("the message");
        assert_eq!(message.subject, "greet.ann");
        assert_eq!(message.reply.as_deref(), Some("back"));
        assert_eq!(message.headers.get("traceparent"), Some("00-abc"));
        assert_eq!(message.payload.as_ref(), b"hello");
    }
}

#[tokio::test]
async fn a_request_is_answered_by_one_of_a_queue_group() {
    let (_nats, bus) = server_and_bus().await;
    let _echo = echo(&bus, "echo").await;
    let answer = bus
        .request("echo", Headers::new(), "x".into(), LIMIT)
        .await
        .expect("an answer");
    assert_eq!(answer.payload.as_ref(), b"x");

    let mut one = bus.subscribe("work", Some("q"), 64).await.expect("subscribed");
    let mut two = bus.subscribe("work", Some("q"), 64).await.expect("subscribed");
    for _ in 0..20 {
        bus.publish("work", Headers::new(), "".into()).await.expect("sent");
    }
    let mut seen = 0;
    while seen < 20 {
        tokio::select! {
            Some(_) = one.recv() => seen += 1,
            Some(_) = two.recv() => seen += 1,
            () = tokio::time::sleep(LIMIT) => panic!("{seen} of 20"),
        }
    }
}

#[tokio::test]
async fn nobody_listening_is_told_at_once_and_is_not_a_timeout() {
    let (_nats, bus) = server_and_bus().await;
    let start = Instant::now();
    let err = bus
        .request("nobody", Headers::new(), "".into(), LIMIT)
        .await
        .expect_err("nobody listens");
    assert_eq!(
        err,
        RequestError::NoResponders {
            subject: "nobody".into()
        }
    );
    assert!(!err.was_sent());
    assert!(start.elapsed() < LIMIT / 2);

    let _deaf = bus.subscribe("deaf", None, 8).await.expect("subscribed");
    let limit = Duration::from_millis(100);
    let err = bus
        .request("deaf", Headers::new(), "".into(), limit)
        .await
        .expect_err("no answer");
    assert_eq!(
        err,
        RequestError::TimedOut {
            subject: "deaf".into(),
            after: limit
        }
    );
    assert!(err.was_sent());
}

#[tokio::test]
async fn a_request_given_up_leaves_nothing_behind() {
    let (_nats, bus) = server_and_bus().await;
    let mut deaf = bus.subscribe("deaf", None, DIRECT_CAPACITY).await.expect("subscribed");
    let limit = Duration::from_millis(100);
    let asking = (0..100).map(|_| bus.request("deaf", Headers::new(), "".into(), limit));
    let answers = futures::future::join_all(asking).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(RequestError::TimedOut { .. })))
    );
    assert_eq!(bus.requests_waiting(), 0);
    // A late answer finds nobody and does no harm.
    let question = deaf.recv().await.expect("a question");
    bus.publish(question.reply.expect("a request"), Headers::new(), "late".into())
        .await
        .expect("sent");
    bus.round_trip(LIMIT).await.expect("still working");
}

#[tokio::test]
async fn many_answers_end_for_a_stated_reason() {
    let (_nats, bus) = server_and_bus().await;
    let (_one, _two) = (echo(&bus, "all").await, echo(&bus, "all").await);
    let stall = Duration::from_millis(300);
    let mut answers = bus
        .request_many("all", Headers::new(), "x".into(), stall, None)
        .await
        .expect("asked");
    let mut count = 0;
    while answers.recv().await.is_some() {
        count += 1;
    }
    assert_eq!((count, answers.ended()), (2, Some(RepliesEnd::Stalled)));

    let mut answers = bus
        .request_many("all", Headers::new(), "x".into(), LIMIT, Some(2))
        .await
        .expect("asked");
    assert_eq!(answers.by_ref().count().await, 2);
    assert_eq!(answers.ended(), Some(RepliesEnd::Enough));

    let mut answers = bus
        .request_many("nobody", Headers::new(), "x".into(), LIMIT, None)
        .await
        .expect("asked");
    assert!(answers.recv().await.is_none());
    assert_eq!(answers.ended(), Some(RepliesEnd::NoResponders));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_at_once() {
    let nats = NatsServer::builder().config("max_payload: 1000").start().await;
    let bus = connect(&nats.url()).await;
    assert_eq!(bus.max_payload(), 1000);
    let err = bus
        .publish("a", Headers::new(), vec![0; 1001].into())
        .await
        .expect_err("too large");
    assert_eq!(
        err,
        PublishError::TooLarge {
            subject: "a".into(),
            size: 1001,
            max: 1000
        }
    );
    let err = bus
        .request("a", Headers::new(), vec![0; 1001].into(), LIMIT)
        .await
        .expect_err("too large");
    assert!(
        matches!(err, RequestError::Publish(PublishError::TooLarge { .. })),
        "{err:?}"
    );
    let err = bus
        .publish("a b", Headers::new(), "".into())
        .await
        .expect_err("no subject");
    assert_eq!(err, PublishError::BadSubject { subject: "a b".into() });
    for bad in ["", "a..b", "a b"] {
        let err = bus.subscribe(bad, None, 1).await.expect_err("no subject");
        assert_eq!(err, SubscribeError::BadSubject { subject: bad.into() });
    }
    bus.round_trip(LIMIT).await.expect("the connection took no harm");
}

#[tokio::test]
async fn a_forbidden_request_says_so() {
    let nats = NatsServer::builder()
        .config(r#"authorization { users: [{ user: u, password: p, permissions: { publish: ["ok"], subscribe: [">"] } }] }"#)
        .start()
        .await;
    let user = Credentials::UserPassword {
        user: "u".into(),
        password: Secret::from("p"),
    };
    let bus = Bus::connect(config(&nats.url()).credentials(user))
        .await
        .expect("connected");
    let err = bus
        .request("secret", Headers::new(), "".into(), LIMIT)
        .await
        .expect_err("forbidden");
    assert_eq!(
        err,
        RequestError::Denied {
            subject: "secret".into()
        }
    );
    assert!(!err.was_sent());
    let _echo = echo(&bus, "ok").await;
    let err = bus
        .request("ok", Headers::new(), "".into(), Duration::from_millis(200))
        .await;
    assert!(
        matches!(err, Err(RequestError::TimedOut { .. })),
        "the answer was forbidden, not the question: {err:?}"
    );
}

#[tokio::test]
async fn answers_that_may_not_come_in_are_told_at_once() {
    let nats = NatsServer::builder()
        .config(r#"authorization { users: [{ user: u, password: p, permissions: { publish: ">", subscribe: ["mine.>"] } }] }"#)
        .start()
        .await;
    let user = || Credentials::UserPassword {
        user: "u".into(),
        password: Secret::from("p"),
    };
    let bus = Bus::connect(config(&nats.url()).credentials(user()))
        .await
        .expect("connected");
    let err = bus
        .request("any", Headers::new(), "".into(), LIMIT)
        .await
        .expect_err("no inbox");
    assert!(matches!(err, RequestError::NoInbox { .. }), "{err:?}");

    let mut config = config(&nats.url()).credentials(user());
    config.inbox_prefix = Some("mine.inbox".into());
    let bus = Bus::connect(config).await.expect("connected");
    bus.round_trip(LIMIT).await.expect("answers come in below mine.inbox");
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_and_counts() {
    let (_nats, bus) = server_and_bus().await;
    let mut slow = bus.subscribe("burst", None, 10).await.expect("subscribed");
    for n in 0..100_u8 {
        bus.publish("burst", Headers::new(), vec![n].into())
            .await
            .expect("sent");
    }
    let dropped = eventually("all but ten to be dropped", LIMIT, || {
        let dropped = slow.dropped();
        std::future::ready(if dropped == 90 {
            Ok(dropped)
        } else {
            Err(format!("{dropped} dropped"))
        })
    });
    dropped.await;
    for n in 0..10_u8 {
        assert_eq!(slow.recv().await.expect("a kept message").payload.as_ref(), [n]);
    }
    bus.publish("burst", Headers::new(), "later".into())
        .await
        .expect("sent");
    assert_eq!(slow.recv().await.expect("room again").payload.as_ref(), b"later");
}

#[tokio::test]
async fn a_drained_subscription_delivers_what_came_and_ends() {
    let (_nats, bus) = server_and_bus().await;
    for capacity in [1000, DIRECT_CAPACITY] {
        let mut inbox = bus.subscribe("drain", None, capacity).await.expect("subscribed");
        for _ in 0..100 {
            bus.publish("drain", Headers::new(), "".into()).await.expect("sent");
        }
        bus.round_trip(LIMIT).await.expect("all have come back");
        inbox.drain().await;
        let count = tokio::time::timeout(LIMIT, inbox.count())
            .await
            .expect("the stream ends");
        assert_eq!(count, 100);
    }
}

#[tokio::test]
async fn draining_the_bus_sends_what_is_left_and_ends_all_streams() {
    let (nats, bus) = server_and_bus().await;
    let other = connect(&nats.url()).await;
    let mut theirs = other.subscribe("last.words", None, 64).await.expect("subscribed");
    other.round_trip(LIMIT).await.expect("subscribed");
    let mut ours = bus.subscribe("ours", None, 64).await.expect("subscribed");
    for _ in 0..50 {
        bus.publish("last.words", Headers::new(), "".into())
            .await
            .expect("sent");
    }
    assert!(bus.drain(LIMIT).await, "drained in time");
    assert!(ours.recv().await.is_none());
    for _ in 0..50 {
        theirs.recv().await.expect("all were sent");
    }
    assert_eq!(
        bus.publish("x", Headers::new(), "".into()).await,
        Err(PublishError::Disconnected)
    );
    assert_eq!(bus.connected().await, None);
}

#[tokio::test]
async fn a_dropped_bus_hangs_up() {
    let (nats, bus) = server_and_bus().await;
    let watcher = connect(&nats.url()).await;
    let _service = bus.subscribe("here", None, 8).await.expect("subscribed");
    bus.round_trip(LIMIT).await.expect("subscribed");
    drop(_service);
    drop(bus);
    eventually("nobody to be there", LIMIT, || async {
        match watcher
            .request("here", Headers::new(), "".into(), Duration::from_millis(200))
            .await
        {
            Err(RequestError::NoResponders { .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
