//! Several servers, and servers behind servers.

use lattice_bus::{BucketConfig, BucketEvent, Bus, BusConfig, Headers, Operation};
use lattice_testkit::{Cluster, FaultProxy, NatsServer, eventually};

use crate::{LIMIT, config, echo};

#[tokio::test]
async fn a_cluster_keeps_three_copies_and_goes_on_when_a_member_dies() {
    let mut cluster = Cluster::start(3).await;
    let bus = Bus::connect(BusConfig::new("test").servers(cluster.urls()))
        .await
        .expect("connected");
    let bucket = bus.bucket(BucketConfig::new("b")).await.expect("a bucket");
    assert_eq!(bucket.replicas(), 3);
    let _echo = echo(&bus, "echo").await;
    let mut watch = bucket.watch_all();
    bucket.put("k", "1".into()).await.expect("written");

    let leader = cluster.leader_of("KV_b").await;
    cluster.members[leader].kill();
    eventually("a write with two of three", LIMIT * 2, || async {
        bucket.put("k", "2".into()).await.map_err(|err| format!("{err:?}"))
    })
    .await;
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
    bus.request("echo", Headers::new(), "x".into(), LIMIT)
        .await
        .expect("an answer");
    loop {
        let event = tokio::time::timeout(LIMIT * 2, watch.recv())
            .await
            .expect("told in time")
            .expect("open");
        if matches!(event, BucketEvent::Entry(entry) if entry.value.as_ref() == b"2") {
            break;
        }
    }
    cluster.members[leader].restart().await;
    cluster.ready().await;
    bucket.put("k", "3".into()).await.expect("written");
}

#[tokio::test]
async fn a_leaf_reads_and_watches_the_hubs_domain_over_a_link_that_fails() {
    let hub = NatsServer::builder()
        .name("hub")
        .domain("hub")
        .accept_leafs()
        .start()
        .await;
    let link = FaultProxy::start(hub.leaf_url().trim_start_matches("nats-leaf://").to_owned()).await;
    let leaf = NatsServer::builder()
        .name("leaf")
        .domain("leaf")
        .leaf_of(&format!("nats-leaf://{}", link.address()))
        .start()
        .await;
    let at_hub = Bus::connect(config(&hub.url())).await.expect("connected");
    let mut at_leaf = config(&leaf.url());
    at_leaf.jetstream_domain = Some("hub".into());
    let at_leaf = Bus::connect(at_leaf).await.expect("connected");

    let theirs = at_hub.bucket(BucketConfig::new("b")).await.expect("a bucket");
    let ours = eventually("the hub's bucket to be reachable", LIMIT, || async {
        at_leaf
            .bucket(BucketConfig::new("b"))
            .await
            .map_err(|err| format!("{err:?}"))
    })
    .await;
    let mut watch = ours.watch_all();
    ours.put("from.leaf", "1".into())
        .await
        .expect("written through the domain");
    assert_eq!(
        theirs
            .get("from.leaf")
            .await
            .expect("readable")
            .expect("a value")
            .value
            .as_ref(),
        b"1"
    );

    let mut next = async || loop {
        let event = tokio::time::timeout(LIMIT * 2, watch.recv())
            .await
            .expect("told in time")
            .expect("open");
        if let BucketEvent::Entry(entry) = event {
            return (entry.key, entry.operation);
        }
    };
    assert_eq!(next().await, ("from.leaf".into(), Operation::Put));

    link.cut();
    theirs.put("while.cut", "2".into()).await.expect("the hub goes on");
    theirs.delete("from.leaf", None).await.expect("the hub goes on");
    link.heal();
    let mut seen = [next().await, next().await];
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        seen,
        [
            ("from.leaf".into(), Operation::Delete),
            ("while.cut".into(), Operation::Put)
        ]
    );
}
