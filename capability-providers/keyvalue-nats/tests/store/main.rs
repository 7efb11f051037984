//! The key-value provider on a real nats-server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{BucketConfig, Bus, BusConfig};
use lattice_testkit::{NatsServer, eventually};
use provider_keyvalue_nats::NatsKeyValue;
use provider_sdk::capability::{CallContext, KeyValue, KvError};
use provider_sdk::testing::{binding, conformance, context};
use provider_sdk::{Health, LinkError, Provider as _, ShutdownReport};

const LIMIT: Duration = Duration::from_secs(60);

async fn connect(nats: &NatsServer) -> Bus {
    let config = BusConfig::new("test").server(nats.url()).patience(LIMIT);
    Bus::connect(config).await.expect("the server is up")
}

/// Links `actor` and returns its way to the store.
async fn link(
    provider: &NatsKeyValue,
    actor: &str,
    config: &[(&str, &str)],
) -> Result<(Arc<dyn KeyValue>, CallContext), LinkError> {
    let binding = binding(&format!("actor/{actor}"), "wasi:keyvalue", "provider/kv", config);
    let (id, mut ctx) = (binding.link.id.clone(), context(&binding));
    // Machines that run many tests at once are slow.
    ctx.deadline += LIMIT;
    provider.link(binding).await?;
    Ok((provider.keyvalue(&id).expect("it was linked"), ctx))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let nats = NatsServer::start().await;
    let provider = NatsKeyValue::new(connect(&nats).await);
    let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
    conformance::keyvalue(store, &ctx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_increments_at_once_all_count() {
    let nats = NatsServer::start().await;
    let provider = NatsKeyValue::new(connect(&nats).await);
    let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
    conformance::concurrent_increments(store, &ctx, 300, 5).await;
    assert_eq!(provider.shutdown(LIMIT).await, ShutdownReport::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_from_several_hosts_all_count() {
    let nats = NatsServer::start().await;
    let mut hosts = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let provider = NatsKeyValue::new(connect(&nats).await);
        hosts.spawn(async move {
            let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
            let adding = (0..100).map(|_| store.increment(&ctx, "default", "hits", 1));
            futures::future::try_join_all(adding)
                .await
                .expect("every increment succeeds")
        });
    }
    let mut sums: Vec<i64> = hosts.join_all().await.into_iter().flatten().collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_actors_store_is_an_ordinary_bucket() {
    let nats = NatsServer::start().await;
    let bus = connect(&nats).await;
    let provider = NatsKeyValue::new(bus.clone());
    let config = [("bucket", "shared"), ("buckets", "mine=shop_private"), ("history", "5")];
    let (store, ctx) = link(&provider, "shop", &config).await.unwrap();
    store
        .set(&ctx, "default", "users/7", Bytes::from_static(b"ann"))
        .await
        .unwrap();
    store.set(&ctx, "mine", "a b", Bytes::from_static(b"x")).await.unwrap();
    let bucket = bus.bucket(BucketConfig::new("shared")).await.unwrap();
    assert_eq!(bucket.get("users/7").await.unwrap().unwrap().value, "ann");
    let private = bus.bucket(BucketConfig::new("shop_private")).await.unwrap();
    assert_eq!(private.keys().await.unwrap(), ["a=20b"]);

    // What another program wrote and no actor could name is not listed.
    bucket.put("foreign=", Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(store.list_keys(&ctx, "default", None).await.unwrap().keys, ["users/7"]);

    // Two links to one bucket see the same.
    let (other, other_ctx) = link(&provider, "audit", &[("bucket", "shared")]).await.unwrap();
    assert_eq!(
        other.get(&other_ctx, "default", "users/7").await,
        Ok(Some(Bytes::from_static(b"ann")))
    );
    assert_eq!(other.get(&other_ctx, "mine", "a b").await, Err(KvError::AccessDenied));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_what_is_not_there_leaves_nothing_behind() {
    let nats = NatsServer::start().await;
    let bus = connect(&nats).await;
    let provider = NatsKeyValue::new(bus.clone());
    let (store, ctx) = link(&provider, "shop", &[("bucket", "b")]).await.unwrap();
    store.delete(&ctx, "default", "k").await.unwrap();
    let bucket = bus.bucket(BucketConfig::new("b")).await.unwrap();
    assert_eq!(bucket.last("k").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_in_words() {
    let nats = NatsServer::start().await;
    let bus = connect(&nats).await;
    let max = bus.max_payload();
    let provider = NatsKeyValue::new(bus);
    let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
    let Err(KvError::Other(why)) = store.set(&ctx, "default", "k", Bytes::from(vec![0; max + 1])).await else {
        panic!("it is too large");
    };
    assert!(why.contains("larger than"), "{why}");
    store
        .set(&ctx, "default", "k", Bytes::from(vec![0; max - 1024]))
        .await
        .expect("this fits");
    assert_eq!(
        store.get(&ctx, "default", "k").await.unwrap().unwrap().len(),
        max - 1024
    );
    assert!(matches!(
        store.get(&ctx, "default", &"é".repeat(2000)).await,
        Err(KvError::Other(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_comes_back() {
    let mut nats = NatsServer::start().await;
    let provider = NatsKeyValue::new(connect(&nats).await);
    let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
    store
        .set(&ctx, "default", "k", Bytes::from_static(b"kept"))
        .await
        .unwrap();
    nats.kill();
    eventually("the loss to be noticed", LIMIT, || async {
        matches!(provider.health().await, Health::Degraded(_)).then_some(())
    })
    .await;
    let mut soon = ctx.clone();
    soon.deadline = std::time::Instant::now() + Duration::from_millis(200);
    assert!(
        matches!(store.get(&soon, "default", "k").await, Err(KvError::Other(_))),
        "it does not hang"
    );
    nats.restart().await;
    let value = eventually("the store to answer", LIMIT, || store.get(&ctx, "default", "k")).await;
    assert_eq!(value, Some(Bytes::from_static(b"kept")));
    assert_eq!(provider.health().await, Health::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_checked() {
    let nats = NatsServer::start().await;
    let provider = NatsKeyValue::new(connect(&nats).await);
    let refused = |outcome: Result<_, LinkError>| outcome.map(drop).expect_err("is refused");
    let error = refused(link(&provider, "shop", &[("bucket", "lat_test_links"), ("bukets", "x")]).await);
    assert!(
        matches!(&error, LinkError::Config(mistakes) if mistakes.len() == 2),
        "{error}"
    );
    let other = binding("actor/shop", "wasi:http/outgoing-handler", "provider/kv", &[]);
    assert!(matches!(provider.link(other).await, Err(LinkError::Interface { .. })));
    let known = binding("actor/shop", "wasi:keyvalue/store", "provider/kv", &[]);
    provider.link(known.clone()).await.unwrap();
    provider.unlink(&known.link.id).await.unwrap();
    assert!(provider.keyvalue(&known.link.id).is_none());
}
