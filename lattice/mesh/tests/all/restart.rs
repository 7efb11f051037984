//! What survives the end of a process.

use std::time::Duration;

use lattice_core::{ConfigMap, LinkId};
use lattice_mesh::{Body, JoinError, Member, buckets};
use lattice_testkit::{NatsServer, eventually};

use crate::world::{Echo, Host, LIMIT, PingPong, World, claims};

async fn again(world: &World, host: Host, name: &str) -> Host {
    host.member.leave(Duration::from_secs(1)).await;
    drop(host.member);
    world.host_with(name, host.identity, world.bus(name).await).await
}

fn generation(host: &Host, link: &LinkId) -> Option<u64> {
    host.member.links().current().get(link).map(|link| link.generation)
}

#[tokio::test]
async fn a_restarted_member_refuses_an_older_generation() {
    let world = World::start().await;
    let host = world.host("a").await;
    let mut claims = claims("actor/ping", "actor/pong");
    let old = claims.sign(&world.issuer, &world.lattice, world.day()).expect("signed");
    claims.generation = 7;
    let link = world.link(&claims).await;
    host.knows(&link).await;
    // The bucket is rolled back while the member is down.
    host.member.leave(Duration::from_secs(1)).await;
    world.put_link(&link, old).await;
    let host = world.host_with("a", host.identity, world.bus("a").await).await;
    host.member.links().caught_up().await;
    assert_eq!(generation(&host, &link), Some(7));
    let refusals = host.member.links().refusals();
    assert!(
        refusals
            .iter()
            .any(|(_, rejected)| rejected.refusal.code() == "older-generation"),
        "{refusals:?}"
    );
}

#[tokio::test]
async fn a_restarted_member_remembers_a_tombstone() {
    let world = World::start().await;
    let host = world.host("a").await;
    let claims = claims("actor/ping", "actor/pong");
    let link = world.link(&claims).await;
    host.knows(&link).await;
    world.unlink(&link, 3).await;
    eventually("the end", LIMIT, || async {
        (host.member.links().generation(&link) == Some(3)).then_some(())
    })
    .await;
    let host = again(&world, host, "a").await;
    world.link(&claims).await;
    host.member.links().caught_up().await;
    eventually("the refusal", LIMIT, || async {
        (!host.member.links().refusals().is_empty()).then_some(())
    })
    .await;
    assert_eq!(generation(&host, &link), None);
}

#[tokio::test]
async fn a_member_starts_with_its_links_when_jetstream_is_away() {
    let mut world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let config = ConfigMap::from_iter([("bucket", "carts")]);
    let bucket = world
        .bus("issuer")
        .await
        .bucket(buckets::config(&world.lattice))
        .await
        .expect("the bucket");
    bucket
        .put(&config.digest().hex(), config.encode().into())
        .await
        .expect("stored");
    let mut claims = claims("actor/ping", "actor/pong");
    claims.config_digest = Some(config.digest());
    let link = world.link(&claims).await;
    for host in [&a, &b] {
        host.knows(&link).await;
        let file = host.identity.dir.path().join("config").join(config.digest().hex());
        eventually("the configuration on disk", LIMIT, || async {
            file.exists().then_some(())
        })
        .await;
        host.member.leave(Duration::from_secs(1)).await;
    }
    // A server that knows nothing of what was.
    world.nats = NatsServer::builder().without_jetstream().start().await;
    let a = world.host_with("a", a.identity, world.bus("a").await).await;
    let b = world.host_with("b", b.identity, world.bus("b").await).await;
    assert_eq!((generation(&a, &link), generation(&b, &link)), (Some(1), Some(1)));
    assert_eq!(
        *b.member
            .links()
            .configs()
            .get(&config.digest())
            .await
            .expect("from disk"),
        config
    );
    b.serve(Echo);
    a.runs(&["ping"]).await;
    b.runs(&["pong"]).await;
    a.sees(&b, "actor/pong").await;
    let call = a.call(&link, "actor/ping", "actor/pong", Body::Empty);
    a.member.invoke(call, b.id()).await.expect("answered");
}

#[tokio::test]
async fn damaged_files_stop_a_start_instead_of_being_forgotten() {
    let world = World::start().await;
    let host = world.host("a").await;
    let link = world.link(&claims("actor/ping", "actor/pong")).await;
    host.knows(&link).await;
    host.member.leave(Duration::from_secs(1)).await;
    let file = host.identity.dir.path().join("links.json");
    eventually("the file", LIMIT, || async { file.exists().then_some(()) }).await;
    std::fs::write(&file, b"{").expect("written");
    let refused = Member::join(world.config("a", &host.identity), world.bus("a").await).await;
    assert!(matches!(refused, Err(JoinError::State(_))));
}

#[tokio::test]
async fn nothing_runs_on_after_leaving() {
    let lattice = PingPong::start(Echo).await;
    let weak = std::sync::Arc::downgrade(lattice.b.member.links());
    let PingPong { b, a, world, .. } = lattice;
    b.member.leave(Duration::from_secs(1)).await;
    drop(b);
    eventually("every task to be gone", LIMIT, || async {
        weak.upgrade().is_none().then_some(())
    })
    .await;
    drop((a, world));
}
