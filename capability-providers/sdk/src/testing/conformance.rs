//! What every key-value provider must do, as checks that its tests run against the real store.
//!
//! Each check takes a link that opens a bucket `default`, which must be empty, and panics with the reason when the store
//! does otherwise.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use lattice_capability::{CallContext, KeyValue, KvError, SwapError};

const BUCKET: &str = "default";

/// Keys that stores find hard to carry.
const HARD_KEYS: [&str; 18] = [
    "plain",
    "with space",
    "dot.ted",
    ".",
    "..",
    "a..b",
    ".a",
    "a.",
    "*",
    ">",
    "a*b?[c]",
    "slash/ed",
    "Ünï¢ödé",
    "=",
    "=2E",
    "%20",
    "",
    "\u{0}\n",
];

/// Runs every check, one after the other, emptying the bucket between them.
///
/// # Panics
///
/// When the store does not do as it should.
pub async fn keyvalue(store: Arc<dyn KeyValue>, ctx: &CallContext) {
    let store = &*store;
    values_come_back(store, ctx).await;
    empty(store, ctx).await;
    any_key_works(store, ctx).await;
    empty(store, ctx).await;
    unknown_buckets_are_denied(store, ctx).await;
    increments_add_up(store, ctx).await;
    empty(store, ctx).await;
    what_is_no_number_does_not_count(store, ctx).await;
    empty(store, ctx).await;
    swaps_compare(store, ctx).await;
    empty(store, ctx).await;
    batches_keep_their_order(store, ctx).await;
    empty(store, ctx).await;
    listing_finds_every_key(store, ctx).await;
    empty(store, ctx).await;
}

/// Runs `tasks` tasks of `rounds` increments each on one key at once and checks that all counted.
///
/// # Panics
///
/// When one got lost, counted twice, or failed.
pub async fn concurrent_increments(store: Arc<dyn KeyValue>, ctx: &CallContext, tasks: usize, rounds: usize) {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let (store, ctx) = (Arc::clone(&store), ctx.clone());
        running.spawn(async move {
            let mut seen = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                seen.push(
                    store
                        .increment(&ctx, BUCKET, "hits", 1)
                        .await
                        .expect("an increment succeeds"),
                );
            }
            seen
        });
    }
    let mut all = BTreeSet::new();
    while let Some(seen) = running.join_next().await {
        for sum in seen.expect("a task ends well") {
            assert!(all.insert(sum), "two increments returned {sum}");
        }
    }
    let total = i64::try_from(tasks * rounds).expect("a small number");
    assert_eq!(all, (1..=total).collect(), "every sum was returned once");
    assert_eq!(
        store.get(ctx, BUCKET, "hits").await,
        Ok(Some(Bytes::from(total.to_string())))
    );
}

async fn values_come_back(store: &dyn KeyValue, ctx: &CallContext) {
    assert_eq!(store.open(ctx, BUCKET).await, Ok(()));
    assert_eq!(store.open(ctx, "").await, Ok(()), "an empty name is the default bucket");
    assert_eq!(store.get(ctx, BUCKET, "k").await, Ok(None));
    assert_eq!(store.exists(ctx, BUCKET, "k").await, Ok(false));
    for value in [
        Bytes::from_static(b"one"),
        Bytes::new(),
        Bytes::from((0..=255).collect::<Vec<u8>>()),
    ] {
        store.set(ctx, BUCKET, "k", value.clone()).await.expect("sets");
        assert_eq!(store.get(ctx, BUCKET, "k").await, Ok(Some(value)));
        assert_eq!(store.exists(ctx, BUCKET, "k").await, Ok(true));
    }
    assert_eq!(store.get(ctx, "", "k").await.map(|value| value.is_some()), Ok(true));
    store.delete(ctx, BUCKET, "k").await.expect("deletes");
    store.delete(ctx, BUCKET, "k").await.expect("deletes what is gone");
    assert_eq!(store.get(ctx, BUCKET, "k").await, Ok(None));
    assert_eq!(store.exists(ctx, BUCKET, "k").await, Ok(false));
}

async fn any_key_works(store: &dyn KeyValue, ctx: &CallContext) {
    let long = "k".repeat(512);
    let keys: Vec<&str> = HARD_KEYS.into_iter().chain([long.as_str()]).collect();
    for key in &keys {
        store
            .set(ctx, BUCKET, key, Bytes::from(format!("of {key}")))
            .await
            .unwrap_or_else(|error| panic!("{key:?}: {error}"));
    }
    for key in &keys {
        assert_eq!(
            store.get(ctx, BUCKET, key).await,
            Ok(Some(Bytes::from(format!("of {key}")))),
            "{key:?}"
        );
    }
    let expected: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(all_keys(store, ctx).await, expected);
}

async fn unknown_buckets_are_denied(store: &dyn KeyValue, ctx: &CallContext) {
    let bucket = "not-opened-by-the-link";
    assert_eq!(store.open(ctx, bucket).await, Err(KvError::AccessDenied));
    assert_eq!(store.get(ctx, bucket, "k").await, Err(KvError::AccessDenied));
    assert_eq!(
        store.set(ctx, bucket, "k", Bytes::new()).await,
        Err(KvError::AccessDenied)
    );
    assert_eq!(store.list_keys(ctx, bucket, None).await, Err(KvError::AccessDenied));
    assert_eq!(store.increment(ctx, bucket, "k", 1).await, Err(KvError::AccessDenied));
    assert_eq!(
        store.delete_many(ctx, bucket, &["k".to_owned()]).await,
        Err(KvError::AccessDenied)
    );
}

async fn increments_add_up(store: &dyn KeyValue, ctx: &CallContext) {
    assert_eq!(store.increment(ctx, BUCKET, "n", 5).await, Ok(5));
    assert_eq!(store.increment(ctx, BUCKET, "n", -7).await, Ok(-2));
    assert_eq!(store.increment(ctx, BUCKET, "n", 0).await, Ok(-2));
    assert_eq!(
        store.get(ctx, BUCKET, "n").await,
        Ok(Some(Bytes::from_static(b"-2"))),
        "numbers are decimal text"
    );
    store
        .set(ctx, BUCKET, "n", Bytes::from_static(b"41"))
        .await
        .expect("sets");
    assert_eq!(
        store.increment(ctx, BUCKET, "n", 1).await,
        Ok(42),
        "decimal text is a number"
    );
    store.delete(ctx, BUCKET, "n").await.expect("deletes");
    assert_eq!(
        store.increment(ctx, BUCKET, "n", 1).await,
        Ok(1),
        "a deleted key counts from zero"
    );
}

async fn what_is_no_number_does_not_count(store: &dyn KeyValue, ctx: &CallContext) {
    store
        .set(ctx, BUCKET, "n", Bytes::from_static(b"many"))
        .await
        .expect("sets");
    assert!(matches!(
        store.increment(ctx, BUCKET, "n", 1).await,
        Err(KvError::Other(_))
    ));
    assert_eq!(store.get(ctx, BUCKET, "n").await, Ok(Some(Bytes::from_static(b"many"))));
    let largest = Bytes::from(i64::MAX.to_string());
    store.set(ctx, BUCKET, "n", largest.clone()).await.expect("sets");
    assert!(
        matches!(store.increment(ctx, BUCKET, "n", 1).await, Err(KvError::Other(_))),
        "a sum may not wrap"
    );
    assert_eq!(store.get(ctx, BUCKET, "n").await, Ok(Some(largest)));
}

async fn swaps_compare(store: &dyn KeyValue, ctx: &CallContext) {
    let (one, two, three) = (
        Bytes::from_static(b"1"),
        Bytes::from_static(b"2"),
        Bytes::from_static(b"3"),
    );
    let absent = store.compare(ctx, BUCKET, "k").await.expect("compares");
    assert_eq!(absent.value, None);
    assert_eq!(store.swap(ctx, BUCKET, "k", &absent, one.clone()).await, Ok(()));
    match store.swap(ctx, BUCKET, "k", &absent, two.clone()).await {
        Err(SwapError::Changed(now)) => {
            assert_eq!(now.value.as_ref(), Some(&one));
            assert_eq!(
                store.swap(ctx, BUCKET, "k", &now, two.clone()).await,
                Ok(()),
                "what came back is good for a try"
            );
        }
        other => panic!("a swap against an old reading returned {other:?}"),
    }
    let seen = store.compare(ctx, BUCKET, "k").await.expect("compares");
    assert_eq!(seen.value.as_ref(), Some(&two));
    store.delete(ctx, BUCKET, "k").await.expect("deletes");
    match store.swap(ctx, BUCKET, "k", &seen, three.clone()).await {
        Err(SwapError::Changed(now)) => {
            assert_eq!(now.value, None);
            assert_eq!(
                store.swap(ctx, BUCKET, "k", &now, three.clone()).await,
                Ok(()),
                "a deleted key can be set again"
            );
        }
        other => panic!("a swap against a deleted key returned {other:?}"),
    }
    assert_eq!(store.get(ctx, BUCKET, "k").await, Ok(Some(three)));
}

async fn batches_keep_their_order(store: &dyn KeyValue, ctx: &CallContext) {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(store.get_many(ctx, BUCKET, &[]).await, Ok(Vec::new()));
    assert_eq!(store.set_many(ctx, BUCKET, Vec::new()).await, Ok(()));
    assert_eq!(store.delete_many(ctx, BUCKET, &[]).await, Ok(()));
    let entries = vec![
        ("a".to_owned(), Bytes::from_static(b"1")),
        ("b".to_owned(), Bytes::from_static(b"2")),
    ];
    store.set_many(ctx, BUCKET, entries).await.expect("sets");
    let (one, two) = (Some(Bytes::from_static(b"1")), Some(Bytes::from_static(b"2")));
    let got = store.get_many(ctx, BUCKET, &names(&["b", "none", "a", "b"])).await;
    assert_eq!(got, Ok(vec![two.clone(), None, one, two.clone()]));
    store
        .delete_many(ctx, BUCKET, &names(&["a", "none"]))
        .await
        .expect("deletes");
    assert_eq!(
        store.get_many(ctx, BUCKET, &names(&["a", "b"])).await,
        Ok(vec![None, two])
    );
}

async fn listing_finds_every_key(store: &dyn KeyValue, ctx: &CallContext) {
    assert_eq!(all_keys(store, ctx).await, BTreeSet::new());
    let keys: BTreeSet<String> = (0..2_500).map(|number| format!("key-{number}")).collect();
    let entries = keys.iter().map(|key| (key.clone(), Bytes::from_static(b"x"))).collect();
    store.set_many(ctx, BUCKET, entries).await.expect("sets");
    assert_eq!(all_keys(store, ctx).await, keys);

    // Deleting while listing hides no key that stays.
    let mut found = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = store.list_keys(ctx, BUCKET, cursor).await.expect("lists");
        for key in page.keys.iter().filter(|key| key.ends_with('7')) {
            store.delete(ctx, BUCKET, key).await.expect("deletes");
        }
        found.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let missed: Vec<_> = keys
        .iter()
        .filter(|key| !key.ends_with('7') && !found.contains(*key))
        .collect();
    assert!(missed.is_empty(), "listing missed {missed:?}");
}

async fn all_keys(store: &dyn KeyValue, ctx: &CallContext) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = store.list_keys(ctx, BUCKET, cursor).await.expect("lists");
        found.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn empty(store: &dyn KeyValue, ctx: &CallContext) {
    let keys: Vec<String> = all_keys(store, ctx).await.into_iter().collect();
    store.delete_many(ctx, BUCKET, &keys).await.expect("deletes");
}
