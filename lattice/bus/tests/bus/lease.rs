//! One holder at a time.

use std::time::{Duration, Instant};

use lattice_bus::{Bucket, BucketConfig, Bus, Lease, LeaseAttempt, StateError};
use lattice_testkit::{FaultProxy, NatsServer, eventually};

use crate::{LIMIT, connect, server_and_bus};

const TTL: Duration = Duration::from_secs(3);

async fn leases(bus: &Bus) -> Bucket {
    let config = BucketConfig::new("leases").expiry_markers(Duration::from_secs(60));
    bus.bucket(config).await.expect("a bucket whose keys can expire")
}

async fn take(bucket: &Bucket, holder: &str) -> Lease {
    match bucket.lease("leader", holder, TTL).await.expect("the bucket works") {
        LeaseAttempt::Held(lease) => lease,
        LeaseAttempt::Taken { holder, .. } => panic!("held by {holder}"),
    }
}

async fn holder(bucket: &Bucket) -> Option<String> {
    match bucket.lease("leader", "asking", TTL).await.expect("the bucket works") {
        LeaseAttempt::Held(_) => None,
        LeaseAttempt::Taken { holder, .. } => Some(holder),
    }
}

#[tokio::test]
async fn a_lease_is_kept_by_renewal_and_free_once_released() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = leases(&bus).await;
    let ours = take(&bucket, "ours").await;
    let start = Instant::now();
    while start.elapsed() < TTL * 2 {
        assert_eq!(holder(&bucket).await.as_deref(), Some("ours"));
        assert!(ours.is_held());
        tokio::time::sleep(TTL / 10).await;
    }
    let epoch = ours.epoch();
    ours.release().await.expect("released");
    let theirs = take(&bucket, "theirs").await;
    assert!(theirs.epoch() > epoch, "a later holder has a larger epoch");
}

/// The bug of async-nats 0.51: a lease taken over after its key expired had no time to live any more.
#[tokio::test]
async fn a_lease_taken_over_expires_again_and_again() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = leases(&bus).await;
    let mut epoch = 0;
    for n in 0..3 {
        let holder_name = format!("h{n}");
        let waited = bucket.lease_when_free("leader", &holder_name, TTL);
        let lease = tokio::time::timeout(LIMIT, waited)
            .await
            .expect("the former one expired")
            .expect("taken");
        assert!(lease.epoch() > epoch);
        epoch = lease.epoch();
        // Dropped without release, like a crash: it stays taken until it expires.
        drop(lease);
        assert_eq!(holder(&bucket).await, Some(holder_name));
    }
}

#[tokio::test]
async fn of_many_contenders_one_wins() {
    let (nats, bus) = server_and_bus().await;
    leases(&bus).await;
    let mut attempts = Vec::new();
    for n in 0..8 {
        let bucket = leases(&connect(&nats.url()).await).await;
        attempts.push(tokio::spawn(async move {
            bucket.lease("leader", &format!("h{n}"), TTL).await
        }));
    }
    let mut held = Vec::new();
    for attempt in attempts {
        if let LeaseAttempt::Held(lease) = attempt.await.expect("no panic").expect("the bucket works") {
            held.push(lease);
        }
    }
    assert_eq!(held.len(), 1);
}

#[tokio::test]
async fn a_holder_that_is_cut_off_stops_believing_before_another_can_take_over() {
    let nats = NatsServer::start().await;
    let proxy = FaultProxy::start(nats.address()).await;
    let (cut_off, there) = (connect(&proxy.nats_url()).await, connect(&nats.url()).await);
    let (theirs, ours) = (leases(&there).await, leases(&cut_off).await);
    let lease = take(&ours, "ours").await;
    let successor = tokio::spawn(async move { theirs.lease_when_free("leader", "theirs", TTL).await });
    proxy.stall();
    tokio::time::timeout(LIMIT, lease.lost()).await.expect("it notices");
    assert!(!successor.is_finished(), "it stopped believing first");
    let successor = tokio::time::timeout(LIMIT, successor)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("taken");
    assert!(successor.epoch() > lease.epoch());
    proxy.heal();
    assert!(!lease.is_held(), "lost is lost");
}

#[tokio::test]
async fn a_lease_survives_a_restart_that_is_quick_enough() {
    let (mut nats, bus) = server_and_bus().await;
    let bucket = leases(&bus).await;
    let ttl = Duration::from_secs(20);
    let LeaseAttempt::Held(lease) = bucket.lease("leader", "ours", ttl).await.expect("the bucket works") else {
        panic!("nobody else is there");
    };
    nats.kill();
    nats.restart().await;
    let before = bucket.get("leader").await.expect("readable").expect("held").revision;
    eventually("a renewal after the restart", LIMIT, || async {
        let now = bucket.get("leader").await.expect("readable").expect("held").revision;
        if now > before {
            Ok(())
        } else {
            Err(format!("still revision {now}"))
        }
    })
    .await;
    assert!(lease.is_held());
}

#[tokio::test]
async fn a_bucket_without_expiry_is_refused() {
    let (_nats, bus) = server_and_bus().await;
    let bucket = bus.bucket(BucketConfig::new("plain")).await.expect("a bucket");
    assert!(!bucket.keys_may_expire());
    let refused = bucket.lease("leader", "ours", TTL).await;
    assert!(matches!(refused, Err(StateError::Refused { .. })), "{refused:?}");
}
