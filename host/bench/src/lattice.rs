//! The lattice that is measured: a real nats-server, hosts in this process, a caller (`test-relay`) linked to a callee (`pong`).

use anyhow::{Context, Result};
use bytes::Bytes;
use lattice_core::{LinkId, Reuse};
use lattice_node::testing::{TestHost, TestLattice};
use lattice_testkit::NatsServer;

/// What a benchmark works on. Dropped in this order: hosts before their server.
pub(crate) struct Stage {
    pub(crate) caller: TestHost,
    /// The host of the callee, when it is another one.
    pub(crate) callee: Option<TestHost>,
    pub(crate) lattice: TestLattice,
    pub(crate) link: LinkId,
    pub(crate) nats: NatsServer,
}

/// Where the callee lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// With the caller.
    SameHost,
    /// On another host.
    OtherHost,
}

impl Stage {
    /// Starts everything. `reuse` is the callee's.
    pub(crate) async fn set_up(placement: Placement, reuse: Reuse) -> Result<Self> {
        let nats = NatsServer::start().await;
        let lattice = TestLattice::start(&nats.url()).await;
        let caller = lattice.host("caller").await;
        let callee = match placement {
            Placement::SameHost => None,
            Placement::OtherHost => Some(lattice.host("callee").await),
        };
        let link = lattice
            .link("actor/relay", "example:ping-pong/pong", "actor/pong", &[])
            .await;
        let mut pong = lattice.actor("pong", component("pong")?).await;
        pong.reuse = reuse;
        lattice.start_actor(callee.as_ref().unwrap_or(&caller), &pong).await;
        let relay = lattice.actor("relay", component("test-relay")?).await;
        lattice.start_actor(&caller, &relay).await;
        Ok(Self {
            caller,
            callee,
            lattice,
            link,
            nats,
        })
    }
}

/// A guest by the name of its folder in `actors/`.
pub(crate) fn component(name: &str) -> Result<Bytes> {
    let folder = std::env::var_os("LATTICE_COMPONENTS_DIR")
        .context("LATTICE_COMPONENTS_DIR is not set; run `cargo xtask bench`")?;
    let file = std::path::Path::new(&folder).join(format!("{name}.wasm"));
    Ok(std::fs::read(&file)
        .with_context(|| format!("cannot read {}; run `cargo xtask guests`", file.display()))?
        .into())
}
