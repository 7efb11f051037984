//! Hosts of a [`TestLattice`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use lattice_bus::{Bus, BusConfig};
use lattice_core::token::{Draft, HostGrant, sign};
use lattice_core::{Labels, MemberId, SiteName};
use lattice_engine::{Compilation, EngineConfig};
use lattice_oci::Registries;
use lattice_telemetry::{Instruments, Recent, Telemetry, Tracer};
use nkeys::KeyPair;

use super::{TestLattice, validity};
use crate::{BlobLimits, Node, NodeConfig, Stopped};

/// How a test's host is to be.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// What people call it; also its folder.
    pub name: String,
    /// Labels that its token grants.
    pub labels: Labels,
    /// The site it is at, and then its state is in the JetStream domain `hub`.
    pub site: Option<SiteName>,
    /// Where it connects, if not where the lattice is: through a proxy, for instance.
    pub url: Option<String>,
    /// How often it says that it is alive.
    pub heartbeat: Duration,
    /// After how long it takes others for lost.
    pub lost_after: Duration,
    /// Grace for what is replaced.
    pub grace: Duration,
    /// The most replicas that may be placed on it.
    pub replicas_max: Option<u32>,
    /// The most linear memory of live stateful actors, in bytes, if not what the machine has room for.
    pub stateful_memory_max: Option<u64>,
    /// Who compiles components for it.
    pub compilation: Compilation,
    /// Whether it has a controller, which may lead.
    pub leads: bool,
    /// How many components it keeps on disk.
    pub blobs: BlobLimits,
    /// Where its spans go.
    pub tracer: Tracer,
    /// Those of the last while.
    pub recent: Recent,
    /// What counts and times what it does.
    pub instruments: Instruments,
}

impl HostOptions {
    /// A host of that name, quick to notice things.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            labels: Labels::default(),
            site: None,
            url: None,
            heartbeat: Duration::from_millis(250),
            lost_after: Duration::from_secs(2),
            grace: Duration::from_secs(20),
            replicas_max: None,
            stateful_memory_max: None,
            compilation: Compilation::default(),
            leads: false,
            blobs: BlobLimits::default(),
            tracer: Tracer::off(),
            instruments: Instruments::off(),
            recent: Recent::default(),
        }
    }

    /// The same with these labels, `zone=eu,tier=1`.
    #[must_use]
    pub fn labels(mut self, labels: &str) -> Self {
        self.labels = labels.parse().expect("labels");
        self
    }

    /// The same with a controller.
    #[must_use]
    pub fn leading(mut self) -> Self {
        self.leads = true;
        self
    }

    /// The same without a compiler.
    #[must_use]
    pub fn without_compiler(mut self) -> Self {
        self.compilation = Compilation::Elsewhere;
        self
    }

    /// The same, telling of its work.
    #[must_use]
    pub fn telling(mut self, telemetry: &Telemetry) -> Self {
        (self.tracer, self.recent) = (telemetry.tracer(), telemetry.recent());
        self.instruments = telemetry.instruments(true);
        self
    }

    /// The same, connected elsewhere.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}

/// The folder of a host that is enrolled.
#[derive(Debug, Clone)]
pub struct HostFiles {
    /// The folder: `host.seed`, `host.jwt`, `trust.jwt`, `operators`.
    pub folder: PathBuf,
    /// The host's key.
    pub id: MemberId,
    seed: String,
    token: String,
}

impl HostFiles {
    pub(super) fn create(lattice: &TestLattice, options: &HostOptions, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("makes the host's folder");
        let seed_file = folder.join("host.seed");
        let seed = match std::fs::read_to_string(&seed_file) {
            Ok(seed) => seed.trim().to_owned(),
            Err(_) => KeyPair::new_server().seed().expect("a new key has a seed"),
        };
        let id: MemberId = KeyPair::from_seed(&seed)
            .expect("a seed")
            .public_key()
            .parse()
            .expect("a host's key");
        let grant = HostGrant {
            labels: options.labels.clone(),
            ..HostGrant::default()
        };
        let draft = Draft {
            subject: id.to_string(),
            lattice: lattice.id.clone(),
            validity: validity(),
            body: grant,
        };
        let token = sign(&lattice.issuer, &draft).expect("signs the host's token");
        write_private(&seed_file, &seed);
        write_private(&folder.join("host.jwt"), &token);
        write_private(&folder.join("trust.jwt"), &lattice.bundle);
        write_private(&folder.join("operators"), lattice.operator().as_str());
        Self {
            folder: folder.to_owned(),
            id,
            seed,
            token,
        }
    }
}

fn write_private(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("sets the mode");
    }
}

/// A host in this process. Dropped, it dies as in a crash: nothing is drained, nobody is told.
pub struct TestHost {
    node: Node,
    options: HostOptions,
    files: HostFiles,
    bus: Bus,
}

impl TestHost {
    pub(super) async fn start(lattice: &TestLattice, options: HostOptions, files: HostFiles) -> Self {
        let url = options.url.clone().unwrap_or_else(|| lattice.url.clone());
        let mut config = BusConfig::new(format!("host {}", options.name))
            .server(url)
            .patience(super::PATIENCE);
        config.jetstream_domain = options.site.as_ref().map(|_| super::HUB.to_owned());
        let bus = Bus::connect(config).await.expect("connects to nats-server");
        // One cache for all hosts of a lattice: they are of one kind, and compiling is what tests wait for.
        let mut engine = EngineConfig::new(lattice.folder.path().join("compiled"));
        engine.compilation = options.compilation;
        let config = NodeConfig {
            lattice: lattice.id.clone(),
            key: KeyPair::from_seed(&files.seed).expect("a seed"),
            token: files.token.clone(),
            trusted_operators: vec![lattice.operator()],
            bundle: Some(lattice.bundle.clone()),
            data_dir: files.folder.clone(),
            labels: Labels::default(),
            site: options.site.clone(),
            name: options.name.clone(),
            heartbeat: options.heartbeat,
            lost_after: options.lost_after,
            grace: options.grace,
            engine,
            replicas_max: options.replicas_max,
            tracer: options.tracer.clone(),
            instruments: options.instruments.clone(),
            recent: options.recent.clone(),
            stateful_memory_max: options
                .stateful_memory_max
                .unwrap_or_else(NodeConfig::default_stateful_memory),
            secrets: files.folder.join("secrets"),
            registries: Some(Registries::default()),
            blobs: options.blobs,
            controller: options
                .leads
                .then(|| lattice.controller(files.folder.join("controller"))),
        };
        let node = Node::start(config, bus.clone()).await;
        let node = node.unwrap_or_else(|error| panic!("host `{}` does not start: {error:?}", options.name));
        Self {
            node,
            options,
            files,
            bus,
        }
    }

    /// Its key.
    pub fn id(&self) -> &MemberId {
        self.node.id()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The host itself.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.files.folder
    }

    /// Drains and stops it.
    pub async fn stop(self, grace: Duration) -> Stopped {
        let stopped = self.node.stop(grace).await;
        self.bus.drain(Duration::from_secs(5)).await;
        stopped
    }

    /// Ends it as a crash would, and starts it again from the same folder.
    pub async fn crash(self, lattice: &TestLattice) -> Self {
        let (options, files) = (self.options.clone(), self.files.clone());
        drop(self);
        Self::start(lattice, options, files).await
    }

    /// Stops it and starts it again from the same folder, as after a reboot.
    pub async fn restart(self, lattice: &TestLattice) -> Self {
        let (options, files) = (self.options.clone(), self.files.clone());
        self.stop(Duration::from_secs(5)).await;
        Self::start(lattice, options, files).await
    }
}
