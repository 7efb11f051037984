//! What is measured on: a cluster of three nats-servers, a host that calls and hosts that keep stateful actors, each connected to a server
//! of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use lattice_bus::{Bucket, BucketConfig, Bus, BusConfig, CasError};
use lattice_control::{KeyedFind, KeyedList};
use lattice_core::{ActorKind, ActorSpec, Durability, KeyedActor, LinkId, MemberId, Party, Reuse, Stateful, subject};
use lattice_mesh::{
    Body, DEFAULT_HEARTBEAT, DEFAULT_LOST_AFTER, KeyedTarget, Member, OutgoingCall, Reply, new_invocation_id,
};
use lattice_node::testing::{HostOptions, TestHost, TestLattice};
use lattice_testkit::Cluster;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::figures::Samples;
use crate::lattice::component;

/// Streams that the records of actors are dealt out over, as in `lattice-stateful`. The baseline's writes are spread alike.
const SHARDS: u64 = 8;
/// As long as any call may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer.
const ANSWER_MAX: usize = 64 << 20;
/// What the stateful actors do.
const OPERATIONS: &str = "test:stateful/operations@0.1.0";
/// How carts are called.
const HTTP: &str = "wasi:http/incoming-handler";
/// Where the baseline's responder listens.
const ECHO: &str = "bench.echo";

/// What is measured on. Dropped in this order: hosts before their servers.
pub(super) struct Stage {
    /// Makes the calls.
    pub(super) front: TestHost,
    /// Keep the actors.
    pub(super) homes: Vec<TestHost>,
    pub(super) lattice: TestLattice,
    links: HashMap<String, LinkId>,
    baseline: Bus,
    buckets: Vec<Bucket>,
    cluster: Cluster,
    next_url: AtomicUsize,
}

impl Stage {
    /// Starts everything, with so many homes.
    pub(super) async fn set_up(homes: usize, memory_max: Option<u64>) -> Result<Self> {
        let cluster = Cluster::start(3).await;
        let lattice = TestLattice::start(&cluster.members[0].url()).await;
        let baseline = Bus::connect(BusConfig::new("bench").servers(cluster.urls())).await?;
        let mut buckets = Vec::new();
        for shard in 0..SHARDS {
            let bucket = baseline.bucket(BucketConfig::new(format!("bench_{shard}"))).await?;
            ensure!(bucket.replicas() == 3, "a bucket has {} copies", bucket.replicas());
            buckets.push(bucket);
        }
        let front = lattice
            .host_with(in_earnest("front", cluster.members[0].url(), None))
            .await;
        let relay = lattice.actor("relay", component("test-relay")?).await;
        let mut stage = Self {
            front,
            homes: Vec::new(),
            lattice,
            links: HashMap::new(),
            baseline,
            buckets,
            cluster,
            next_url: AtomicUsize::new(1),
        };
        // What calls come from has to live where they come from.
        stage.link("pong", "example:ping-pong/pong").await;
        stage.lattice.start_actor(&stage.front, &relay).await;
        for home in 0..homes {
            let home = stage.home(&format!("home-{home}"), memory_max).await;
            stage.homes.push(home);
        }
        Ok(stage)
    }

    /// Starts one more host.
    pub(super) async fn home(&self, name: &str, memory_max: Option<u64>) -> TestHost {
        let urls = self.cluster.urls();
        let url = urls[self.next_url.fetch_add(1, Ordering::Relaxed) % urls.len()].clone();
        self.lattice.host_with(in_earnest(name, url, memory_max)).await
    }

    async fn link(&mut self, name: &str, interface: &str) {
        let target = format!("actor/{name}");
        let mut draft = TestLattice::draft("actor/relay", interface, &target, &[]);
        // One of several to the same interface.
        draft.claims.label = name.parse().expect("an actor's name is a label");
        let (signed, _) = self.lattice.put_link(&draft).await;
        self.links.insert(name.to_owned(), signed.id);
    }

    /// What runs the stateful actors of that name.
    pub(super) async fn spec(&self, name: &str, durability: Durability) -> Result<ActorSpec> {
        let mut spec = self.lattice.actor(name, component("test-stateful")?).await;
        spec.kind = ActorKind::Stateful(awake_for_long(durability));
        Ok(spec)
    }

    /// Lets stateful actors of that name live on all homes.
    pub(super) async fn keep(&mut self, name: &str, durability: Durability) -> Result<ActorSpec> {
        let spec = self.spec(name, durability).await?;
        // The component can do more than it is asked here, and starts only when all of that leads somewhere.
        let source = format!("actor/{name}");
        for interface in [
            "wasi:keyvalue/store",
            "wasi:http/outgoing-handler",
            "wasmcloud:messaging/consumer",
        ] {
            self.lattice.link(&source, interface, "provider/nobody", &[]).await;
        }
        self.lattice
            .link(&source, "example:ping-pong/pong", "actor/pong", &[])
            .await;
        for home in &self.homes {
            self.lattice.start_actor(home, &spec).await;
        }
        self.link(name, "test:stateful/operations").await;
        Ok(spec)
    }

    /// Runs the service `pong` on a host, with instances that stay, as those of stateful actors do.
    pub(super) async fn serve_pong(&self, host: &TestHost) -> Result<()> {
        let mut pong = self.lattice.actor("pong", component("pong")?).await;
        pong.reuse = Reuse::Invocations(u32::MAX);
        self.lattice.start_actor(host, &pong).await;
        Ok(())
    }

    /// Runs an actor on the first home that calls `pong`, and the stateful actors of a name.
    pub(super) async fn pair(&self, name: &str, stateful: &str) -> Result<()> {
        let (source, stateful) = (format!("actor/{name}"), format!("actor/{stateful}"));
        self.lattice
            .link(&source, "example:ping-pong/pong", "actor/pong", &[])
            .await;
        self.lattice
            .link(&source, "test:stateful/operations", &stateful, &[])
            .await;
        let pair = self.lattice.actor(name, component("test-keyed-relay")?).await;
        self.lattice.start_actor(&self.homes[0], &pair).await;
        Ok(())
    }

    /// Has a stateful actor do something, wherever it lives.
    pub(super) async fn run(&self, name: &str, key: &str, operation: &str, argument: &str) -> Result<String> {
        self.run_from(self.front.node().member(), name, key, operation, argument)
            .await
    }

    async fn run_from(&self, from: &Member, name: &str, key: &str, operation: &str, argument: &str) -> Result<String> {
        let args = rmp_serde::to_vec(&[operation, argument])?;
        let call = self.call(name, OPERATIONS, "run", args.into())?;
        let target = KeyedTarget::new(key.parse()?, Uuid::new_v4());
        let (reply, _outstanding) = from
            .invoke_keyed(call, target)
            .await
            .with_context(|| format!("{operation} of {name}/{key}"))?;
        answer(reply).await
    }

    /// Lets carts live on all homes.
    pub(super) async fn keep_carts(&mut self, name: &str) -> Result<()> {
        let mut spec = self.lattice.actor(name, component("cart")?).await;
        spec.kind = ActorKind::Stateful(awake_for_long(Durability::Commit));
        for home in &self.homes {
            self.lattice.start_actor(home, &spec).await;
        }
        self.link(name, HTTP).await;
        Ok(())
    }

    /// Counts one more in a cart, as an HTTP request would.
    pub(super) async fn add_to_cart(&self, name: &str, key: &str) -> Result<()> {
        let request = http::Request::post("/cart/add").body(Bytes::new())?;
        let (head, body) = provider_sdk::remote::http::encode_collected(request)?;
        let mut call = self.call(name, HTTP, "handle", Bytes::new())?;
        (call.head, call.body) = (head, body);
        let target = KeyedTarget::new(key.parse()?, Uuid::new_v4());
        let (reply, _outstanding) = self.front.node().member().invoke_keyed(call, target).await?;
        let response = provider_sdk::remote::http::decode_response(reply)?;
        ensure!(response.status().is_success(), "{name}/{key}: {}", response.status());
        Ok(())
    }

    /// Has a stateful actor say what the service `pong` says.
    pub(super) async fn ping_keyed(&self, name: &str, key: &str) -> Result<()> {
        let args = rmp_serde::to_vec(&["0"])?;
        let call = self.call(name, OPERATIONS, "ping", args.into())?;
        let target = KeyedTarget::new(key.parse()?, Uuid::new_v4());
        let (reply, _outstanding) = self.front.node().member().invoke_keyed(call, target).await?;
        ensure!(!reply.body.collect(ANSWER_MAX).await?.is_empty(), "{name} says nothing");
        Ok(())
    }

    /// Calls the service `pong` on one host.
    pub(super) async fn ping(&self, host: &MemberId) -> Result<()> {
        let args = rmp_serde::to_vec(&["0"])?;
        let call = self.call("pong", "example:ping-pong/pong@0.1.0", "ping", args.into())?;
        let reply = self.front.node().member().invoke(call, host).await?;
        ensure!(!reply.body.collect(ANSWER_MAX).await?.is_empty(), "pong says nothing");
        Ok(())
    }

    fn call(&self, name: &str, interface: &str, function: &str, args: Bytes) -> Result<OutgoingCall> {
        let link = self.links.get(name).context("no link leads there")?;
        Ok(OutgoingCall {
            id: new_invocation_id(),
            source: Party::Actor("relay".parse()?),
            target: Party::Actor(name.parse()?),
            link: link.clone(),
            interface: interface.parse()?,
            function: function.parse()?,
            deadline: Instant::now() + PATIENCE,
            trace: None,
            head: Bytes::new(),
            body: Body::from(args),
        })
    }

    /// Touches `keys`, so many at a time, and returns how long each took.
    pub(super) async fn touch(&self, name: &str, keys: &[String], at_a_time: usize) -> Result<Samples> {
        let touched = futures::stream::iter(keys).map(async |key| {
            let start = Instant::now();
            let count = self.run(name, key, "add", "1").await?;
            ensure!(count == "1", "{name}/{key} counts {count} when it is touched first");
            Ok(start.elapsed())
        });
        let mut touched = touched.buffer_unordered(at_a_time);
        let mut samples = Samples::default();
        while let Some(time) = touched.next().await {
            samples.add(time?);
        }
        Ok(samples)
    }

    /// The home that has an actor, by its place among them.
    pub(super) async fn home_of(&self, name: &str, key: &str) -> Result<usize> {
        let actor = KeyedActor::new(name.parse()?, key.parse()?);
        let found = self.lattice.send(&self.homes[0], &KeyedFind { actor }).await?;
        let owner = found.owner.with_context(|| format!("nobody has {name}/{key}"))?;
        let home = self.homes.iter().position(|home| *home.id() == owner);
        home.context("its owner is no home")
    }

    /// The keys that are awake on a home.
    pub(super) async fn awake(&self, name: &str, home: &TestHost) -> Result<Vec<String>> {
        let list = KeyedList {
            name: name.parse()?,
            limit: u64::MAX,
        };
        let listed = self.lattice.send(home, &list).await?;
        Ok(listed.keys.iter().map(ToString::to_string).collect())
    }

    /// How long the record of an actor is.
    pub(super) async fn record_bytes(&self, name: &str, key: &str) -> Result<usize> {
        let actor = KeyedActor::new(name.parse()?, key.parse()?);
        let shard = usize::try_from(actor.hash64() % SHARDS)?;
        let bucket = BucketConfig::new(subject::buckets(self.lattice.id()).actors(shard));
        let record = self.baseline.bucket(bucket).await?.get(&actor.record_key()).await?;
        Ok(record.context("it has no record")?.value.len())
    }

    /// Writes `writes` times over what was written before, one after the other: what a commit cannot do without.
    pub(super) async fn write(&self, key: &str, bytes: usize, writes: usize) -> Result<Samples> {
        let value = Bytes::from(vec![b'x'; bytes]);
        let mut revisions = vec![0; self.buckets.len()];
        let mut samples = Samples::default();
        for nth in 0..writes + self.buckets.len() {
            let shard = nth % self.buckets.len();
            let start = Instant::now();
            let written = self.buckets[shard].update(key, value.clone(), revisions[shard]).await;
            revisions[shard] = written.map_err(|error| anyhow!("{key} in shard {shard}: {error}"))?;
            // The first of each bucket warms it up.
            if nth >= self.buckets.len() {
                samples.add(start.elapsed());
            }
        }
        Ok(samples)
    }

    /// Writes one key again and again until `until`, and returns how often.
    pub(super) async fn write_until(&self, nth: usize, round: usize, bytes: usize, until: Instant) -> Result<usize> {
        let value = Bytes::from(vec![b'x'; bytes]);
        let (bucket, key) = (&self.buckets[nth % self.buckets.len()], format!("busy-{round}-{nth}"));
        let (mut revision, mut written) = (0, 0);
        while Instant::now() < until {
            revision = match bucket.update(&key, value.clone(), revision).await {
                Ok(revision) => revision,
                // The answer to a write of ours came too late, so that it was made again.
                Err(CasError::Conflict { .. }) => bucket.get(&key).await?.map_or(0, |entry| entry.revision),
                Err(error) => return Err(error.into()),
            };
            written += 1;
        }
        Ok(written)
    }

    /// Makes requests that are answered at once, on connections of their own.
    pub(super) async fn requests(&self, requests: usize) -> Result<Samples> {
        let responder = async_nats::connect(self.cluster.members[1].url()).await?;
        let mut questions = responder.subscribe(ECHO).await?;
        responder.flush().await?;
        let _echo = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let Some(reply) = question.reply else { continue };
                if responder.publish(reply, question.payload).await.is_err() {
                    break;
                }
            }
        }));
        let requester = async_nats::connect(self.cluster.members[0].url()).await?;
        // The servers tell each other of the subscription.
        tokio::time::timeout(PATIENCE, async {
            while requester.request(ECHO, Bytes::new()).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await?;
        let mut samples = Samples::default();
        for _ in 0..requests {
            let start = Instant::now();
            requester.request(ECHO, Bytes::from_static(&[b'x'; 200])).await?;
            samples.add(start.elapsed());
        }
        Ok(samples)
    }
}

/// Nothing rests on its own while it is measured, and nothing for its number.
fn awake_for_long(durability: Durability) -> Stateful {
    Stateful {
        durability,
        idle_after_ms: 3_600_000,
        active_max: u32::MAX,
        ..Stateful::default()
    }
}

/// As hosts are when nobody tests them: how long they take to notice things counts.
fn in_earnest(name: &str, url: String, memory_max: Option<u64>) -> HostOptions {
    HostOptions {
        heartbeat: DEFAULT_HEARTBEAT,
        lost_after: DEFAULT_LOST_AFTER,
        stateful_memory_max: memory_max,
        ..HostOptions::named(name).url(url)
    }
}

/// What an operation answers: `result<string, string>`.
async fn answer(reply: Reply) -> Result<String> {
    let bytes = reply.body.collect(ANSWER_MAX).await?;
    let [(case, text)]: [(String, String); 1] = rmp_serde::from_slice(&bytes)?;
    ensure!(case == "ok", "the actor says no: {text}");
    Ok(text)
}
