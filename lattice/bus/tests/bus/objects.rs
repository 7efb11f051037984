//! Objects larger than a message.

use lattice_bus::{BucketConfig, ObjectError};
use lattice_testkit::NatsServer;

use crate::{LIMIT, connect, server_and_bus};

const MAX: u64 = 64 * 1024 * 1024;

/// Bytes that do not repeat at chunk borders.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

#[tokio::test]
async fn objects_of_any_size_come_back_whole() {
    let (_nats, bus) = server_and_bus().await;
    let store = bus.objects("artifacts").await.expect("a store");
    for length in [0, 1, 128 * 1024, 128 * 1024 + 1, 5_000_000] {
        let name = format!("sha256:{length}");
        let object = bytes(length);
        assert!(!store.has(&name).await.expect("readable"));
        store.put(&name, object.clone().into()).await.expect("stored");
        assert!(store.has(&name).await.expect("readable"));
        assert_eq!(store.get(&name, MAX).await.expect("readable"), object);
        let info = store.info(&name).await.expect("readable").expect("there");
        assert_eq!(info.bytes, length as u64);
    }
}

#[tokio::test]
async fn absent_deleted_and_too_large_are_told_apart() {
    let (_nats, bus) = server_and_bus().await;
    let store = bus.objects("artifacts").await.expect("a store");
    assert!(matches!(store.get("none", MAX).await, Err(ObjectError::NotFound(_))));
    store.put("o", bytes(1000).into()).await.expect("stored");
    assert!(matches!(
        store.get("o", 999).await,
        Err(ObjectError::TooLarge { bytes: 1000, .. })
    ));
    store.delete("o").await.expect("deleted");
    assert!(matches!(store.get("o", MAX).await, Err(ObjectError::NotFound(_))));
    store.delete("o").await.expect("gone is gone");
}

#[tokio::test]
async fn replacing_an_object_leaves_no_chunks_behind() {
    let (_nats, bus) = server_and_bus().await;
    let store = bus.objects("artifacts").await.expect("a store");
    for round in 0..3 {
        store.put("o", vec![round; 300_000].into()).await.expect("stored");
    }
    assert_eq!(store.get("o", MAX).await.expect("readable"), vec![2; 300_000]);
    let client = async_nats_client(&_nats).await;
    let mut stream = client.get_stream("OBJ_artifacts").await.expect("the stream");
    let messages = stream.info().await.expect("its state").state.messages;
    assert_eq!(messages, 3 + 1, "three chunks and a description");
}

#[tokio::test]
async fn other_clients_read_our_objects_and_we_theirs() {
    let (nats, bus) = server_and_bus().await;
    let ours = bus.objects("artifacts").await.expect("a store");
    let object = bytes(400_000);
    ours.put("from-us", object.clone().into()).await.expect("stored");
    let theirs = async_nats_client(&nats)
        .await
        .get_object_store("artifacts")
        .await
        .expect("the store");
    let mut read = Vec::new();
    let mut reader = theirs.get("from-us").await.expect("found");
    tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut read)
        .await
        .expect("readable");
    assert_eq!(read, object);
    theirs.put("from-them", &mut object.as_slice()).await.expect("stored");
    assert_eq!(ours.get("from-them", MAX).await.expect("readable"), object);

    let bucket = bus.bucket(BucketConfig::new("b")).await.expect("a bucket");
    bucket.put("k", "v".into()).await.expect("written");
    let theirs = async_nats_client(&nats)
        .await
        .get_key_value("b")
        .await
        .expect("the bucket");
    assert_eq!(theirs.get("k").await.expect("readable").as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn a_damaged_object_is_noticed() {
    let (nats, bus) = server_and_bus().await;
    let store = bus.objects("artifacts").await.expect("a store");
    store.put("o", bytes(300_000).into()).await.expect("stored");
    let client = async_nats_client(&nats).await;
    let stream = client.get_stream("OBJ_artifacts").await.expect("the stream");
    stream.delete_message(2).await.expect("a chunk is gone");
    assert!(matches!(store.get("o", MAX).await, Err(ObjectError::Damaged { .. })));
}

#[tokio::test]
async fn objects_survive_a_kill() {
    let (mut nats, bus) = server_and_bus().await;
    let store = bus.objects("artifacts").await.expect("a store");
    let object = bytes(1_000_000);
    store.put("o", object.clone().into()).await.expect("stored");
    nats.kill();
    nats.restart().await;
    let other = connect(&nats.url())
        .await
        .objects("artifacts")
        .await
        .expect("the store");
    assert_eq!(other.get("o", MAX).await.expect("readable"), object);
    let again = tokio::time::timeout(LIMIT, store.get("o", MAX)).await.expect("in time");
    assert_eq!(again.expect("readable"), object);
}

async fn async_nats_client(nats: &NatsServer) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(nats.url()).await.expect("connected"))
}
