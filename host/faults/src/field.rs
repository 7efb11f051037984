//! Where it happens: three nats-servers, two hosts that keep actors, two where callers come in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use lattice_control::{ActorStart, Command, KeyedFind, KeyedFound, MemberSummary, Ping, ProviderStart};
use lattice_core::{ActorSpec, ConfigMap, KeyedActor, MemberId, ProviderSpec, subject};
use lattice_node::testing::{TestLattice, guest};
use lattice_testkit::{Cluster, free_port};

use crate::holds::Holds;
use crate::host::{Host, Mould};
use crate::nats;

/// How long anything may take that is no part of what is measured.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// The actors' records are spread over so many streams.
const SHARDS: u64 = 8;
const INCOMING: &str = "wasi:http/incoming-handler";
const PEERS: &str = "lattice:actor/peer-handler";

/// The actors that take part.
pub(crate) const ACTORS: [&str; 3] = ["cart", "ledger", "bank"];

/// Everything that can break. Processes come before what they live in, since fields are dropped in order.
pub(crate) struct Field {
    pub(crate) workers: Vec<Host>,
    pub(crate) fronts: Vec<Host>,
    /// Tells the hosts where a move is to be held.
    pub(crate) holds: Holds,
    /// Whether clients lose answers.
    pub(crate) losing: Arc<AtomicBool>,
    ports: Vec<u16>,
    specs: Vec<ActorSpec>,
    pub(crate) lattice: TestLattice,
    pub(crate) cluster: Cluster,
}

impl Field {
    /// Starts everything. `program` is `lattice-host`.
    pub(crate) async fn start(program: &Path, fenced: bool) -> Result<Self> {
        let cluster = nats::start().await;
        let lattice = TestLattice::start(&cluster.urls().join(",")).await;
        let holds = Holds::new()?;
        let mould = Mould {
            program,
            cluster: &cluster,
            lattice: &lattice,
            fenced,
            holds: &holds,
        };
        let mut workers = Vec::new();
        for name in ["a", "b"] {
            workers.push(Host::start(&mould, name).await?);
        }
        let mut fronts = Vec::new();
        for name in ["front-1", "front-2"] {
            fronts.push(Host::start(&mould, name).await?);
        }
        let mut specs = Vec::new();
        for name in ACTORS {
            specs.push(lattice.actor(name, guest(name)).await);
            let mut draft = TestLattice::draft(
                "provider/http",
                INCOMING,
                &format!("actor/{name}"),
                &[("path", &format!("/{name}/{{key}}"))],
            );
            draft.claims.label = name.parse().context("a link's label")?;
            lattice.put_link(&draft).await;
        }
        lattice.link("actor/bank", PEERS, "actor/bank", &[]).await;
        let ports = fronts.iter().map(|_| free_port()).collect();
        let field = Self {
            workers,
            fronts,
            holds,
            losing: Arc::default(),
            ports,
            specs,
            lattice,
            cluster,
        };
        field.run_all().await?;
        Ok(field)
    }

    /// Where callers come in.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.ports
            .iter()
            .map(|port| format!("http://127.0.0.1:{port}"))
            .collect()
    }

    /// Has every host run what it shall. What runs already is left alone.
    pub(crate) async fn run_all(&self) -> Result<()> {
        for host in &self.workers {
            for spec in &self.specs {
                self.told(host, &ActorStart::new(spec.clone(), 1)).await?;
            }
        }
        for (host, port) in self.fronts.iter().zip(&self.ports) {
            let mut spec = ProviderSpec::new("http".parse()?, "http-server".parse()?);
            spec.config = ConfigMap::from_iter([("address", format!("127.0.0.1:{port}").as_str())]).0;
            self.told(host, &ProviderStart { spec }).await?;
        }
        Ok(())
    }

    /// Tells a host something until it is done.
    async fn told<C: Command>(&self, host: &Host, command: &C) -> Result<C::Reply> {
        let started = Instant::now();
        loop {
            let told = async {
                let summary = self.summary(host.id()).await?;
                anyhow::Ok(self.lattice.client().send(&summary, command, PATIENCE, |_| ()).await?)
            };
            match told.await {
                Ok(reply) => return Ok(reply),
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error).with_context(|| format!("`{}` does not do what it is told", host.name));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// A host as commands address it.
    pub(crate) async fn summary(&self, id: &MemberId) -> Result<MemberSummary> {
        Ok(self.lattice.client().read(id, &Ping {}).await?)
    }

    /// Asks for an actor's record, of whichever host answers.
    pub(crate) async fn find(&self, actor: &KeyedActor) -> Result<KeyedFound> {
        let started = Instant::now();
        loop {
            for host in &self.workers {
                let find = KeyedFind { actor: actor.clone() };
                if let Ok(found) = self.lattice.client().read(host.id(), &find).await {
                    return Ok(found);
                }
            }
            if started.elapsed() > PATIENCE {
                bail!("no host can say whose `{actor}` is");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The worker that has an actor.
    pub(crate) async fn owner(&self, actor: &KeyedActor) -> Result<usize> {
        let found = self.find(actor).await?;
        let place = self
            .workers
            .iter()
            .position(|host| found.owner.as_ref() == Some(host.id()));
        place.with_context(|| format!("`{actor}` is nowhere"))
    }

    /// The nats-server that leads the stream with an actor's record.
    pub(crate) async fn leader(&self, actor: &KeyedActor) -> usize {
        let shard = usize::try_from(actor.hash64() % SHARDS).expect("less than the number of streams");
        let bucket = subject::buckets(self.lattice.id()).actors(shard);
        self.cluster.leader_of(&format!("KV_{bucket}")).await
    }

    /// Waits until NATS and all hosts are there and run what they shall.
    pub(crate) async fn whole(&self) -> Result<()> {
        self.cluster.ready().await;
        self.run_all().await
    }
}
