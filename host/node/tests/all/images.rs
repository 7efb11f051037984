//! Components from registries, and what hosts say to those that nobody signed.

use std::time::Duration;

use bytes::Bytes;
use lattice_control::{ActorFetch, ControlError, ErrorKind, artifact_name, signatures_name};
use lattice_core::token::{ImageClaims, Unverified, Validity};
use lattice_core::trust::ImagePolicy;
use lattice_core::{ActorSpec, Digest, TrustBundle, UnixSeconds, subject};
use lattice_node::BlobLimits;
use lattice_node::testing::{HostOptions, TestHost, TestLattice, guest};
use lattice_oci::{ImageRef, Packed, Registries, World};
use lattice_testkit::{NatsServer, Registry, eventually};
use nkeys::KeyPair;

const LIMIT: Duration = Duration::from_secs(60);

/// A component that serves HTTP, in a registry and nowhere else.
struct Pushed {
    packed: Packed,
    image: ImageRef,
    registries: Registries,
}

impl Pushed {
    async fn to(registry: &Registry) -> Self {
        let packed = Packed::new(guest("hello-http"), World::default()).unwrap();
        let image: ImageRef = registry.image("shop/hello:1").parse().unwrap();
        let registries = Registries::default();
        let repository = registries.open(&image).await.unwrap();
        let pushed = repository.push(&packed, &|_| ()).await.unwrap();
        Self {
            packed,
            image: pushed.reference,
            registries,
        }
    }

    fn digest(&self) -> Digest {
        self.packed.component_digest()
    }

    fn spec(&self, name: &str) -> ActorSpec {
        ActorSpec::new(name.parse().unwrap(), self.digest(), self.image.to_string())
    }

    /// Signs it, in the registry.
    async fn sign(&self, token: &str) {
        let repository = self.registries.open(&self.image).await.unwrap();
        repository.push_signature(self.packed.described(), token).await.unwrap();
    }
}

fn token(lattice: &TestLattice, key: &KeyPair, component: Digest) -> String {
    let claims = ImageClaims {
        component,
        manifest: None,
        image: String::new(),
    };
    let now = UnixSeconds::from(std::time::SystemTime::now());
    claims
        .sign(key, lattice.id(), Validity::lasting(now, Duration::from_secs(3600)))
        .unwrap()
}

/// Publishes a bundle that demands signatures, and waits until hosts go by it.
async fn demand_signatures(lattice: &TestLattice, hosts: &[&TestHost], serial: u64) {
    change_trust(lattice, hosts, serial, |bundle| bundle.images = ImagePolicy::Signed).await;
}

async fn change_trust(lattice: &TestLattice, hosts: &[&TestHost], serial: u64, change: impl FnOnce(&mut TrustBundle)) {
    lattice.change_trust(serial, change).await;
    for host in hosts {
        let mut seen = host.node().member().trust().serial();
        tokio::time::timeout(LIMIT, seen.wait_for(|seen| *seen == Some(serial)))
            .await
            .unwrap()
            .unwrap();
    }
}

async fn refused(lattice: &TestLattice, host: &TestHost, spec: &ActorSpec) -> ControlError {
    let refused = lattice.try_start(host, spec, 1).await.expect_err("refused");
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused:?}");
    refused
}

/// Takes a component out of the lattice's artifact store.
async fn forget(lattice: &TestLattice, digest: &Digest) {
    let store = lattice
        .client()
        .bus()
        .objects(&subject::buckets(lattice.id()).artifacts)
        .await
        .unwrap();
    for name in [artifact_name(digest), signatures_name(digest)] {
        store.delete(&name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_host_asks_the_registry_and_the_others_need_none() {
    let (nats, mut registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let (one, two) = (lattice.host("one").await, lattice.host("two").await);
    let pushed = Pushed::to(&registry).await;
    lattice.start_actor(&one, &pushed.spec("hello")).await;
    eventually("the component to be in the artifact store", LIMIT, || async {
        lattice
            .client()
            .artifact(&pushed.digest())
            .await
            .map_err(|error| error.message)
    })
    .await;
    registry.kill();
    lattice.start_actor(&two, &pushed.spec("hello")).await;
    // Neither is asked again for what is on disk.
    forget(&lattice, &pushed.digest()).await;
    lattice.start_actor(&one, &pushed.spec("again")).await;
    let one = one.restart(&lattice).await;
    lattice.start_actor(&one, &pushed.spec("hello")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_help_is_told_with_its_reason() {
    let (nats, mut registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let host = lattice.host("one").await;
    let pushed = Pushed::to(&registry).await;
    let missing = ActorSpec {
        digest: Digest::of(b"nobody has this"),
        ..pushed.spec("missing")
    };
    let error = lattice.try_start(&host, &missing, 1).await.expect_err("nowhere");
    assert_eq!(error.kind, ErrorKind::NotFound, "{error:?}");
    registry.kill();
    let error = lattice
        .try_start(&host, &pushed.spec("hello"), 1)
        .await
        .expect_err("gone");
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error:?}");
    assert!(error.message.contains(registry.address().as_str()), "{error:?}");
    // A tag is no promise: hosts ask registries only for what is pinned.
    let floating = ActorSpec {
        image: registry.image("shop/hello:1"),
        ..pushed.spec("hello")
    };
    let error = lattice.try_start(&host, &floating, 1).await.expect_err("not pinned");
    assert_eq!(error.kind, ErrorKind::NotFound, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_policy_every_refusal_names_its_reason() {
    let (nats, registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let host = lattice.host("one").await;
    let pushed = Pushed::to(&registry).await;
    demand_signatures(&lattice, &[&host], 2).await;
    let spec = pushed.spec("hello");
    let check = async |part: &str| {
        let error = refused(&lattice, &host, &spec).await;
        assert!(error.message.contains(part), "{part}: {error:?}");
    };
    check("it is not signed").await;
    let client = lattice.client();
    let stranger = KeyPair::new_account();
    pushed.sign(&token(&lattice, &stranger, pushed.digest())).await;
    check("does not name the issuer").await;
    let good = token(&lattice, lattice.issuer(), pushed.digest());
    let other = token(&lattice, lattice.issuer(), Digest::of(b"another component"));
    // Somebody who may write to the store puts the signature of another component there.
    let store = client
        .bus()
        .objects(&subject::buckets(lattice.id()).artifacts)
        .await
        .unwrap();
    store
        .put(&signatures_name(&pushed.digest()), Bytes::from(other))
        .await
        .unwrap();
    check("does not name the issuer").await;
    let mut forged = good.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    client.store_image_tokens(&pushed.digest(), &[forged]).await.unwrap();
    let error = refused(&lattice, &host, &spec).await;
    assert!(error.message.contains("does not count"), "{error:?}");
    client
        .store_image_tokens(&pushed.digest(), std::slice::from_ref(&good))
        .await
        .unwrap();
    lattice.start_actor(&host, &spec).await;
    lattice.stop_actor(&host, &spec.name, Duration::from_secs(5)).await;
    let id = Unverified::parse(&good).unwrap().head().id.clone();
    let revoke = |bundle: &mut TrustBundle| {
        bundle.images = ImagePolicy::Signed;
        bundle.revoked_ids.insert(id);
    };
    change_trust(&lattice, &[&host], 3, revoke).await;
    check("was revoked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_component_starts_restarts_and_moves_without_its_registry() {
    let (nats, mut registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let (one, two) = (lattice.host("one").await, lattice.host("two").await);
    let pushed = Pushed::to(&registry).await;
    pushed.sign(&token(&lattice, lattice.issuer(), pushed.digest())).await;
    demand_signatures(&lattice, &[&one, &two], 2).await;
    let spec = pushed.spec("hello");
    lattice.start_actor(&one, &spec).await;
    eventually("the signature to be in the artifact store", LIMIT, || async {
        let tokens = lattice
            .client()
            .image_tokens(&pushed.digest())
            .await
            .map_err(|error| error.message)?;
        (!tokens.is_empty()).then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    eventually("the component to be in the artifact store", LIMIT, || async {
        lattice
            .client()
            .artifact(&pushed.digest())
            .await
            .map_err(|error| error.message)
    })
    .await;
    registry.kill();
    lattice.start_actor(&two, &spec).await;
    lattice.stop_actor(&one, &spec.name, Duration::from_secs(5)).await;
    forget(&lattice, &pushed.digest()).await;
    // Its own disk has both.
    let one = one.restart(&lattice).await;
    lattice.start_actor(&one, &spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_policy_comes_later_the_signatures_of_what_runs_are_fetched() {
    let (nats, registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let host = lattice.host("one").await;
    let spec = lattice.actor("hello", guest("hello-http")).await;
    lattice.start_actor(&host, &spec).await;
    let good = token(&lattice, lattice.issuer(), spec.digest);
    lattice
        .client()
        .store_image_tokens(&spec.digest, &[good])
        .await
        .unwrap();
    demand_signatures(&lattice, &[&host], 2).await;
    let kept = host.folder().join("blobs").join(signatures_name(&spec.digest));
    eventually("the signature to be on the host's disk", LIMIT, || async {
        kept.exists().then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    drop(registry);
    forget(&lattice, &spec.digest).await;
    let host = host.restart(&lattice).await;
    lattice.start_actor(&host, &spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_ahead_starts_from_disk() {
    let (nats, mut registry) = (NatsServer::start().await, Registry::start().await);
    let lattice = TestLattice::start(&nats.url()).await;
    let host = lattice.host("one").await;
    let pushed = Pushed::to(&registry).await;
    let fetch = ActorFetch {
        spec: pushed.spec("hello"),
    };
    assert!(!lattice.send(&host, &fetch).await.unwrap().from_cache);
    assert!(lattice.send(&host, &fetch).await.unwrap().from_cache);
    registry.kill();
    assert!(lattice.start_actor(&host, &pushed.spec("hello")).await.from_cache);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_kept_and_what_nothing_needs_makes_room() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let options = HostOptions {
        blobs: BlobLimits {
            bytes_max: 1,
            ..BlobLimits::default()
        },
        ..HostOptions::named("small")
    };
    let host = lattice.host_with(options).await;
    let (runs, rests) = (
        lattice.actor("runs", guest("hello-http")).await,
        lattice.actor("rests", guest("echo")).await,
    );
    let blob = |spec: &ActorSpec| host.folder().join("blobs").join(artifact_name(&spec.digest));
    lattice.start_actor(&host, &runs).await;
    let fetch = ActorFetch { spec: rests.clone() };
    lattice.send(&host, &fetch).await.unwrap();
    eventually("the component that nothing needs to go", LIMIT, || async {
        (!blob(&rests).exists())
            .then_some(())
            .ok_or_else(|| "still there".to_owned())
    })
    .await;
    assert!(blob(&runs).exists(), "what runs is kept, over all limits");
}
