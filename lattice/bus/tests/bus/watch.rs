//! Watches that miss nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_bus::{Bucket, BucketConfig, BucketEvent, Bus, Operation, Watch};
use lattice_testkit::{FaultProxy, NatsServer, eventually};

use crate::{LIMIT, connect, server_and_bus};

async fn open(bus: &Bus) -> Bucket {
    bus.bucket(BucketConfig::new("b")).await.expect("a bucket")
}

async fn next(watch: &mut Watch) -> BucketEvent {
    tokio::time::timeout(LIMIT, watch.recv())
        .await
        .expect("an event in time")
        .expect("the bus is open")
}

async fn next_entry(watch: &mut Watch) -> (String, Operation, Vec<u8>) {
    loop {
        if let BucketEvent::Entry(entry) = next(watch).await {
            return (entry.key, entry.operation, entry.value.to_vec());
        }
    }
}

fn put(key: &str, value: &str) -> (String, Operation, Vec<u8>) {
    (key.to_owned(), Operation::Put, value.as_bytes().to_vec())
}

/// What a watcher believes the bucket holds.
#[derive(Default)]
struct View {
    values: BTreeMap<String, Vec<u8>>,
}

impl View {
    fn apply(&mut self, event: BucketEvent) {
        if let BucketEvent::Entry(entry) = event {
            match entry.operation {
                Operation::Put => self.values.insert(entry.key, entry.value.to_vec()),
                Operation::Delete | Operation::Purge => self.values.remove(&entry.key),
            };
        }
    }

    /// Follows the watch until the view is what the bucket holds.
    async fn follow_until(&mut self, watch: &mut Watch, bucket: &Bucket) {
        loop {
            let entries = bucket.entries().await.expect("readable");
            let truth: BTreeMap<_, _> = entries
                .into_iter()
                .map(|entry| (entry.key, entry.value.to_vec()))
                .collect();
            while self.values != truth {
                self.apply(next(watch).await);
            }
            if bucket.entries().await.expect("readable").len() == truth.len() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn first_what_is_there_then_what_changes() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = open(&bus).await;
    let mut empty = bucket.watch_all();
    assert_eq!(next(&mut empty).await, BucketEvent::CaughtUp);

    bucket.put("a", "1".into()).await.expect("written");
    bucket.put("b", "2".into()).await.expect("written");
    bucket.put("a", "3".into()).await.expect("written");
    assert_eq!(next_entry(&mut empty).await, put("a", "1"));
    let mut watch = bucket.watch_all();
    assert_eq!(next_entry(&mut watch).await, put("b", "2"));
    assert_eq!(next_entry(&mut watch).await, put("a", "3"));
    assert_eq!(next(&mut watch).await, BucketEvent::CaughtUp);
    bucket.delete("b", None).await.expect("deleted");
    assert_eq!(
        next_entry(&mut watch).await,
        ("b".into(), Operation::Delete, Vec::new())
    );

    let mut only_a = bucket.watch("a");
    assert_eq!(next_entry(&mut only_a).await, put("a", "3"));
}

#[tokio::test]
async fn a_change_is_told_within_a_blink() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = open(&bus).await;
    let mut watch = bucket.watch_all();
    assert_eq!(next(&mut watch).await, BucketEvent::CaughtUp);
    for n in 0..50 {
        let start = std::time::Instant::now();
        bucket.put("k", n.to_string().into()).await.expect("written");
        next_entry(&mut watch).await;
        assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn nothing_is_missed_over_kills_and_restarts() {
    let (mut nats, bus) = server_and_bus().await;
    let bucket = open(&bus).await;
    let mut watch = bucket.watch_all();
    let mut view = View::default();
    for round in 0..3 {
        for key in 0..20 {
            bucket
                .put(&format!("k{key}"), format!("{round}").into())
                .await
                .expect("written");
        }
        bucket.delete(&format!("k{round}"), None).await.expect("deleted");
        // Killed with events under way; the watcher has read none of them yet.
        nats.kill();
        nats.restart().await;
        // Changed before the watcher is back.
        bucket.put("late", format!("{round}").into()).await.expect("written");
        view.follow_until(&mut watch, &bucket).await;
    }
    bucket.put("last", "x".into()).await.expect("written");
    view.follow_until(&mut watch, &bucket).await;
}

#[tokio::test]
async fn what_changed_while_cut_off_is_told_and_what_did_not_is_not() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let (cut_off, there) = (connect(&proxy.nats_url()).await, connect(&nats.url()).await);
    let (theirs, ours) = (open(&there).await, open(&cut_off).await);
    for key in ["a", "b", "c"] {
        theirs.put(key, "1".into()).await.expect("written");
    }
    let mut watch = ours.watch_all();
    while next(&mut watch).await != BucketEvent::CaughtUp {}

    proxy.cut();
    eventually("the loss to be noticed", LIMIT, || {
        std::future::ready((!cut_off.is_connected()).then_some(()))
    })
    .await;
    theirs.put("a", "2".into()).await.expect("written");
    theirs.delete("b", None).await.expect("deleted");
    theirs.put("d", "1".into()).await.expect("written");
    proxy.heal();

    let mut told = vec![
        next_entry(&mut watch).await,
        next_entry(&mut watch).await,
        next_entry(&mut watch).await,
    ];
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        told,
        [
            put("a", "2"),
            ("b".into(), Operation::Delete, Vec::new()),
            put("d", "1")
        ]
    );
    assert_eq!(
        next(&mut watch).await,
        BucketEvent::CaughtUp,
        "c did not change and is not told again"
    );
}

#[tokio::test]
async fn a_bucket_that_did_not_change_is_not_read_again() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let bus = connect(&proxy.nats_url()).await;
    let bucket = open(&bus).await;
    for n in 0..100 {
        bucket
            .put(&format!("k{n}"), vec![b'x'; 10_000].into())
            .await
            .expect("written");
    }
    let mut watch = bucket.watch_all();
    while next(&mut watch).await != BucketEvent::CaughtUp {}
    let before = proxy.traffic().bytes_down;
    for _ in 0..3 {
        proxy.cut();
        eventually("the loss to be noticed", LIMIT, || {
            std::future::ready((!bus.is_connected()).then_some(()))
        })
        .await;
        proxy.heal();
        assert_eq!(next(&mut watch).await, BucketEvent::CaughtUp);
    }
    let read = proxy.traffic().bytes_down - before;
    assert!(read < 200_000, "{read} bytes were read for a bucket of 1,000,000");
    bucket.put("k1", "news".into()).await.expect("written");
    assert_eq!(next_entry(&mut watch).await, put("k1", "news"));
}

#[tokio::test]
async fn a_stalled_network_loses_no_change() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let (stalled, there) = (connect(&proxy.nats_url()).await, connect(&nats.url()).await);
    let (theirs, ours) = (open(&there).await, open(&stalled).await);
    let mut watch = ours.watch_all();
    let mut view = View::default();
    for n in 0..200 {
        match n {
            50 => proxy.stall(),
            100 => proxy.heal(),
            150 => proxy.delay(Duration::from_millis(20)),
            _ => {}
        }
        theirs
            .put(&format!("k{}", n % 30), n.to_string().into())
            .await
            .expect("written");
    }
    view.follow_until(&mut watch, &theirs).await;
}

#[tokio::test]
async fn a_bucket_that_is_lost_with_its_server_is_made_again() {
    let (mut nats, bus) = server_and_bus().await;
    let bucket = open(&bus).await;
    bucket.put("old", "1".into()).await.expect("written");
    let mut watch = bucket.watch_all();
    assert_eq!(next_entry(&mut watch).await, put("old", "1"));
    nats.kill();
    nats.wipe();
    nats.restart().await;
    assert_eq!(
        next_entry(&mut watch).await,
        ("old".into(), Operation::Purge, Vec::new())
    );
    bucket.put("new", "2".into()).await.expect("the bucket is there again");
    assert_eq!(next_entry(&mut watch).await, put("new", "2"));
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_up_nobody_and_misses_nothing() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = open(&bus).await;
    let mut watch = bucket.watch_all();
    let mut view = View::default();
    for n in 0..2000 {
        bucket
            .put(&format!("k{n}"), vec![b'x'; 1000].into())
            .await
            .expect("written");
    }
    view.follow_until(&mut watch, &bucket).await;
    assert_eq!(view.values.len(), 2000);
}
