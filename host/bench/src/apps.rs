//! What do applications cost? To apply many actors, beside the same by hand; to keep a thousand of them as they shall be, at rest; and
//! to look at all of them anew when another controller takes over.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::StreamExt as _;
use lattice_control::{AppsProgress, Place, Verb, reconcile::AppPhase};
use lattice_core::application::{Cause, DesiredActor, Placement};
use lattice_core::{ActorSpec, AppName, Application, Digest, Labels, MemberId};
use lattice_node::testing::{HostOptions, TestHost, TestLattice};
use lattice_testkit::NatsServer;
use serde_json::json;

use crate::lattice::component;
use crate::row;

/// How many actors are applied at once, on three hosts.
const SIZES: [usize; 3] = [100, 200, 400];
/// The crowd at rest.
const APPS: usize = 200;
const ACTORS_EACH: usize = 5;
const HOSTS: usize = 5;
/// How long rest is watched.
const REST: Duration = Duration::from_secs(20);
/// As long as anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures.
pub(crate) async fn run() -> Result<()> {
    for size in SIZES {
        apply(size).await?;
    }
    rest().await
}

/// A lattice with hosts that may all lead, and one component in its store.
struct Fleet {
    hosts: Vec<TestHost>,
    lattice: TestLattice,
    digest: Digest,
    nats: NatsServer,
}

impl Fleet {
    async fn set_up(hosts: usize) -> Result<Self> {
        let nats = NatsServer::start().await;
        let lattice = TestLattice::start(&nats.url()).await;
        let digest = lattice.store(component("pong")?).await;
        let mut fleet = Self {
            hosts: Vec::new(),
            lattice,
            digest,
            nats,
        };
        for index in 0..hosts {
            // As in earnest: what rest costs depends on it.
            let options = HostOptions {
                heartbeat: Duration::from_secs(2),
                lost_after: Duration::from_secs(5),
                ..HostOptions::named(&format!("h{index}")).leading()
            };
            fleet.hosts.push(fleet.lattice.host_with(options).await);
        }
        // Compiled once: this is not what is measured.
        let warm = fleet.spec("warm", None)?;
        for host in &fleet.hosts {
            fleet.lattice.start_actor(host, &warm).await;
            fleet.lattice.stop_actor(host, &warm.name, Duration::ZERO).await;
        }
        fleet.leader().await?;
        Ok(fleet)
    }

    fn spec(&self, name: &str, app: Option<&AppName>) -> Result<ActorSpec> {
        let mut spec = ActorSpec::new(name.parse()?, self.digest, "bench:pong");
        spec.app = app.cloned();
        Ok(spec)
    }

    fn application(&self, name: &str, actors: usize) -> Result<Application> {
        let name: AppName = name.parse()?;
        let actor = |index: usize| -> Result<DesiredActor> {
            Ok(DesiredActor {
                spec: self.spec(&format!("{name}-{index}"), Some(&name))?,
                placement: Placement::replicas(1),
                update: Default::default(),
            })
        };
        let actors: Result<Vec<DesiredActor>> = (0..actors).map(actor).collect();
        Ok(Application {
            actors: actors?,
            ..Application::empty(name.clone())
        })
    }

    async fn apply(&self, application: Application) -> Result<()> {
        let before = self.lattice.client().app(&application.name).await?;
        let signer = self.lattice.app_signer();
        let client = self.lattice.client();
        client
            .revise(application, Cause::Applied, before.as_ref(), &signer)
            .await?;
        Ok(())
    }

    async fn leader(&self) -> Result<MemberId> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(leader) = self.lattice.client().leader().await?
                && self.progress(&leader).await.is_some()
            {
                return Ok(leader);
            }
            ensure!(Instant::now() < until, "nobody leads");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many applications are ready and how many are not, as the leader sees it; none while nobody has looked.
    async fn progress(&self, leader: &MemberId) -> Option<(usize, usize)> {
        let reply = self
            .lattice
            .client()
            .read(leader, &AppsProgress::default())
            .await
            .ok()?;
        let ready = reply.apps.iter().filter(|app| app.phase == AppPhase::Ready).count();
        reply.leads.then_some((ready, reply.apps.len() - ready))
    }

    /// Waits until so many applications are ready.
    async fn until_ready(&self, apps: usize) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let leader = self.leader().await?;
            let seen = self.progress(&leader).await;
            if seen == Some((apps, 0)) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "not ready: {seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The wall time from `lattice apply` to all ready, beside a loop that starts one actor after the other.
async fn apply(size: usize) -> Result<()> {
    let fleet = Fleet::set_up(3).await?;
    let started = Instant::now();
    fleet.apply(fleet.application("many", size)?).await?;
    fleet.until_ready(1).await?;
    let ours = started.elapsed();

    let by_hand = Fleet::set_up(3).await?;
    let client = by_hand.lattice.client();
    let started = Instant::now();
    for index in 0..size {
        // What `lattice start actor` does, without starting a process and connecting each time.
        let spec = by_hand.spec(&format!("hand-{index}"), None)?;
        client.replicas_of(&spec).await?;
        let place = Place {
            spec,
            replicas: 1,
            selector: Labels::new(),
            drain: Duration::ZERO,
            within: PATIENCE,
        };
        client.place(&place, &|_, _| {}).await?;
    }
    let theirs = started.elapsed();
    row(
        &format!("apps/apply/{size}-actors"),
        &json!({ "millis": ours.as_secs_f64() * 1e3 }),
        Some(&(
            "loop of `lattice start`",
            json!({ "millis": theirs.as_secs_f64() * 1e3 }),
        )),
        &json!({ "ratio-at-most": 1.0 }),
    );
    Ok(())
}

/// A thousand actors at rest: commands, traffic, processor time; then another controller takes over.
async fn rest() -> Result<()> {
    let fleet = Fleet::set_up(HOSTS).await?;
    let started = Instant::now();
    for index in 0..APPS {
        fleet
            .apply(fleet.application(&format!("app-{index}"), ACTORS_EACH)?)
            .await?;
    }
    fleet.until_ready(APPS).await?;
    let millis = |elapsed: Duration| json!({ "millis": elapsed.as_secs_f64() * 1e3 });
    row(
        "apps/1000-actors/all-applied",
        &millis(started.elapsed()),
        None,
        &json!("none"),
    );

    let led = watch(&fleet).await?;
    let count = |count: f64| json!({ "count": count });
    row(
        "apps/1000-actors/rest/commands",
        &count(led.commands),
        None,
        &json!({ "at-most": { "count": 0.0 } }),
    );
    let per_second = led.bytes / REST.as_secs_f64();
    row(
        "apps/1000-actors/rest/bytes-a-second",
        &json!({ "bytes": per_second }),
        None,
        &json!("none"),
    );

    let leader = fleet.leader().await?;
    let started = Instant::now();
    let led_by = fleet
        .hosts
        .iter()
        .find(|host| *host.id() == leader)
        .context("the leader is one of them")?;
    led_by.node().stop_leading().await;
    fleet.until_ready(APPS).await?;
    row(
        "apps/1000-actors/takeover/all-looked-at",
        &millis(started.elapsed()),
        None,
        &json!({ "at-most": { "millis": 5000.0 } }),
    );
    for host in &fleet.hosts {
        host.node().stop_leading().await;
    }
    let unled = watch(&fleet).await?;
    // Of one processor.
    let percent = |used: f64| json!({ "percent": used / REST.as_secs_f64() * 100.0 });
    row(
        "apps/1000-actors/rest/processor",
        &percent(led.processor),
        Some(&("nobody leads", percent(unled.processor))),
        &json!("none"),
    );
    drop(fleet.nats);
    Ok(())
}

/// What went on for a while.
struct Watched {
    commands: f64,
    bytes: f64,
    /// Seconds that this process, with all of its hosts, had of a processor.
    processor: f64,
}

async fn watch(fleet: &Fleet) -> Result<Watched> {
    let nats = async_nats::connect(fleet.nats.url()).await?;
    let mut messages = nats.subscribe("lat.>").await?;
    let (mut commands, mut bytes) = (0.0, 0.0);
    let before = processor_seconds()?;
    let until = tokio::time::Instant::now() + REST;
    while let Ok(Some(message)) = tokio::time::timeout_at(until, messages.next()).await {
        let verb = message.subject.rsplit('.').next().unwrap_or_default();
        if message.subject.contains(".ctl.host.") && verb.parse().is_ok_and(Verb::is_signed) {
            commands += 1.0;
        }
        bytes += message.payload.len() as f64;
    }
    Ok(Watched {
        commands,
        bytes,
        processor: processor_seconds()? - before,
    })
}

/// Processor time of this process, from the kernel: fields 14 and 15 of its `stat`, in hundredths of a second.
fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in parentheses")?;
    let ticks: f64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}
