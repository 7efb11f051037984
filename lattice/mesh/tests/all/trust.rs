//! Trust that changes while everything runs.

use std::time::Duration;

use lattice_core::FaultKind;
use lattice_core::trust::Issuer;
use lattice_mesh::Body;
use lattice_testkit::eventually;
use nkeys::KeyPair;

use crate::world::{Echo, LIMIT, PingPong, claims};

#[tokio::test]
async fn a_revoked_issuer_takes_its_links_with_it() {
    let mut lattice = PingPong::start(Echo).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    // Members keep their tokens: those were issued by the same key, so that a second one takes over first.
    let successor = KeyPair::new_account();
    let link = lattice.link.clone();
    lattice
        .world
        .publish_bundle(|bundle| {
            bundle
                .issuers
                .push(Issuer::unlimited(successor.public_key().parse().expect("an issuer")));
            bundle.minimum_generations.insert(link, 2);
        })
        .await;
    for host in [&lattice.a, &lattice.b] {
        eventually("the link to end", LIMIT, || async {
            host.member.links().current().get(&lattice.link).is_none().then_some(())
        })
        .await;
    }
    assert_eq!(
        lattice.invoke(Body::Empty).await.expect_err("revoked").kind,
        FaultKind::Denied
    );
    // A later generation by the successor is fine, at once.
    let mut again = claims("actor/ping", "actor/pong");
    again.generation = 2;
    let token = again
        .sign(&successor, &lattice.world.lattice, lattice.world.day())
        .expect("signed");
    lattice.world.put_link(&lattice.link, token).await;
    lattice.a.knows(&lattice.link).await;
    lattice.b.knows(&lattice.link).await;
    lattice.invoke(Body::Empty).await.expect("answered");
}

#[tokio::test]
async fn a_link_refused_for_its_issuer_is_taken_once_the_issuer_is_trusted() {
    let mut lattice = PingPong::start(Echo).await;
    let newcomer = KeyPair::new_account();
    let mut claims = claims("actor/other", "actor/pong");
    claims.generation = 1;
    let token = claims
        .sign(&newcomer, &lattice.world.lattice, lattice.world.day())
        .expect("signed");
    let link = lattice.world.put_link(&claims.id(&lattice.world.lattice), token).await;
    eventually("the refusal", LIMIT, || async {
        (!lattice.a.member.links().refusals().is_empty()).then_some(())
    })
    .await;
    lattice
        .world
        .publish_bundle(|bundle| {
            bundle
                .issuers
                .push(Issuer::unlimited(newcomer.public_key().parse().expect("an issuer")));
        })
        .await;
    lattice.a.knows(&link).await;
    assert!(lattice.a.member.links().refusals().is_empty());
}

#[tokio::test]
async fn a_revoked_member_is_out() {
    let mut lattice = PingPong::start(Echo).await;
    lattice.invoke(Body::Empty).await.expect("answered");
    let (a, now) = (lattice.a.id().to_string(), lattice.world.now());
    lattice
        .world
        .publish_bundle(|bundle| {
            bundle.revoked_before.insert(a, now.after(Duration::from_secs(5)));
        })
        .await;
    eventually("a to be out", LIMIT, || async {
        lattice.b.member.directory().get(lattice.a.id()).is_none().then_some(())
    })
    .await;
    // Its session is gone, and it gets no other.
    eventually("a call to be denied", LIMIT, || async {
        match lattice.invoke(Body::Empty).await {
            Err(fault) if fault.kind == FaultKind::Denied => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn an_older_bundle_never_returns() {
    let mut lattice = PingPong::start(Echo).await;
    let old = lattice.world.signed_bundle();
    lattice.world.publish_bundle(|_| ()).await;
    let serial = |host: &crate::world::Host| host.member.trust().current().serial();
    eventually("serial 2", LIMIT, || async {
        (serial(&lattice.b) == Some(2)).then_some(())
    })
    .await;
    let PingPong { world, b, .. } = lattice;
    b.member.leave(Duration::from_secs(1)).await;
    // The bucket is rolled back, and so is the file for the first boot.
    let bucket = world
        .bus("attacker")
        .await
        .bucket(lattice_mesh::buckets::trust(&world.lattice))
        .await
        .expect("the bucket");
    bucket.put("bundle", old.clone().into()).await.expect("stored");
    let mut config = world.config("b", &b.identity);
    config.bundle = Some(old);
    let member = lattice_mesh::Member::join(config, world.bus("b").await)
        .await
        .expect("joined");
    member.links().caught_up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(member.trust().current().serial(), Some(2));
}
