//! The real servers start, answer, fail and come back.

use std::time::Duration;

use lattice_testkit::{Cluster, NatsServer, Redis, eventually};

const LIMIT: Duration = Duration::from_secs(20);

async fn connects(url: &str) -> Result<async_nats::Client, String> {
    async_nats::connect(url).await.map_err(|err| err.to_string())
}

#[tokio::test]
async fn a_server_keeps_its_port_and_store_over_a_kill() {
    let mut nats = NatsServer::start().await;
    let url = nats.url();
    let client = connects(&url).await.expect("the server listens");
    let bucket = || async_nats::jetstream::kv::Config {
        bucket: "b".into(),
        ..Default::default()
    };
    let store = async_nats::jetstream::new(client)
        .create_key_value(bucket())
        .await
        .expect("a bucket");
    store.put("k", "v".into()).await.expect("stored");
    nats.kill();
    assert!(connects(&url).await.is_err(), "a killed server does not answer");
    nats.restart().await;
    assert_eq!(nats.url(), url);
    let client = connects(&url).await.expect("the server listens");
    let store = async_nats::jetstream::new(client)
        .get_key_value("b")
        .await
        .expect("the bucket is still there");
    assert_eq!(store.get("k").await.expect("readable").as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn the_folder_goes_with_the_server() {
    let nats = NatsServer::start().await;
    let folder = nats.folder().to_owned();
    assert!(folder.join("nats.conf").exists());
    drop(nats);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_cluster_places_three_copies_and_a_leaf_reaches_it() {
    let cluster = Cluster::start(3).await;
    assert_eq!(cluster.urls().len(), 3);
    let hub = NatsServer::builder().name("hub").accept_leafs().start().await;
    let leaf = NatsServer::builder()
        .name("leaf")
        .domain("leaf")
        .leaf_of(&hub.leaf_url())
        .start()
        .await;
    let (at_hub, at_leaf) = (connects(&hub.url()).await, connects(&leaf.url()).await);
    let (at_hub, at_leaf) = (at_hub.expect("the hub listens"), at_leaf.expect("the leaf listens"));
    let mut questions = at_hub.subscribe("greet").await.expect("subscribed");
    let answerer = at_hub.clone();
    let answering = tokio::spawn(async move {
        use futures::StreamExt;
        while let Some(question) = questions.next().await {
            let reply = question.reply.expect("a request");
            answerer.publish(reply, "hello".into()).await.expect("published");
        }
    });
    let answer = eventually("an answer through the leaf", LIMIT, || async {
        at_leaf.request("greet", "".into()).await.map_err(|err| err.to_string())
    })
    .await;
    assert_eq!(answer.payload.as_ref(), b"hello");
    answering.abort();
}

#[tokio::test]
async fn redis_starts_and_restarts() {
    let mut redis = Redis::start().await;
    let address = redis.address();
    redis.restart().await;
    assert_eq!(redis.address(), address);
}
