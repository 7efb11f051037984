//! The provider in the process of the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_testkit::{FaultProxy, Redis, eventually};
use provider_keyvalue_redis::{RedisConfig, RedisKeyValue};
use provider_sdk::capability::{CallContext, KeyValue, KvError};
use provider_sdk::testing::{binding, conformance, context};
use provider_sdk::{Health, LinkError, Provider as _};

const LIMIT: Duration = Duration::from_secs(60);

fn provider(url: &str) -> Arc<RedisKeyValue> {
    let config = BTreeMap::from([("url".to_owned(), url.to_owned())]);
    RedisKeyValue::new(RedisConfig::read(&config).expect("is right"))
}

/// Links `actor` and returns its way to the store.
async fn link(
    provider: &RedisKeyValue,
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
    let redis = Redis::start().await;
    let (store, ctx) = link(&provider(&redis.url()), "shop", &[]).await.unwrap();
    conformance::keyvalue(store, &ctx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_increments_at_once_all_count() {
    let redis = Redis::start().await;
    let (store, ctx) = link(&provider(&redis.url()), "shop", &[]).await.unwrap();
    conformance::concurrent_increments(store, &ctx, 300, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_prefixes_and_keep_to_themselves() {
    let redis = Redis::start().await;
    let provider = provider(&redis.url());
    let (shop, ctx) = link(&provider, "shop", &[("buckets", "a=x,b=x*,c=x?")]).await.unwrap();
    for bucket in ["a", "b", "c"] {
        shop.set(&ctx, bucket, "k", Bytes::from(bucket)).await.unwrap();
    }
    for bucket in ["a", "b", "c"] {
        assert_eq!(shop.list_keys(&ctx, bucket, None).await.unwrap().keys, ["k"]);
        assert_eq!(shop.get(&ctx, bucket, "k").await, Ok(Some(Bytes::from(bucket))));
    }
    let (other, other_ctx) = link(&provider, "other", &[]).await.unwrap();
    assert_eq!(other.get(&other_ctx, "default", "k").await, Ok(None));
    let (raw, raw_ctx) = link(&provider, "raw", &[("bucket", "test")]).await.unwrap();
    other
        .set(&other_ctx, "default", "k", Bytes::from_static(b"own"))
        .await
        .unwrap();
    assert_eq!(
        raw.get(&raw_ctx, "default", "other:k").await,
        Ok(Some(Bytes::from_static(b"own")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_comes_back() {
    let mut redis = Redis::start().await;
    let provider = provider(&redis.url());
    let (store, ctx) = link(&provider, "shop", &[]).await.unwrap();
    store.set(&ctx, "default", "k", Bytes::from_static(b"x")).await.unwrap();
    redis.kill();
    let mut soon = ctx.clone();
    soon.deadline = std::time::Instant::now() + Duration::from_secs(2);
    assert!(
        matches!(
            store.set(&soon, "default", "k", Bytes::new()).await,
            Err(KvError::Other(_))
        ),
        "it does not hang"
    );
    assert!(matches!(provider.health().await, Health::Degraded(_)));
    redis.restart().await;
    eventually("the store to answer", LIMIT, || {
        store.set(&ctx, "default", "k", Bytes::from_static(b"y"))
    })
    .await;
    assert_eq!(
        store.get(&ctx, "default", "k").await,
        Ok(Some(Bytes::from_static(b"y")))
    );
    assert_eq!(provider.health().await, Health::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_live_through_a_connection_that_breaks() {
    let redis = Redis::start().await;
    let proxy = FaultProxy::start(&redis.address()).await;
    let (store, ctx) = link(&provider(&format!("redis://{}", proxy.address())), "shop", &[])
        .await
        .unwrap();
    store.set(&ctx, "default", "k", Bytes::from_static(b"x")).await.unwrap();
    for _ in 0..5 {
        proxy.cut();
        proxy.heal();
        assert_eq!(
            store.get(&ctx, "default", "k").await,
            Ok(Some(Bytes::from_static(b"x")))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_not_waited_for() {
    let redis = Redis::start().await;
    let proxy = FaultProxy::start(&redis.address()).await;
    let (store, mut ctx) = link(&provider(&format!("redis://{}", proxy.address())), "shop", &[])
        .await
        .unwrap();
    store.set(&ctx, "default", "k", Bytes::from_static(b"x")).await.unwrap();
    proxy.stall();
    ctx.deadline = std::time::Instant::now() + Duration::from_millis(300);
    let Err(KvError::Other(why)) = store.get(&ctx, "default", "k").await else {
        panic!("nothing can come back")
    };
    assert!(why.contains("in time"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_no_reason_not_to_link() {
    let port = lattice_testkit::free_port();
    let provider = provider(&format!("redis://127.0.0.1:{port}"));
    let (store, mut ctx) = link(&provider, "shop", &[]).await.unwrap();
    ctx.deadline = std::time::Instant::now() + Duration::from_secs(1);
    assert!(store.get(&ctx, "default", "k").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_checked() {
    let provider = provider("redis://127.0.0.1:1");
    let error = link(
        &provider,
        "shop",
        &[("url", "http://x"), ("bucket", "a b"), ("prefix", "x")],
    )
    .await
    .map(drop)
    .unwrap_err();
    assert!(
        matches!(&error, LinkError::Config(mistakes) if mistakes.len() == 3),
        "{error}"
    );
    let other = binding("actor/shop", "wasi:http/outgoing-handler", "provider/kv", &[]);
    assert!(matches!(provider.link(other).await, Err(LinkError::Interface { .. })));
    let (_, ctx) = link(&provider, "shop", &[]).await.unwrap();
    provider.unlink(&ctx.link).await.unwrap();
    assert!(provider.keyvalue(&ctx.link).is_none());
}
