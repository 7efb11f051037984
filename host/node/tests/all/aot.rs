//! Hosts that compile nothing: what they run, what they refuse, and what they say.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lattice_control::{ControlError, ErrorKind, Inventory};
use lattice_core::aot::{Artifact, CodeArch, CodeShape, CodeTarget, Statement};
use lattice_core::token::{Unverified, Validity};
use lattice_core::{ActorSpec, UnixSeconds};
use lattice_engine::{Precompiled, precompile};
use lattice_node::testing::{HostOptions, TestHost, TestLattice, guest};
use nkeys::KeyPair;

use crate::support::lattice;

/// The code of a host without a compiler on this machine.
fn target() -> CodeTarget {
    CodeTarget::new(CodeArch::here().unwrap(), CodeShape::Edge64)
}

/// Stores code, with this statement or one that `key` signs.
async fn store(lattice: &TestLattice, code: &Precompiled, key: Option<&KeyPair>) -> String {
    let now = UnixSeconds::from(SystemTime::now());
    let validity = Validity::lasting(now, Duration::from_secs(3600));
    let (statement, id) = match key {
        None => (Statement::Unsigned(code.claims.clone()), String::new()),
        Some(key) => {
            let token = code.claims.sign(key, lattice.id(), validity).unwrap();
            let token = Unverified::parse(&token).unwrap();
            let id = token.head().id.clone();
            (Statement::Signed(token), id)
        }
    };
    let artifact = Artifact {
        statement,
        code: &code.code,
    };
    let artifact: Bytes = artifact.write().into();
    lattice.client().store_code(&code.claims, artifact).await.unwrap();
    id
}

async fn set_up() -> (
    lattice_testkit::NatsServer,
    TestLattice,
    TestHost,
    ActorSpec,
    Precompiled,
) {
    let (nats, lattice) = lattice().await;
    let host = lattice.host_with(HostOptions::named("pi").without_compiler()).await;
    let spec = lattice.actor("pong", guest("pong")).await;
    let code = precompile(&guest("pong"), target()).unwrap();
    (nats, lattice, host, spec, code)
}

async fn refusal(lattice: &TestLattice, host: &TestHost, spec: &ActorSpec) -> ControlError {
    lattice.try_start(host, spec, 1).await.expect_err("refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_compiler_says_what_would_help_and_runs_what_is_signed() {
    let (_nats, lattice, host, spec, code) = set_up().await;
    let error = refusal(&lattice, &host, &spec).await;
    assert_eq!(error.kind, ErrorKind::NotFound, "{error:?}");
    let help = format!(
        "lattice aot {} --target {} --profile edge64 --store",
        spec.digest,
        target().arch().triple()
    );
    assert_eq!(error.help.as_deref(), Some(help.as_str()));

    store(&lattice, &code, None).await;
    let error = refusal(&lattice, &host, &spec).await;
    assert_eq!(error.kind, ErrorKind::Denied, "{error:?}");
    assert!(error.message.contains("is not signed"), "{error:?}");

    store(&lattice, &code, Some(&KeyPair::new_account())).await;
    let error = refusal(&lattice, &host, &spec).await;
    assert_eq!(error.kind, ErrorKind::Denied, "{error:?}");
    assert!(error.message.contains("does not name the issuer"), "{error:?}");

    let mut tampered = code.clone();
    *tampered.code.last_mut().unwrap() ^= 1;
    store(&lattice, &tampered, Some(lattice.issuer())).await;
    let error = refusal(&lattice, &host, &spec).await;
    assert!(error.message.contains("the signature is for"), "{error:?}");

    store(&lattice, &code, Some(lattice.issuer())).await;
    let started = lattice.start_actor(&host, &spec).await;
    assert!(!started.from_cache);
    let inventory = lattice.client().read(host.id(), &Inventory {}).await.unwrap();
    assert_eq!(inventory.summary.engine, "edge64, no compiler");
    assert_eq!(inventory.facts["engine.code"], target().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_believed_once_is_started_from_disk_until_it_is_revoked() {
    let (_nats, lattice, host, spec, code) = set_up().await;
    let token_id = store(&lattice, &code, Some(lattice.issuer())).await;
    lattice.start_actor(&host, &spec).await;
    // As if the store were away: what lies there now is nothing that could be run.
    store(&lattice, &code, None).await;
    let host = host.restart(&lattice).await;
    let started = lattice.start_actor(&host, &spec).await;
    assert!(started.from_cache || started.was_running, "{started:?}");
    lattice.stop_actor(&host, &spec.name, Duration::from_secs(1)).await;

    lattice
        .change_trust(2, |bundle| {
            bundle.revoked_ids.insert(token_id);
        })
        .await;
    let heard = || async { (host.node().member().trust().current().serial() == Some(2)).then_some(()) };
    lattice_testkit::eventually("the host to hear of the revocation", Duration::from_secs(20), heard).await;
    let error = refusal(&lattice, &host, &spec).await;
    assert!(error.message.contains("is not signed"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_compiler_does_without() {
    let (_nats, lattice, _pi, spec, code) = set_up().await;
    store(&lattice, &code, None).await;
    let host = lattice.host("cloud").await;
    lattice.start_actor(&host, &spec).await;
}
