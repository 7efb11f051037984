//! Links as they come over the bucket: the good, the bad, and the gone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, stream};
use lattice_bus::Headers;
use lattice_core::token::Validity;
use lattice_core::{ConfigMap, Fault, FaultKind, LinkId, UnixSeconds};
use lattice_mesh::{Body, LinkChange, Reply, buckets};
use lattice_testkit::eventually;
use nkeys::KeyPair;

use crate::world::{Echo, Host, LIMIT, PingPong, Run, World, claims};

async fn refused(host: &Host, link: &LinkId, code: &str) {
    let key = link.link_key();
    eventually("the refusal", LIMIT, || async {
        let refusals = host.member.links().refusals();
        let found = refusals.into_iter().find(|(refused, _)| *refused == key);
        match found {
            Some((_, rejected)) if rejected.refusal.code() == code => Ok(()),
            Some((_, rejected)) => Err(format!("refused as {}", rejected.refusal.code())),
            None => Err("not refused".to_owned()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_link_is_refused_by_everybody_and_the_good_one_stays() {
    let lattice = PingPong::start(Echo).await;
    let PingPong { world, a, b, link } = &lattice;
    let events = world.bus("watcher").await;
    let mut events = events
        .subscribe("lat.test.evt.*.link-refused", None, 100)
        .await
        .expect("subscribed");
    let mut second = claims("actor/ping", "actor/pong");
    second.generation = 5;
    world.link(&second).await;
    for host in [a, b] {
        eventually("generation 5", LIMIT, || async {
            (host.member.links().generation(link) == Some(5)).then_some(())
        })
        .await;
    }

    let later = |generation| {
        let mut claims = second.clone();
        claims.generation = generation;
        claims
    };
    let sign = |claims: &lattice_core::LinkClaims, key: &KeyPair, validity| {
        claims.sign(key, &world.lattice, validity).expect("signed")
    };
    let past = Validity {
        issued_at: UnixSeconds::new(1000),
        not_before: None,
        expires_at: UnixSeconds::new(2000),
    };
    let good = sign(&later(9), &world.issuer, world.day());
    let (front, _) = good.rsplit_once('.').expect("three parts");
    let other = sign(&later(8), &world.issuer, world.day());
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    let tampered = format!("{front}.{signature}");
    let elsewhere = later(9)
        .sign(&world.issuer, &"other".parse().expect("a lattice"), world.day())
        .expect("signed");
    let unlinked_elsewhere = claims("actor/other", "actor/pong")
        .sign(&world.issuer, &world.lattice, world.day())
        .expect("signed");
    for (token, code) in [
        (tampered, "bad-signature"),
        (sign(&later(9), &world.issuer, past), "expired"),
        (elsewhere, "wrong-audience"),
        (sign(&later(9), &KeyPair::new_account(), world.day()), "unknown-issuer"),
        (sign(&later(4), &world.issuer, world.day()), "older-generation"),
        (unlinked_elsewhere, "key-mismatch"),
        ("rubbish".to_owned(), "malformed"),
    ] {
        world.put_link(link, token).await;
        for host in [a, b] {
            refused(host, link, code).await;
            assert_eq!(
                host.member.links().current().get(link).map(|link| link.generation),
                Some(5),
                "{code}"
            );
        }
        for _ in [a, b] {
            let event = tokio::time::timeout(LIMIT, events.recv())
                .await
                .expect("in time")
                .expect("an event");
            let event: serde_json::Value = serde_json::from_slice(&event.payload).expect("JSON");
            assert_eq!(
                (event["specversion"].as_str(), event["data"]["code"].as_str()),
                (Some("1.0"), Some(code)),
                "{event}"
            );
        }
    }
    lattice.invoke(Body::Empty).await.expect("the good link is in force");
}

#[tokio::test]
async fn a_signed_unlink_takes_effect_within_a_second() {
    let lattice = PingPong::start(Echo).await;
    let mut changes = lattice.b.member.links().changes();
    let bucket = lattice.world.links_bucket().await;
    let token = lattice_core::UnlinkClaims { generation: 2 }
        .sign(&lattice.world.issuer, &lattice.link, lattice.world.day())
        .expect("signed");
    let start = Instant::now();
    bucket
        .put(&lattice.link.link_key(), token.into())
        .await
        .expect("stored");
    let change = tokio::time::timeout(LIMIT, changes.recv())
        .await
        .expect("in time")
        .expect("a change");
    assert!(matches!(change, LinkChange::Unlinked(link, _) if link == lattice.link));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    eventually("a to know", Duration::from_secs(1), || async {
        lattice
            .a
            .member
            .links()
            .current()
            .get(&lattice.link)
            .is_none()
            .then_some(())
    })
    .await;
    assert_eq!(
        lattice.invoke(Body::Empty).await.expect_err("unlinked").kind,
        FaultKind::Denied
    );
    // It does not come back, not even as it was.
    lattice.world.link(&claims("actor/ping", "actor/pong")).await;
    refused(&lattice.b, &lattice.link, "older-generation").await;
}

#[tokio::test]
async fn an_unlink_ends_calls_and_streams_under_way() {
    let lattice = PingPong::start(Run(|_| async {
        let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 64 * 1024])));
        Ok(Reply {
            head: Bytes::new(),
            body: Body::stream(endless),
        })
    }))
    .await;
    let reply = lattice.invoke(Body::Empty).await.expect("answered");
    let mut body = reply.body.into_stream();
    body.next().await.expect("a chunk").expect("whole");
    lattice.world.unlink(&lattice.link, 2).await;
    let fault = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Err(fault) = body.next().await.expect("no end without a reason") {
                return fault;
            }
        }
    });
    assert_eq!(fault.await.expect("at once").kind, FaultKind::Denied);
    eventually("the call to end", LIMIT, || async {
        (lattice.b.member.in_flight() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_decides_by_its_own_table() {
    let lattice = PingPong::start(Echo).await;
    // The callee has heard of the end, the caller has not: as when the caller is cut off from the bucket.
    let token = lattice_core::UnlinkClaims { generation: 2 }
        .sign(&lattice.world.issuer, &lattice.link, lattice.world.day())
        .expect("signed");
    lattice.world.put_link(&lattice.link, token).await;
    eventually("b to know", LIMIT, || async {
        lattice
            .b
            .member
            .links()
            .current()
            .get(&lattice.link)
            .is_none()
            .then_some(())
    })
    .await;
    let fault: Fault = lattice.invoke(Body::Empty).await.expect_err("unlinked");
    assert_eq!(fault.kind, FaultKind::Denied);
}

#[tokio::test]
async fn a_bare_deletion_changes_nothing() {
    let lattice = PingPong::start(Echo).await;
    let watcher = lattice.world.bus("watcher").await;
    let mut events = watcher
        .subscribe("lat.test.evt.*.link-deletion-ignored", None, 100)
        .await
        .expect("subscribed");
    watcher.round_trip(LIMIT).await.expect("subscribed");
    let bucket = lattice.world.links_bucket().await;
    bucket.delete(&lattice.link.link_key(), None).await.expect("deleted");
    for _ in 0..2 {
        tokio::time::timeout(LIMIT, events.recv())
            .await
            .expect("in time")
            .expect("an alarm");
    }
    lattice.invoke(Body::Empty).await.expect("still linked");
    bucket.purge(&lattice.link.link_key()).await.expect("purged");
    let stream = "$JS.API.STREAM.DELETE.KV_lat_test_links";
    let gone = watcher
        .request(stream, Headers::new(), "".into(), LIMIT)
        .await
        .expect("answered");
    assert!(String::from_utf8_lossy(&gone.payload).contains("\"success\":true"));
    lattice.invoke(Body::Empty).await.expect("still linked");
}

#[tokio::test]
async fn a_link_ends_when_its_time_is_over() {
    let lattice = PingPong::start(Echo).await;
    let now = lattice.world.now();
    let mut short = claims("actor/ping", "actor/pong");
    short.generation = 2;
    // Clocks get a minute of grace; this one has two seconds of it left.
    let expires_at = now.before(Duration::from_secs(58));
    let validity = Validity {
        issued_at: now.before(Duration::from_secs(100)),
        not_before: None,
        expires_at,
    };
    let token = short
        .sign(&lattice.world.issuer, &lattice.world.lattice, validity)
        .expect("signed");
    lattice.world.put_link(&lattice.link, token).await;
    eventually("generation 2", LIMIT, || async {
        (lattice.b.member.links().generation(&lattice.link) == Some(2)).then_some(())
    })
    .await;
    eventually("the end", LIMIT, || async {
        lattice
            .b
            .member
            .links()
            .current()
            .get(&lattice.link)
            .is_none()
            .then_some(())
    })
    .await;
    refused(&lattice.b, &lattice.link, "expired").await;
}

#[tokio::test]
async fn the_configuration_is_the_one_that_was_signed() {
    let world = World::start().await;
    let host = world.host("a").await;
    let config = ConfigMap::from_iter([("bucket", "carts")]);
    let digest = config.digest();
    let bucket = world
        .bus("issuer")
        .await
        .bucket(buckets::config(&world.lattice))
        .await
        .expect("the bucket");
    bucket
        .put(&digest.hex(), b"{\"bucket\":\"others\"}".to_vec().into())
        .await
        .expect("stored");
    let mut claims = claims("actor/ping", "actor/pong");
    claims.config_digest = Some(digest);
    let link = world.link(&claims).await;
    host.knows(&link).await;
    let error = host
        .member
        .links()
        .configs()
        .get(&digest)
        .await
        .expect_err("another configuration");
    assert!(matches!(error, lattice_mesh::FetchConfigError::Wrong(_)), "{error}");
    bucket.put(&digest.hex(), config.encode().into()).await.expect("stored");
    let got = host.member.links().configs().get(&digest).await.expect("the right one");
    assert_eq!(*got, config);
    // Kept for when NATS is not there.
    let file = host.identity.dir.path().join("config").join(digest.hex());
    eventually("the file", LIMIT, || async {
        std::fs::read(&file).ok().filter(|body| *body == config.encode())
    })
    .await;
}
