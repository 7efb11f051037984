//! A lattice to test in: a nats-server that lets nobody in without credentials, an operator, an issuer, and members made on
//! demand. Panics wherever something does not work.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lattice_bus::{Bus, BusConfig, Credentials, Secret};
use lattice_capability::CallContext;
use lattice_core::presence::{ActorPlacement, MemberState};
use lattice_core::token::nats::{
    AccountLimits, Permissions, ServerTrust, account_token, creds_text, operator_token, system_account_token,
    user_token,
};
use lattice_core::token::{Body, Draft, HostGrant, ProviderGrant, Validity, sign};
use lattice_core::trust::{Issuer, TrustBundle};
use lattice_core::{
    ActiveLink, ConfigMap, Digest, LatticeId, LinkClaims, LinkId, MemberId, Party, UnixSeconds, UnlinkClaims, subject,
};
use lattice_mesh::{Member, MemberConfig, buckets, new_invocation_id};
use lattice_testkit::{NatsServer, eventually};
use nkeys::KeyPair;
use tempfile::TempDir;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A lattice and the keys to it.
pub struct TestLattice {
    /// The server, for faults.
    pub nats: NatsServer,
    id: LatticeId,
    operator: KeyPair,
    issuer: KeyPair,
    account: KeyPair,
    admin: Bus,
}

/// A member made by [`TestLattice`]. Its folder is removed on drop.
pub struct TestMember {
    /// The member.
    pub member: Arc<Member>,
    _folder: TempDir,
}

impl TestLattice {
    /// Starts a server and publishes a trust bundle.
    pub async fn start() -> Self {
        let now = UnixSeconds::from(SystemTime::now());
        let (operator, issuer, account) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let nats = server(&account, now).await;
        let admin = connect(&nats, "admin", user(&account, &Permissions::all(), now), None).await;
        let id: LatticeId = "test".parse().expect("a lattice id");
        let lattice = Self {
            nats,
            id,
            operator,
            issuer,
            account,
            admin,
        };
        let trust = lattice
            .admin
            .bucket(buckets::trust(&lattice.id))
            .await
            .expect("the trust bucket");
        trust
            .put(subject::TRUST_BUNDLE_KEY, lattice.bundle().into())
            .await
            .expect("stored");
        // Members may not make the lattice's buckets.
        lattice
            .admin
            .bucket(buckets::links(&lattice.id))
            .await
            .expect("the links bucket");
        lattice
            .admin
            .bucket(buckets::config(&lattice.id))
            .await
            .expect("the config bucket");
        lattice
    }

    /// Returns a connection that may do everything.
    #[must_use]
    pub fn admin(&self) -> &Bus {
        &self.admin
    }

    /// Returns the operator's public key.
    #[must_use]
    pub fn operator(&self) -> String {
        self.operator.public_key()
    }

    /// Returns the public key of an operator that nobody here trusts.
    #[must_use]
    pub fn stranger() -> String {
        KeyPair::new_operator().public_key()
    }

    /// Makes a host that says it runs these actors.
    pub async fn host(&self, name: &str, actors: &[&str]) -> TestMember {
        let key = KeyPair::new_server();
        let host = self.join(name, key, HostGrant::default()).await;
        let placement = |actor: &&str| ActorPlacement {
            name: actor.parse().expect("an actor name"),
            digest: Digest::of(actor.as_bytes()),
            replicas: 1,
            in_flight: 0,
            capacity: 1000,
            fingerprint: None,
            app: None,
        };
        let placements: Vec<_> = actors.iter().map(placement).collect();
        host.member
            .announce(|presence| {
                presence.actors = placements;
                presence.state = MemberState::Ready;
            })
            .await;
        host
    }

    /// Makes what a process needs to join as the provider `name`: its bus and its configuration. The folder is to be kept.
    pub async fn provider(&self, name: &str) -> (MemberConfig, Bus, TempDir) {
        let key = KeyPair::new_service();
        let member: MemberId = key.public_key().parse().expect("a provider key");
        let bus = self.bus(name, &member).await;
        let folder = tempfile::tempdir().expect("a folder");
        let token = self.grant(&key, provider_grant(name));
        (self.config(name, key, token, &folder), bus, folder)
    }

    /// Makes a folder as `lattice key provider-creds` does.
    #[must_use]
    pub fn provider_folder(&self, name: &str) -> TempDir {
        let key = KeyPair::new_service();
        let member: MemberId = key.public_key().parse().expect("a provider key");
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join(file);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("made private");
        };
        write("provider.seed", &key.seed().expect("a seed"));
        write("provider.jwt", &self.grant(&key, provider_grant(name)));
        write(
            "nats.creds",
            &user(&self.account, &Permissions::member(&self.id, &member), self.now()),
        );
        folder
    }

    /// Signs a link and puts it, with its configuration, where members find it.
    pub async fn link(&self, source: &str, interface: &str, target: &str, config: &[(&str, &str)]) -> LinkId {
        self.link_with(source, interface, target, config, |_| {}).await
    }

    /// As [`link`](Self::link), changed before it is signed.
    pub async fn link_with(
        &self,
        source: &str,
        interface: &str,
        target: &str,
        config: &[(&str, &str)],
        change: impl FnOnce(&mut LinkClaims),
    ) -> LinkId {
        let party = |text: &str| text.parse::<Party>().expect("a party");
        let mut claims = LinkClaims::new(party(source), interface.parse().expect("an interface"), party(target));
        let config: ConfigMap = config.iter().copied().collect();
        claims.config_digest = Some(config.digest());
        change(&mut claims);
        let configs = self
            .admin
            .bucket(buckets::config(&self.id))
            .await
            .expect("the config bucket");
        configs
            .put(&config.digest().hex(), config.encode().into())
            .await
            .expect("stored");
        let token = claims.sign(&self.issuer, &self.id, self.day()).expect("signed");
        self.put(&claims.id(&self.id), token).await
    }

    /// Ends a link for good.
    pub async fn unlink(&self, link: &LinkId, generation: u64) {
        let token = UnlinkClaims { generation }
            .sign(&self.issuer, link, self.day())
            .expect("signed");
        self.put(link, token).await;
    }

    async fn put(&self, link: &LinkId, token: String) -> LinkId {
        let links = self
            .admin
            .bucket(buckets::links(&self.id))
            .await
            .expect("the links bucket");
        links.put(&link.link_key(), token.into()).await.expect("stored");
        link.clone()
    }

    async fn join(&self, name: &str, key: KeyPair, grant: impl Body + Clone) -> TestMember {
        let member: MemberId = key.public_key().parse().expect("a member key");
        let bus = self.bus(name, &member).await;
        let folder = tempfile::tempdir().expect("a folder");
        let token = self.grant(&key, grant);
        let member = Member::join(self.config(name, key, token, &folder), bus)
            .await
            .expect("joined");
        TestMember {
            member,
            _folder: folder,
        }
    }

    fn config(&self, name: &str, key: KeyPair, token: String, folder: &TempDir) -> MemberConfig {
        let mut config = MemberConfig::new(self.id.clone(), key, token, folder.path());
        config.name = name.to_owned();
        config.trusted_operators = vec![self.operator.public_key().parse().expect("an operator")];
        config.bundle = Some(self.bundle());
        config.heartbeat = Duration::from_millis(500);
        config
    }

    async fn bus(&self, name: &str, member: &MemberId) -> Bus {
        let creds = user(&self.account, &Permissions::member(&self.id, member), self.now());
        connect(&self.nats, name, creds, Some(Permissions::inbox_prefix(member))).await
    }

    fn grant(&self, key: &KeyPair, body: impl Body + Clone) -> String {
        let draft = Draft {
            subject: key.public_key(),
            lattice: self.id.clone(),
            validity: self.day(),
            body,
        };
        sign(&self.issuer, &draft).expect("signed")
    }

    fn bundle(&self) -> String {
        let issuers = vec![Issuer::unlimited(self.issuer.public_key().parse().expect("an issuer"))];
        let bundle = TrustBundle {
            serial: 1,
            issuers,
            ..TrustBundle::default()
        };
        bundle.sign(&self.operator, &self.id, self.day()).expect("signed")
    }

    fn now(&self) -> UnixSeconds {
        SystemTime::now().into()
    }

    fn day(&self) -> Validity {
        Validity::lasting(self.now(), Duration::from_secs(86_400))
    }
}

impl TestMember {
    /// Waits until this member has the link in force.
    pub async fn knows(&self, link: &LinkId) -> Arc<ActiveLink> {
        eventually("the link to be in force", LIMIT, || async {
            self.member.links().current().get(link).cloned()
        })
        .await
    }

    /// Waits until this member sees somebody ready who runs `party`.
    pub async fn sees(&self, party: &str) {
        let party: Party = party.parse().expect("a party");
        eventually("the directory to know", LIMIT, || async {
            let running = self.member.directory().running(&party);
            running
                .iter()
                .any(|member| member.presence.state == MemberState::Ready)
                .then_some(())
        })
        .await;
    }
}

/// The context of a call over a link, with a minute to go.
#[must_use]
pub fn context_of(link: &ActiveLink) -> CallContext {
    CallContext {
        deadline: Instant::now() + LIMIT,
        source: link.source.clone(),
        link: link.id.clone(),
        invocation: new_invocation_id(),
        trace: None,
    }
}

fn provider_grant(name: &str) -> ProviderGrant {
    let provides = [name.parse().expect("a provider name")].into();
    ProviderGrant {
        provides,
        labels: lattice_core::Labels::default(),
        user: None,
    }
}

async fn server(account: &KeyPair, now: UnixSeconds) -> NatsServer {
    let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
    let id = |key: &KeyPair| key.public_key().parse().expect("an account");
    let own = account_token(&operator, &id(account), "LATTICE", AccountLimits::UNLIMITED, now).expect("signed");
    let trust = ServerTrust {
        operator_token: operator_token(&operator, "test", &id(&system), now).expect("signed"),
        system_account: id(&system),
        accounts: vec![
            (id(account), own),
            (
                id(&system),
                system_account_token(&operator, &id(&system), now).expect("signed"),
            ),
        ],
    };
    NatsServer::builder().config(&trust.config()).start().await
}

/// Makes a user of the account, as the text of a credentials file.
fn user(account: &KeyPair, permissions: &Permissions, now: UnixSeconds) -> String {
    let key = KeyPair::new_user();
    let id = key.public_key().parse().expect("a user");
    let token = user_token(account, &id, "test", permissions, now, None).expect("signed");
    creds_text(&token, &key.seed().expect("a seed")).to_string()
}

async fn connect(nats: &NatsServer, name: &str, creds: String, inbox_prefix: Option<String>) -> Bus {
    let mut config = BusConfig::new(name)
        .server(nats.url())
        .credentials(Credentials::Text(Secret::from(creds)))
        .patience(LIMIT);
    config.inbox_prefix = inbox_prefix;
    Bus::connect(config).await.expect("the server is up and knows us")
}
