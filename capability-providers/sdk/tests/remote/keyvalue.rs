//! A store on another member is a store.

use std::sync::Arc;

use bytes::Bytes;
use lattice_core::FaultKind;
use lattice_mesh::{OutgoingCall, new_invocation_id};
use provider_sdk::capability::keyvalue::wire::KvRequest;
use provider_sdk::capability::{KeyValue as _, KvError};
use provider_sdk::remote::RemoteKeyValue;
use provider_sdk::testing::conformance;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let world = World::start().await;
    let (link, ctx) = world.link("wasi:keyvalue").await;
    let store = Arc::new(RemoteKeyValue::new(Arc::clone(&world.host.member), link));
    conformance::keyvalue(store.clone(), &ctx).await;
    conformance::concurrent_increments(store, &ctx, 50, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_larger_than_a_message_travel() {
    let world = World::start().await;
    let (link, ctx) = world.link("wasi:keyvalue").await;
    let store = RemoteKeyValue::new(Arc::clone(&world.host.member), link);
    let large = Bytes::from(vec![7; 5 << 20]);
    store.set(&ctx, "default", "large", large.clone()).await.unwrap();
    assert_eq!(store.get(&ctx, "default", "large").await, Ok(Some(large)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_a_few_functions_grants_no_others() {
    let world = World::start().await;
    let id = world
        .lattice
        .link_with("actor/shop", "wasi:keyvalue/store", "provider/memory", &[], |claims| {
            claims.functions = "open,get".parse().unwrap();
            claims.versions = vec!["0.2.0-draft".parse().unwrap()];
        })
        .await;
    let link = world.host.knows(&id).await;
    let ctx = provider_sdk::testing::lattice::context_of(&link);
    let store = RemoteKeyValue::new(Arc::clone(&world.host.member), Arc::clone(&link));
    let limit = provider_sdk::testing::lattice::LIMIT;
    lattice_testkit::eventually("the provider to serve", limit, || store.open(&ctx, "default")).await;
    assert_eq!(store.get(&ctx, "default", "k").await, Ok(None));
    assert_eq!(
        store.set(&ctx, "default", "k", Bytes::new()).await,
        Err(KvError::AccessDenied)
    );
    assert_eq!(
        store.increment(&ctx, "default", "k", 1).await,
        Err(KvError::AccessDenied),
        "another interface"
    );

    // A call that names a function it may use, and carries a request for one it may not.
    let request = KvRequest::Delete {
        bucket: "default".into(),
        key: "k".into(),
    };
    let call = OutgoingCall {
        id: new_invocation_id(),
        source: link.source.clone(),
        target: link.target.clone(),
        link: link.id.clone(),
        interface: "wasi:keyvalue/store@0.2.0-draft".parse().unwrap(),
        function: "[method]bucket.get".parse().unwrap(),
        deadline: ctx.deadline,
        trace: None,
        head: Bytes::new(),
        body: rmp_serde::to_vec_named(&request).unwrap().into(),
    };
    let fault = world
        .host
        .member
        .invoke_any(call, &[])
        .await
        .expect_err("it is seen through");
    assert_eq!(fault.kind, FaultKind::BadArguments, "{fault}");
}
