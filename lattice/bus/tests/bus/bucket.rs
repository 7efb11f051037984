//! Keys and values.

use std::time::Duration;

use lattice_bus::{Bucket, BucketConfig, CasError, Operation, Replicas, StateError};
use lattice_testkit::{FaultProxy, NatsServer, eventually};

use crate::{LIMIT, connect, server_and_bus};

async fn bucket() -> (NatsServer, Bucket) {
    let (nats, bus) = server_and_bus().await;
    let bucket = bus
        .bucket(BucketConfig::new("b").description("a test"))
        .await
        .expect("a bucket");
    (nats, bucket)
}

#[tokio::test]
async fn values_are_read_as_written() {
    let (_nats, bucket) = bucket().await;
    assert_eq!(bucket.get("a.b/c=_-").await.expect("readable"), None);
    let revision = bucket
        .put("a.b/c=_-", vec![0, 255, 13, 10].into())
        .await
        .expect("written");
    let entry = bucket.get("a.b/c=_-").await.expect("readable").expect("a value");
    assert_eq!(
        (entry.value.as_ref(), entry.revision),
        ([0, 255, 13, 10].as_ref(), revision)
    );
    assert_eq!((entry.key.as_str(), entry.operation), ("a.b/c=_-", Operation::Put));
    assert!(
        entry.created.elapsed().is_ok_and(|age| age < LIMIT),
        "{:?}",
        entry.created
    );
    for bad in ["", "a b", "a*", ".a", "a..b", "ä"] {
        assert!(matches!(bucket.get(bad).await, Err(StateError::BadKey(_))), "{bad}");
        assert!(
            matches!(bucket.put(bad, "".into()).await, Err(StateError::BadKey(_))),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn of_two_writers_one_is_refused() {
    let (_nats, bucket) = bucket().await;
    let first = bucket.create("k", "1".into()).await.expect("created");
    assert!(
        bucket
            .create("k", "2".into())
            .await
            .expect_err("it exists")
            .is_conflict()
    );
    let second = bucket.update("k", "2".into(), first).await.expect("updated");
    let late = bucket.update("k", "3".into(), first).await.expect_err("too late");
    assert!(
        matches!(&late, CasError::Conflict { key, expected } if key == "k" && *expected == first),
        "{late:?}"
    );
    assert!(
        bucket
            .delete("k", Some(first))
            .await
            .expect_err("too late")
            .is_conflict()
    );
    bucket.delete("k", Some(second)).await.expect("deleted");
    assert_eq!(bucket.get("k").await.expect("readable"), None);
    let marker = bucket.last("k").await.expect("readable").expect("a marker");
    assert_eq!(marker.operation, Operation::Delete);
    bucket
        .create("k", "4".into())
        .await
        .expect("a deleted key can be created");
    bucket.purge("k").await.expect("purged");
    bucket
        .create("k", "5".into())
        .await
        .expect("a purged key can be created");
    bucket.delete("k", None).await.expect("deleted");
}

#[tokio::test]
async fn many_writers_lose_no_increment() {
    let (nats, bucket) = bucket().await;
    bucket.create("n", "0".into()).await.expect("created");
    let mut writers = Vec::new();
    for _ in 0..4 {
        let bus = connect(&nats.url()).await;
        let bucket = bus.bucket(BucketConfig::new("b")).await.expect("the bucket");
        writers.push(tokio::spawn(async move {
            for _ in 0..25 {
                loop {
                    let entry = bucket.get("n").await.expect("readable").expect("a value");
                    let n: u64 = String::from_utf8_lossy(&entry.value).parse().expect("a number");
                    match bucket.update("n", (n + 1).to_string().into(), entry.revision).await {
                        Ok(_) => break,
                        Err(err) => assert!(err.is_conflict(), "{err}"),
                    }
                }
            }
        }));
    }
    for writer in writers {
        writer.await.expect("no panic");
    }
    let entry = bucket.get("n").await.expect("readable").expect("a value");
    assert_eq!(entry.value.as_ref(), b"100");
}

#[tokio::test]
async fn keys_are_listed_without_the_deleted() {
    let (_nats, bucket) = bucket().await;
    assert_eq!(bucket.keys().await.expect("readable"), Vec::<String>::new());
    for n in 0..300 {
        bucket
            .put(&format!("k.{n:03}"), n.to_string().into())
            .await
            .expect("written");
    }
    bucket.put("other", "x".into()).await.expect("written");
    bucket.delete("k.000", None).await.expect("deleted");
    bucket.purge("k.001").await.expect("purged");
    let keys = bucket.keys().await.expect("readable");
    assert_eq!(keys.len(), 299);
    assert_eq!(keys[0], "k.002");
    let entries = bucket.entries_matching("k.>").await.expect("readable");
    assert_eq!(entries.len(), 298);
    assert_eq!(entries[297].value.as_ref(), b"299");
    assert_eq!(bucket.entries().await.expect("readable").len(), 299);
}

#[tokio::test]
async fn a_bucket_that_exists_is_opened_as_it_is() {
    let (nats, bucket) = bucket().await;
    bucket.put("k", "v".into()).await.expect("written");
    let bus = connect(&nats.url()).await;
    let same = bus.bucket(BucketConfig::new("b").history(5)).await.expect("opened");
    assert_eq!(
        same.get("k").await.expect("readable").expect("a value").value.as_ref(),
        b"v"
    );
    assert_eq!(same.replicas(), 1);
    let bad = bus.bucket(BucketConfig::new("no.dots")).await.expect_err("a bad name");
    assert!(matches!(bad, StateError::BadName(_)), "{bad}");
    let mut three = BucketConfig::new("three");
    three.replicas = Replicas::Exactly(3);
    assert!(
        matches!(bus.bucket(three).await, Err(StateError::Refused { .. })),
        "one server cannot bear three"
    );
}

#[tokio::test]
async fn a_large_value_is_read_whole_and_one_too_large_is_refused() {
    let (_nats, bucket) = bucket().await;
    let large = vec![7; 1_000_000];
    bucket.put("large", large.clone().into()).await.expect("written");
    assert_eq!(
        bucket
            .get("large")
            .await
            .expect("readable")
            .expect("a value")
            .value
            .as_ref(),
        large
    );
    let err = bucket
        .put("huge", vec![7; 2_000_000].into())
        .await
        .expect_err("too large");
    assert!(
        matches!(err, StateError::Request(_)) && !err.outcome_unknown(),
        "{err:?}"
    );
}

#[tokio::test]
async fn a_server_without_jetstream_says_so() {
    let nats = NatsServer::builder().without_jetstream().start().await;
    let bus = connect(&nats.url()).await;
    let err = bus.bucket(BucketConfig::new("b")).await.expect_err("no JetStream");
    assert!(err.to_string().contains("is it enabled"), "{err}");
    assert!(err.is_unavailable());
}

#[tokio::test]
async fn operations_wait_for_a_server_that_restarts() {
    let (mut nats, bucket) = bucket().await;
    bucket.put("k", "1".into()).await.expect("written");
    nats.kill();
    let writing = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.put("k", "2".into()).await }
    });
    let reading = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.get("k").await }
    });
    nats.restart().await;
    writing
        .await
        .expect("no panic")
        .expect("written when the server was back");
    reading.await.expect("no panic").expect("readable").expect("a value");
    assert_eq!(
        bucket
            .get("k")
            .await
            .expect("readable")
            .expect("a value")
            .value
            .as_ref(),
        b"2"
    );
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_done_once_and_reported_as_done() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let (ours, theirs) = (connect(&proxy.nats_url()).await, connect(&nats.url()).await);
    let ours = ours.bucket(BucketConfig::new("b").history(10)).await.expect("a bucket");
    let theirs = theirs.bucket(BucketConfig::new("b")).await.expect("the bucket");
    let first = ours.create("k", "1".into()).await.expect("created");
    proxy.stall_answers();
    let writing = tokio::spawn({
        let ours = ours.clone();
        async move { ours.update("k", "2".into(), first).await }
    });
    let stored = eventually("the write to be stored", LIMIT, || async {
        let entry = theirs.get("k").await.expect("readable").expect("a value");
        (entry.value.as_ref() == b"2").then_some(entry.revision)
    })
    .await;
    proxy.cut();
    proxy.heal();
    let reported = writing
        .await
        .expect("no panic")
        .expect("reported as done, not as a conflict with itself");
    assert_eq!(reported, stored);
    assert_eq!(
        theirs.get("k").await.expect("readable").expect("a value").revision,
        stored
    );
}

#[tokio::test]
async fn values_age() {
    let (_nats, bus) = server_and_bus().await;
    let mut config = BucketConfig::new("short");
    config.max_age = Some(Duration::from_secs(1));
    let bucket = bus.bucket(config).await.expect("a bucket");
    bucket.put("k", "v".into()).await.expect("written");
    eventually("the value to be gone", LIMIT, || async {
        match bucket.get("k").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
