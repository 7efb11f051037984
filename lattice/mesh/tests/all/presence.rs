//! Who is there.

use std::time::Duration;

use lattice_bus::Headers;
use lattice_core::presence::MemberState;
use lattice_core::subject;
use lattice_mesh::{DirectoryChange, JoinError, Member};
use lattice_testkit::eventually;
use nkeys::KeyPair;

use crate::world::{LIMIT, World, party};

#[tokio::test]
async fn a_newcomer_knows_everybody_when_it_has_joined() {
    let world = World::start().await;
    let mut hosts = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let host = world.host(name).await;
        host.runs(&[name, "everywhere"]).await;
        hosts.push(host);
    }
    let newcomer = Member::join(world.config("e", &world.identity()), world.bus("e").await)
        .await
        .expect("joined");
    let known = newcomer.directory();
    assert_eq!(known.hosts().len(), 5);
    assert_eq!(known.running(&party("actor/everywhere")).len(), 4);
    assert_eq!(
        known
            .running(&party("actor/c"))
            .first()
            .map(|member| member.presence.name.clone()),
        Some("c".to_owned())
    );
    // And everybody knows the newcomer, sooner than its first heartbeat.
    for host in &hosts {
        eventually("the newcomer", Duration::from_millis(400), || async {
            host.member.directory().get(newcomer.id())
        })
        .await;
    }
}

#[tokio::test]
async fn a_change_is_told_at_once() {
    let world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let mut changes = a.member.directory().changes();
    b.runs(&["pong"]).await;
    let change = tokio::time::timeout(Duration::from_millis(400), async {
        loop {
            match changes.recv().await.expect("changes") {
                DirectoryChange::Changed(member) if member.runs(&party("actor/pong")) => return member,
                _ => {}
            }
        }
    })
    .await
    .expect("before the next heartbeat");
    assert_eq!(change.id(), b.id());
}

#[tokio::test]
async fn a_member_that_leaves_is_gone_at_once() {
    let world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let mut changes = a.member.directory().changes();
    b.member.leave(Duration::from_secs(1)).await;
    let left = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            if let DirectoryChange::Left(member) = changes.recv().await.expect("changes") {
                return member;
            }
        }
    });
    assert_eq!(left.await.expect("in time").id(), b.id());
    assert!(a.member.directory().get(b.id()).is_none());
}

#[tokio::test]
async fn nobody_speaks_for_another() {
    let world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let attacker = world.bus("attacker").await;
    let mut tap = attacker
        .subscribe(subject::presence_wildcard(&world.lattice), None, 100)
        .await
        .expect("subscribed");
    attacker.round_trip(LIMIT).await.expect("subscribed");
    b.runs(&["pong"]).await;
    let recorded = loop {
        let message = tap.recv().await.expect("a heartbeat");
        if message.subject.contains(b.id().as_str()) {
            break message;
        }
    };
    // Take the actor away, then repeat the old word.
    b.runs(&[]).await;
    eventually("the change", LIMIT, || async {
        (!a.member.directory().is_running(&party("actor/pong"))).then_some(())
    })
    .await;
    // Its own words with another's key.
    let mallory = KeyPair::new_server();
    let mut forged = b.member.directory().get(b.id()).expect("itself").presence.clone();
    forged.member = mallory.public_key().parse().expect("a host key");
    forged.seq += 100;
    forged.actors = a.member.directory().get(b.id()).expect("known").presence.actors.clone();
    let forged = forged.seal(&mallory).expect("sealed");
    for _ in 0..20 {
        attacker
            .publish(recorded.subject.clone(), Headers::new(), recorded.payload.clone())
            .await
            .expect("published");
        attacker
            .publish(recorded.subject.clone(), Headers::new(), forged.clone().into())
            .await
            .expect("published");
        attacker
            .publish(recorded.subject.clone(), Headers::new(), "rubbish".into())
            .await
            .expect("published");
    }
    attacker.round_trip(LIMIT).await.expect("sent");
    // A later true word shows that the others were looked at.
    b.runs(&["last"]).await;
    eventually("the last word", LIMIT, || async {
        a.member.directory().is_running(&party("actor/last")).then_some(())
    })
    .await;
    assert!(!a.member.directory().is_running(&party("actor/pong")));
    assert_eq!(a.member.directory().members().len(), 2);
}

#[tokio::test]
async fn a_provider_is_what_its_token_says_and_no_more() {
    let world = World::start().await;
    let a = world.host("a").await;
    let provider = world.provider("kv").await;
    let provides = |name: &'static str| provider.provides(name);
    provides("kv").await;
    eventually("the provider", LIMIT, || async {
        a.member.directory().is_running(&party("provider/kv")).then_some(())
    })
    .await;
    provides("http").await;
    provider
        .member
        .announce(|presence| presence.state = MemberState::Draining)
        .await;
    provides("kv").await;
    eventually("a later true word", LIMIT, || async {
        a.member
            .directory()
            .get(provider.id())
            .filter(|member| member.presence.state == MemberState::Draining)
    })
    .await;
    assert!(!a.member.directory().is_running(&party("provider/http")));
    assert_eq!(a.member.directory().hosts().len(), 1);
}

#[tokio::test]
async fn a_stranger_does_not_join() {
    let world = World::start().await;
    let bus = world.bus("stranger").await;
    let mut identity = world.identity();
    identity.token = world.identity().token;
    let other_key = Member::join(world.config("x", &identity), bus.clone()).await;
    assert!(matches!(other_key, Err(JoinError::OtherKey { .. })));

    let mut config = world.config("x", &world.identity());
    config.bundle = None;
    assert!(matches!(
        Member::join(config, bus.clone()).await,
        Err(JoinError::NoTrust)
    ));

    // The lattice's own will do, if an operator it trusts signed it.
    let mut world = world;
    world.publish_bundle(|_| ()).await;
    let mut config = world.config("x", &world.identity());
    config.bundle = None;
    let member = Member::join(config, bus.clone())
        .await
        .expect("the lattice has a bundle");
    assert_eq!(member.trust().current().serial(), Some(world.bundle.serial));
    member.leave(LIMIT).await;

    let mut config = world.config("x", &world.identity());
    config.bundle = None;
    config.trusted_operators = vec![KeyPair::new_operator().public_key().parse().expect("an operator")];
    assert!(matches!(
        Member::join(config, bus.clone()).await,
        Err(JoinError::Bundle(_))
    ));

    let mut config = world.config("x", &world.identity());
    config.trusted_operators = vec![KeyPair::new_operator().public_key().parse().expect("an operator")];
    assert!(matches!(
        Member::join(config, bus.clone()).await,
        Err(JoinError::Bundle(_))
    ));

    let other_world = World::start().await;
    let mut config = world.config("x", &world.identity());
    config.token = other_world.identity().token;
    assert!(matches!(Member::join(config, bus).await, Err(JoinError::Token(_))));
}
