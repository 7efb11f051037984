//! A lattice for tests and benches: trust root, links, hosts in this process. Only with the feature `testing`.
//!
//! Everything goes the way it goes in earnest: tokens are signed, commands too, links are verified by every host. Only the keys
//! live in memory. The nats-server is the caller's.
//!
//! Helpers panic with what they were doing when it fails: in a test that is the message wanted.

mod guests;
mod host;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use lattice_bus::{Bus, BusConfig};
use lattice_control::{
    APP_LINK_LIFETIME, ActorScale, ActorStart, ActorStarted, ActorStatus, ActorStop, ActorStopped, AppSigner, Command,
    CommandSigner, ControlClient, ControlError, HostStop, LinkDraft, LinkSigner, MemberSummary, ProviderStart,
    ProviderStarted, ProviderStop, Signed, Verdicts, apps_bucket, config_bucket, leases_bucket, links_bucket,
    trust_bucket,
};
use lattice_controller::ControllerSettings;
use lattice_core::link::LINK_LIFETIME;
use lattice_core::token::Validity;
use lattice_core::trust::Issuer;
use lattice_core::{
    ActorName, ActorSpec, ConfigMap, Digest, LatticeId, LinkClaims, LinkId, MemberId, OperatorId, Party, ProviderSpec,
    Trust, TrustBundle, UnixSeconds, subject,
};
use nkeys::KeyPair;
use tempfile::TempDir;

pub use guests::guest;
pub use host::{HostFiles, HostOptions, TestHost};

/// Whatever commands can be sent to: a host in this process, or the id of one elsewhere.
pub trait AsHost: Sync {
    /// The host's id.
    fn member_id(&self) -> &MemberId;
}

impl AsHost for TestHost {
    fn member_id(&self) -> &MemberId {
        self.id()
    }
}

impl AsHost for MemberId {
    fn member_id(&self) -> &MemberId {
        self
    }
}

/// As long as anything may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach a host that may not be known everywhere yet.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The JetStream domain with the state of a lattice that has sites.
pub const HUB: &str = "hub";

/// A lattice whose keys are in this process.
pub struct TestLattice {
    id: LatticeId,
    url: String,
    operator: KeyPair,
    issuer: KeyPair,
    bundle: String,
    client: ControlClient,
    signer: LinkSigner,
    folder: TempDir,
}

impl TestLattice {
    /// Makes a trust root and publishes it on the nats-server at `url`, which must have JetStream.
    pub async fn start(url: &str) -> Self {
        let id: LatticeId = "test".parse().expect("a lattice id");
        let (operator, issuer) = (KeyPair::new_operator(), KeyPair::new_account());
        let issuer_id = issuer.public_key().parse().expect("an account's key is an issuer");
        let bundle = TrustBundle {
            serial: 1,
            issuers: vec![Issuer::unlimited(issuer_id)],
            ..TrustBundle::default()
        };
        let bundle = bundle.sign(&operator, &id, validity()).expect("signs the trust bundle");
        let operator_id: OperatorId = operator.public_key().parse().expect("an operator's key");

        let bus = Bus::connect(BusConfig::new("test").server(url))
            .await
            .expect("connects to nats-server");
        for bucket in [trust_bucket, links_bucket, config_bucket, apps_bucket, leases_bucket] {
            bus.bucket(bucket(&id)).await.expect("makes the lattice's buckets");
        }
        bus.objects(&subject::buckets(&id).artifacts)
            .await
            .expect("makes the artifact store");
        let mut trust = Trust::new(id.clone(), [operator_id.clone()]);
        trust.admit(&bundle, now()).expect("the bundle is good");
        let command_signer = CommandSigner::new(copy(&issuer)).expect("an issuer's key signs commands");
        let client = ControlClient::new(bus, id.clone())
            .with_signer(command_signer)
            .with_trust(Arc::new(trust));
        client
            .publish_trust(&bundle, &[operator_id])
            .await
            .expect("publishes the trust bundle");
        let signer = LinkSigner::new(copy(&issuer)).expect("an issuer's key signs links");
        let folder = tempfile::tempdir().expect("a folder for hosts");
        Self {
            id,
            url: url.to_owned(),
            operator,
            issuer,
            bundle,
            client,
            signer,
            folder,
        }
    }

    /// How a host's controller leads here, quicker than in earnest.
    pub(super) fn controller(&self, folder: std::path::PathBuf) -> ControllerSettings {
        let signer = CommandSigner::new(copy(&self.issuer)).expect("an issuer's key signs commands");
        ControllerSettings {
            lease: Duration::from_secs(2),
            listen: Duration::from_millis(600),
            ..ControllerSettings::new(signer, folder)
        }
    }

    /// What signs applications and their links.
    pub fn app_signer(&self) -> AppSigner {
        AppSigner {
            revisions: CommandSigner::new(copy(&self.issuer)).expect("an issuer's key signs commands"),
            links: self.signer.clone(),
            lifetime: APP_LINK_LIFETIME,
        }
    }

    /// The lattice's id.
    pub fn id(&self) -> &LatticeId {
        &self.id
    }

    /// Where its NATS is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that may do everything.
    pub fn client(&self) -> &ControlClient {
        &self.client
    }

    /// The key that signs links, tokens and commands.
    pub fn issuer(&self) -> &KeyPair {
        &self.issuer
    }

    /// The operator whom hosts trust.
    pub fn operator(&self) -> OperatorId {
        self.operator.public_key().parse().expect("an operator's key")
    }

    /// Publishes the next trust bundle, as `change` makes it of the first.
    pub async fn change_trust(&self, serial: u64, change: impl FnOnce(&mut TrustBundle)) {
        let issuer_id = self.issuer.public_key().parse().expect("an account's key is an issuer");
        let mut bundle = TrustBundle {
            serial,
            issuers: vec![Issuer::unlimited(issuer_id)],
            ..TrustBundle::default()
        };
        change(&mut bundle);
        let bundle = bundle
            .sign(&self.operator, &self.id, validity())
            .expect("signs the trust bundle");
        self.client
            .publish_trust(&bundle, &[self.operator()])
            .await
            .expect("publishes the trust bundle");
    }

    /// Starts a host in this process.
    pub async fn host(&self, name: &str) -> TestHost {
        self.host_with(HostOptions::named(name)).await
    }

    /// Starts a host in this process, with these options.
    pub async fn host_with(&self, options: HostOptions) -> TestHost {
        let files = self.host_files(&options);
        TestHost::start(self, options, files).await
    }

    /// Makes the folder of a host: key, token, trust bundle, operators. `lattice-host --data-dir` takes it as it is.
    pub fn host_files(&self, options: &HostOptions) -> HostFiles {
        HostFiles::create(self, options, &self.folder.path().join(&options.name))
    }

    /// Stores a component, and returns an actor of that name that runs it.
    pub async fn actor(&self, name: &str, component: impl Into<Bytes>) -> ActorSpec {
        let digest = self.store(component).await;
        ActorSpec::new(name.parse().expect("an actor's name"), digest, format!("test:{name}"))
    }

    /// Stores a component.
    pub async fn store(&self, component: impl Into<Bytes>) -> Digest {
        self.client
            .store_artifact(component.into())
            .await
            .expect("stores the component")
            .0
    }

    /// Tells a host something.
    pub async fn send<C: Command>(&self, host: &impl AsHost, command: &C) -> Result<C::Reply, ControlError> {
        self.client
            .send(&self.summary(host).await, command, PATIENCE, |_| ())
            .await
    }

    /// Runs an actor on a host.
    pub async fn try_start(
        &self,
        host: &impl AsHost,
        spec: &ActorSpec,
        replicas: u32,
    ) -> Result<ActorStarted, ControlError> {
        self.send(host, &ActorStart::new(spec.clone(), replicas)).await
    }

    /// Runs one replica of an actor on a host.
    pub async fn start_actor(&self, host: &impl AsHost, spec: &ActorSpec) -> ActorStarted {
        self.try_start(host, spec, 1)
            .await
            .unwrap_or_else(|error| panic!("`{}` does not start: {error:?}", spec.name))
    }

    /// Changes the replicas of an actor on a host.
    pub async fn scale(&self, host: &impl AsHost, actor: &ActorName, replicas: u32) -> ActorStatus {
        let scale = ActorScale {
            actor: actor.clone(),
            replicas,
        };
        self.send(host, &scale)
            .await
            .unwrap_or_else(|error| panic!("`{actor}` does not scale: {error:?}"))
    }

    /// Stops an actor on a host.
    pub async fn stop_actor(&self, host: &impl AsHost, actor: &ActorName, drain: Duration) -> ActorStopped {
        let stop = ActorStop {
            actor: actor.clone(),
            drain_ms: millis(drain),
        };
        self.send(host, &stop)
            .await
            .unwrap_or_else(|error| panic!("`{actor}` does not stop: {error:?}"))
    }

    /// Runs a provider on a host.
    pub async fn start_provider(
        &self,
        host: &impl AsHost,
        name: &str,
        kind: &str,
        config: &[(&str, &str)],
    ) -> ProviderStarted {
        let mut spec = ProviderSpec::new(
            name.parse().expect("a provider's name"),
            kind.parse().expect("a provider's kind"),
        );
        spec.config = ConfigMap::from_iter(config.iter().copied()).0;
        let started = self.send(host, &ProviderStart { spec }).await;
        started.unwrap_or_else(|error| panic!("provider `{name}` does not start: {error:?}"))
    }

    /// Runs an HTTP server on a host, on a free port, and returns its URL.
    pub async fn start_http(&self, host: &impl AsHost, name: &str) -> String {
        let started = self
            .start_provider(host, name, "http-server", &[("address", "127.0.0.1:0")])
            .await;
        started
            .status
            .endpoints
            .first()
            .expect("an HTTP server has an address")
            .clone()
    }

    /// Stops a provider on a host.
    pub async fn stop_provider(&self, host: &impl AsHost, name: &str, drain: Duration) {
        let stop = ProviderStop {
            provider: name.parse().expect("a provider's name"),
            drain_ms: millis(drain),
        };
        self.send(host, &stop)
            .await
            .unwrap_or_else(|error| panic!("provider `{name}` does not stop: {error:?}"));
    }

    /// Tells a host to drain and end.
    pub async fn stop_host(&self, host: &impl AsHost, drain: Duration) {
        let stop = HostStop {
            drain_ms: millis(drain),
        };
        self.send(host, &stop)
            .await
            .unwrap_or_else(|error| panic!("host {} does not stop: {error:?}", host.member_id()));
    }

    /// What a link is made of.
    pub fn draft(source: &str, interface: &str, target: &str, config: &[(&str, &str)]) -> LinkDraft {
        let claims = LinkClaims::new(
            source.parse::<Party>().expect("a source"),
            interface.parse().expect("an interface"),
            target.parse::<Party>().expect("a target"),
        );
        LinkDraft {
            claims,
            config: ConfigMap::from_iter(config.iter().copied()),
            lifetime: LINK_LIFETIME,
        }
    }

    /// Makes a link, and returns when every host has taken it.
    pub async fn link(&self, source: &str, interface: &str, target: &str, config: &[(&str, &str)]) -> LinkId {
        let (signed, verdicts) = self.put_link(&Self::draft(source, interface, target, config)).await;
        assert_eq!(
            verdicts.accepted(),
            verdicts.members.len(),
            "every host takes {}: {verdicts:?}",
            signed.id
        );
        signed.id
    }

    /// Makes a link, and says what every host makes of it.
    pub async fn put_link(&self, draft: &LinkDraft) -> (Signed, Verdicts) {
        let signed = self
            .client
            .put_link(draft, &self.signer)
            .await
            .expect("stores the link");
        let verdicts = self
            .client
            .confirm_link(&signed, false, PATIENCE)
            .await
            .expect("asks every host");
        (signed, verdicts)
    }

    /// Makes a link, and waits for nobody.
    pub async fn put_link_unseen(&self, draft: &LinkDraft) -> Signed {
        self.client
            .put_link(draft, &self.signer)
            .await
            .expect("stores the link")
    }

    /// Ends a link, and returns when every host has taken that.
    pub async fn unlink(&self, id: &LinkId) {
        let signed = self
            .client
            .delete_link(id, LINK_LIFETIME, &self.signer)
            .await
            .expect("stores the tombstone");
        let verdicts = self
            .client
            .confirm_link(&signed, true, PATIENCE)
            .await
            .expect("asks every host");
        assert_eq!(
            verdicts.accepted(),
            verdicts.members.len(),
            "every host takes the end of {id}: {verdicts:?}"
        );
    }

    /// A host as commands address it, as soon as it answers: servers of a cluster hear of a new host one after another.
    pub async fn summary(&self, host: &impl AsHost) -> MemberSummary {
        let begun = Instant::now();
        loop {
            match self.client.read(host.member_id(), &lattice_control::Ping {}).await {
                Ok(summary) => return summary,
                Err(error) if begun.elapsed() > PATIENCE => {
                    panic!("host {} does not answer: {error:?}", host.member_id())
                }
                Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
    }
}

fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::from_seed(&key.seed().expect("a key made here has a seed")).expect("a seed is a key")
}

fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

fn validity() -> Validity {
    Validity::lasting(now(), Duration::from_secs(24 * 3600))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
