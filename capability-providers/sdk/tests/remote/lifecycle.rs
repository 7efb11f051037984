//! Links come and go, and a provider by itself answers for itself.

use std::sync::Arc;
use std::time::Duration;

use lattice_control::ControlClient;
use lattice_core::Party;
use lattice_core::presence::MemberKind;
use lattice_testkit::eventually;
use provider_sdk::capability::{KeyValue as _, KvError};
use provider_sdk::remote::RemoteKeyValue;
use provider_sdk::testing::lattice::LIMIT;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_serves_no_more() {
    let world = World::start().await;
    let (link, ctx) = world.link("wasi:keyvalue").await;
    let store = RemoteKeyValue::new(Arc::clone(&world.host.member), Arc::clone(&link));
    assert_eq!(store.get(&ctx, "default", "k").await, Ok(None));
    world.lattice.unlink(&link.id, 1).await;
    eventually("the provider to give the link up", LIMIT, || async {
        (!world.has(&link.id)).then_some(())
    })
    .await;
    // The host that held on to the handle is refused on both sides.
    assert_eq!(store.get(&ctx, "default", "k").await, Err(KvError::AccessDenied));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_the_provider_refuses_is_reported_with_its_reason() {
    let world = World::start().await;
    let refused = world
        .lattice
        .link("actor/shop", "wasi:keyvalue", "provider/memory", &[("refuse", "1")])
        .await;
    let client = ControlClient::new(world.lattice.admin().clone(), world.host.member.lattice().clone());
    let inventory = eventually("the provider to say so", LIMIT, || async {
        let inventories = client.inventories().await.map_err(|error| error.to_string())?;
        let of_provider = inventories
            .into_iter()
            .find(|inventory| inventory.summary.kind == MemberKind::Provider);
        let inventory = of_provider.ok_or_else(|| "no provider answered".to_owned())?;
        match &inventory.providers[0].detail {
            Some(_) => Ok(inventory),
            None => Err("no detail yet".to_owned()),
        }
    })
    .await;
    let detail = inventory.providers[0].detail.as_deref().unwrap();
    assert!(
        detail.contains("`refuse` is set") && detail.contains(refused.as_str()),
        "{detail}"
    );
    assert_eq!(inventory.summary.member, *world.standalone.member().id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_stops_is_gone_for_all() {
    let world = World::start().await;
    let party: Party = "provider/memory".parse().unwrap();
    assert_eq!(world.standalone.stop(Duration::from_secs(10)).await, 0);
    eventually("the host to notice", LIMIT, || async {
        (!world.host.member.directory().is_running(&party)).then_some(())
    })
    .await;
}
