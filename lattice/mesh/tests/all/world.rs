//! A lattice to test in: a nats-server, an operator, an issuer, and members made on demand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_bus::{Bucket, Bus, BusConfig};
use lattice_core::presence::{ActorPlacement, MemberState, ProviderPlacement};
use lattice_core::token::{self, Draft, HostGrant, ProviderGrant, Validity, sign};
use lattice_core::trust::{Issuer, TrustBundle};
use lattice_core::{
    Digest, Fault, Labels, LatticeId, LinkClaims, LinkId, MemberId, Party, UnixSeconds, UnlinkClaims, subject,
};
use lattice_mesh::{
    Body, IncomingCall, Member, MemberConfig, OutgoingCall, Receiver, Reply, buckets, new_invocation_id,
};
use lattice_testkit::{NatsServer, eventually};
use nkeys::KeyPair;
use tempfile::TempDir;

/// Long enough for a loaded machine, short enough to notice a hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const INTERFACE: &str = "demo:ping/pong";

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) lattice: LatticeId,
    pub(crate) operator: KeyPair,
    pub(crate) issuer: KeyPair,
    pub(crate) bundle: TrustBundle,
}

/// A member, and what it takes to start it again.
pub(crate) struct Host {
    pub(crate) member: Arc<Member>,
    pub(crate) identity: HostIdentity,
}

pub(crate) struct HostIdentity {
    pub(crate) seed: String,
    pub(crate) token: String,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (operator, issuer) = (KeyPair::new_operator(), KeyPair::new_account());
        let issuers = vec![Issuer::unlimited(issuer.public_key().parse().expect("an issuer"))];
        let bundle = TrustBundle {
            serial: 1,
            issuers,
            ..TrustBundle::default()
        };
        let lattice = "test".parse().expect("a lattice");
        Self {
            nats: NatsServer::start().await,
            lattice,
            operator,
            issuer,
            bundle,
        }
    }

    pub(crate) fn now(&self) -> UnixSeconds {
        SystemTime::now().into()
    }

    pub(crate) fn day(&self) -> Validity {
        Validity::lasting(self.now(), Duration::from_secs(86_400))
    }

    pub(crate) fn signed_bundle(&self) -> String {
        self.bundle
            .sign(&self.operator, &self.lattice, self.day())
            .expect("signed")
    }

    /// Puts the present bundle, with the next serial, into the bucket.
    pub(crate) async fn publish_bundle(&mut self, change: impl FnOnce(&mut TrustBundle)) {
        self.bundle.serial += 1;
        change(&mut self.bundle);
        let bucket = self
            .bus("operator")
            .await
            .bucket(buckets::trust(&self.lattice))
            .await
            .expect("the trust bucket");
        bucket
            .put(subject::TRUST_BUNDLE_KEY, self.signed_bundle().into())
            .await
            .expect("stored");
    }

    pub(crate) async fn bus(&self, name: &str) -> Bus {
        self.bus_at(name, &self.nats.url()).await
    }

    pub(crate) async fn bus_at(&self, name: &str, url: &str) -> Bus {
        let mut config = BusConfig::new(name).server(url);
        config.discover_servers = false;
        Bus::connect(config).await.expect("connected")
    }

    pub(crate) fn identity(&self) -> HostIdentity {
        let grant = HostGrant {
            labels: Labels::default(),
            ..HostGrant::default()
        };
        self.enrol(&KeyPair::new_server(), grant)
    }

    /// The identity of a process that runs one provider.
    pub(crate) fn provider_identity(&self, name: &str) -> HostIdentity {
        let grant = ProviderGrant {
            provides: [name.parse().expect("a name")].into(),
            labels: Labels::default(),
            user: None,
        };
        self.enrol(&KeyPair::new_service(), grant)
    }

    fn enrol(&self, key: &KeyPair, grant: impl token::Body + Clone) -> HostIdentity {
        let draft = Draft {
            subject: key.public_key(),
            lattice: self.lattice.clone(),
            validity: self.day(),
            body: grant,
        };
        let token = sign(&self.issuer, &draft).expect("signed");
        HostIdentity {
            seed: key.seed().expect("a seed"),
            token,
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn config(&self, name: &str, identity: &HostIdentity) -> MemberConfig {
        let key = KeyPair::from_seed(&identity.seed).expect("a seed");
        let data_dir: PathBuf = identity.dir.path().to_owned();
        let mut config = MemberConfig::new(self.lattice.clone(), key, identity.token.clone(), data_dir);
        config.name = name.to_owned();
        config.trusted_operators = vec![self.operator.public_key().parse().expect("an operator")];
        config.bundle = Some(self.signed_bundle());
        config.heartbeat = Duration::from_millis(500);
        config.lost_after = Duration::from_secs(3);
        config
    }

    pub(crate) async fn host(&self, name: &str) -> Host {
        let identity = self.identity();
        self.host_with(name, identity, self.bus(name).await).await
    }

    /// A process that runs one provider, and says so.
    pub(crate) async fn provider(&self, name: &str) -> Host {
        let provider = self
            .host_with(name, self.provider_identity(name), self.bus(name).await)
            .await;
        provider.provides(name).await;
        provider
    }

    pub(crate) async fn host_with(&self, name: &str, identity: HostIdentity, bus: Bus) -> Host {
        let member = Member::join(self.config(name, &identity), bus).await.expect("joined");
        member.announce(|presence| presence.state = MemberState::Ready).await;
        Host { member, identity }
    }

    pub(crate) async fn links_bucket(&self) -> Bucket {
        self.bus("issuer")
            .await
            .bucket(buckets::links(&self.lattice))
            .await
            .expect("the links bucket")
    }

    /// Signs a link and puts it into the bucket.
    pub(crate) async fn link(&self, claims: &LinkClaims) -> LinkId {
        let token = claims.sign(&self.issuer, &self.lattice, self.day()).expect("signed");
        self.put_link(&claims.id(&self.lattice), token).await
    }

    pub(crate) async fn put_link(&self, id: &LinkId, token: impl Into<Bytes>) -> LinkId {
        self.links_bucket()
            .await
            .put(&id.link_key(), token.into())
            .await
            .expect("stored");
        id.clone()
    }

    pub(crate) async fn unlink(&self, id: &LinkId, generation: u64) {
        let token = UnlinkClaims { generation }
            .sign(&self.issuer, id, self.day())
            .expect("signed");
        self.put_link(id, token).await;
    }
}

/// A link for everything of [`INTERFACE`].
pub(crate) fn claims(source: &str, target: &str) -> LinkClaims {
    LinkClaims::new(party(source), INTERFACE.parse().expect("an interface"), party(target))
}

pub(crate) fn party(text: &str) -> Party {
    text.parse().expect("a party")
}

impl Host {
    pub(crate) fn id(&self) -> &MemberId {
        self.member.id()
    }

    /// Says that these actors run here.
    pub(crate) async fn runs(&self, actors: &[&str]) {
        let placement = |name: &&str| ActorPlacement {
            name: name.parse().expect("a name"),
            digest: Digest::of(name.as_bytes()),
            replicas: 1,
            in_flight: 0,
            capacity: 1000,
            fingerprint: None,
            app: None,
        };
        let placements: Vec<_> = actors.iter().map(placement).collect();
        self.member.announce(|presence| presence.actors = placements).await;
    }

    /// Says that this provider runs here.
    pub(crate) async fn provides(&self, name: &str) {
        let placement = ProviderPlacement {
            name: name.parse().expect("a name"),
            kind: "keyvalue-redis".parse().expect("a kind"),
            fingerprint: None,
            managed: false,
        };
        self.member
            .announce(|presence| presence.providers = vec![placement])
            .await;
    }

    pub(crate) fn serve(&self, receiver: impl Receiver) {
        assert!(self.member.serve(Arc::new(receiver)), "serving already");
    }

    /// Waits until this host has a link in force.
    pub(crate) async fn knows(&self, link: &LinkId) {
        eventually("the link to be in force", LIMIT, || async {
            self.member.links().current().get(link).cloned()
        })
        .await;
    }

    /// Waits until this host's directory has somebody running `target`.
    pub(crate) async fn sees(&self, host: &Host, target: &str) {
        let target = party(target);
        eventually("the directory to know", LIMIT, || async {
            let known = self.member.directory().get(host.id());
            known.filter(|known| known.runs(&target) && known.presence.state == MemberState::Ready)
        })
        .await;
    }

    /// A call of `play` from one actor to another over `link`.
    pub(crate) fn call(&self, link: &LinkId, source: &str, target: &str, body: impl Into<Body>) -> OutgoingCall {
        OutgoingCall {
            id: new_invocation_id(),
            source: party(source),
            target: party(target),
            link: link.clone(),
            interface: INTERFACE.parse().expect("an interface"),
            function: "play".parse().expect("a function"),
            deadline: Instant::now() + LIMIT,
            trace: None,
            head: Bytes::from_static(b"head"),
            body: body.into(),
        }
    }
}

/// Two hosts: `ping` on the first may call `pong` on the second.
pub(crate) struct PingPong {
    pub(crate) world: World,
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) link: LinkId,
}

impl PingPong {
    pub(crate) async fn start(receiver: impl Receiver) -> Self {
        let world = World::start().await;
        let (a, b) = (world.host("a").await, world.host("b").await);
        Self::wire(world, a, b, receiver).await
    }

    pub(crate) async fn wire(world: World, a: Host, b: Host, receiver: impl Receiver) -> Self {
        b.serve(receiver);
        a.runs(&["ping"]).await;
        b.runs(&["pong"]).await;
        let link = world.link(&claims("actor/ping", "actor/pong")).await;
        a.knows(&link).await;
        b.knows(&link).await;
        a.sees(&b, "actor/pong").await;
        Self { world, a, b, link }
    }

    pub(crate) fn call(&self, body: impl Into<Body>) -> OutgoingCall {
        self.a.call(&self.link, "actor/ping", "actor/pong", body)
    }

    pub(crate) async fn invoke(&self, body: impl Into<Body>) -> Result<Reply, Fault> {
        self.a.member.invoke(self.call(body), self.b.id()).await
    }
}

/// Answers with what it got.
pub(crate) struct Echo;

#[async_trait]
impl Receiver for Echo {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        Ok(Reply {
            head: call.head,
            body: call.body,
        })
    }
}

/// A receiver made of a function.
pub(crate) struct Run<F>(pub(crate) F);

#[async_trait]
impl<F, Fut> Receiver for Run<F>
where
    F: Fn(IncomingCall) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Fault>> + Send,
{
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        (self.0)(call).await
    }
}

/// A tracing subscriber for a test that one wants to watch: `RUST_LOG=lattice_mesh=debug`.
pub(crate) async fn text(reply: Reply) -> String {
    let body = reply.body.collect(1 << 20).await.expect("a whole body");
    String::from_utf8(body.to_vec()).expect("text")
}
