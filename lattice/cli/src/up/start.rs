//! Starting a lattice: trust, NATS, state, hosts, in this order.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::Result;
use lattice_control::{ControlClient, MemberSummary};
use lattice_core::presence::MemberState;
use tokio::sync::mpsc;

use super::{
    access, host,
    identity::ProcessIdentity,
    keeper::{Keep, Keeper, Kept},
    nats::NatsFolder,
    observe::{Observed, chosen_endpoint, observe},
    plan::UpPlan,
    programs,
    record::{HostRun, NatsRun, Phase, RunRecord},
};
use crate::{
    failure::{Exit, Failure},
    output::note,
    session::now,
    trust_root::{Origin, TrustRoot},
};

/// How long the NATS server may take to listen.
const NATS_WITHIN: Duration = Duration::from_secs(30);
/// How long the hosts may take to serve. Nothing is compiled yet, but a small board reads slowly.
const HOSTS_WITHIN: Duration = Duration::from_secs(60);
/// How long the NATS server may take to end.
const NATS_GRACE: Duration = Duration::from_secs(10);
/// What a host needs on top of its drain to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(5);
/// Between two looks at something that is starting.
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);

/// The index of the NATS server among the children; host `n` is `n + 1`.
const NATS: usize = 0;

/// What has been started so far.
pub(crate) struct Started {
    pub(crate) record: RunRecord,
    pub(crate) nats: Option<Keeper>,
    pub(crate) hosts: Vec<Keeper>,
    /// Set once everything serves. A child that ends before that has a mistake in its settings, and is not started again.
    pub(crate) settled: Arc<AtomicBool>,
    record_file: PathBuf,
}

impl Started {
    /// Writes down that this process is about to start a lattice.
    pub(crate) fn new(plan: &UpPlan) -> Result<Self> {
        let me = ProcessIdentity::of(std::process::id());
        let record = RunRecord {
            lattice: plan.lattice.clone(),
            phase: Phase::Starting,
            context: plan.context.clone(),
            started_at: now(),
            supervisor: me.ok_or_else(|| anyhow::anyhow!("this process cannot be found in the process table"))?,
            nats: None,
            hosts: Vec::new(),
        };
        let record_file = plan.home.run_record();
        record.write(&record_file)?;
        Ok(Self {
            record,
            nats: None,
            hosts: Vec::new(),
            settled: Arc::default(),
            record_file,
        })
    }

    /// Writes down that a child runs as another process now.
    pub(crate) fn now_runs(&mut self, index: usize, process: ProcessIdentity) -> Result<()> {
        match (index.checked_sub(1), &mut self.record.nats) {
            (Some(host), _) => self.record.hosts[host].process = process,
            (None, Some(nats)) => nats.process = process,
            (None, None) => {}
        }
        self.write()
    }

    /// Writes down that a host has ended for good.
    pub(crate) fn has_ended(&mut self, index: usize) -> Result<()> {
        if let Some(host) = index.checked_sub(1) {
            self.record.hosts[host].ended = true;
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        self.record.write(&self.record_file)
    }
}

/// Starts everything, and returns when it serves.
pub(crate) async fn start(plan: &UpPlan, started: &mut Started, tell: &mpsc::UnboundedSender<Kept>) -> Result<()> {
    let host_program = programs::find_host(plan.host_program.clone())?;
    let (root, origin) = TrustRoot::load_or_create(&plan.home.trust(), &plan.lattice, now())?;
    if origin == Origin::Made {
        note(format_args!(
            "made a development trust root in {}",
            plan.home.trust().display()
        ));
    }
    let address = start_nats(plan, &root, started, tell).await?;
    let url = format!("nats://{address}");

    let context = access::prepare(plan, &root, &url)?;
    let client = access::make_state(&context, &root).await?;
    let observed = if plan.observe {
        observe(plan.hosts.len()).await?
    } else {
        Vec::new()
    };
    say_where_spans_go(&observed);
    let mut members = Vec::new();
    for (index, host_plan) in plan.hosts.iter().enumerate() {
        let observed = observed.get(index).copied();
        let prepared = host::prepare(plan, host_plan, &root, observed)?;
        let id = prepared.id.clone();
        let (url, program, plan_of_host) = (url.clone(), host_program.clone(), plan.clone());
        let keep = Keep {
            index: index + 1,
            name: host_plan.name.to_string(),
            command: move || prepared.command(&program, &plan_of_host, &url),
            grace: plan.grace + GOOD_BYE,
            // `lattice stop host`: drained, or cut off at the end of its time.
            told_to_end: &[0, 5],
            settled: Arc::clone(&started.settled),
        };
        let (keeper, process) = Keeper::start(keep, tell.clone())?;
        started.hosts.push(keeper);
        members.push(id.clone());
        started.record.hosts.push(HostRun {
            process,
            name: host_plan.name.to_string(),
            id,
            metrics: observed.map(|observed| observed.metrics),
            ended: false,
        });
        started.write()?;
    }
    let wanted: Vec<_> = members.iter().map(Into::into).collect();
    wait_for_hosts(&client, &wanted).await?;

    access::select(plan, &context)?;
    started.record.phase = Phase::Ready;
    started.write()
}

fn say_where_spans_go(observed: &[Observed]) {
    let Some(host) = observed.first() else { return };
    if let Some(endpoint) = chosen_endpoint() {
        note(format_args!("hosts send their spans to {}", endpoint.display()));
        return;
    }
    match host.collector {
        Some(collector) => note(format_args!("hosts send their spans to {}", collector.url())),
        None => note(
            "nobody takes spans on ports 4318 and 4317 of this machine; docs/observability.md has a Jaeger in one line, \
             to be started before `lattice up`",
        ),
    }
}

async fn start_nats(
    plan: &UpPlan,
    root: &TrustRoot,
    started: &mut Started,
    tell: &mpsc::UnboundedSender<Kept>,
) -> Result<SocketAddr> {
    let server = programs::find_nats_server(plan.nats_server.clone())?;
    let folder = NatsFolder::create(plan.home.nats())?;
    folder.write_config(&plan.lattice, plan.leafs, &root.server_trust(now())?)?;
    folder.clear_ports()?;

    // Once the server has taken a port it keeps it, so that clients find it again after it was restarted.
    let taken: Arc<OnceLock<u16>> = Arc::default();
    let keep = Keep {
        index: NATS,
        name: "nats-server".to_owned(),
        command: {
            let (folder, server, listen, chosen) = (folder.clone(), server.clone(), plan.listen.clone(), plan.port);
            let taken = Arc::clone(&taken);
            move || folder.command(&server, &listen, taken.get().copied().or(chosen))
        },
        grace: NATS_GRACE,
        // Whoever ends it, hosts need it: it is started again.
        told_to_end: &[],
        settled: Arc::clone(&started.settled),
    };
    let (keeper, process) = Keeper::start(keep, tell.clone())?;
    started.nats = Some(keeper);
    let address = look_until("nats-server does not listen", NATS_WITHIN, async || folder.address()).await?;
    let _ = taken.set(address.port());

    let url = format!("nats://{address}");
    note(format_args!("nats-server {} listens on {url}", server.version));
    started.record.nats = Some(NatsRun {
        process,
        url,
        version: server.version,
    });
    started.write()?;
    Ok(address)
}

/// Waits until every host says that it is ready.
async fn wait_for_hosts(client: &ControlClient, wanted: &[lattice_core::MemberId]) -> Result<()> {
    let is_ready = |member: &MemberSummary| member.state == MemberState::Ready && wanted.contains(&member.member);
    look_until("the hosts do not serve", HOSTS_WITHIN, async || {
        let members = client.members().await.unwrap_or_default();
        (members.iter().filter(|member| is_ready(member)).count() == wanted.len()).then_some(())
    })
    .await
}

/// Looks again and again until there is an answer.
async fn look_until<T>(otherwise: &str, within: Duration, look: impl AsyncFn() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let took = lattice_core::text::format_duration(within);
            return Err(Failure::new(Exit::Timeout, format!("{otherwise} within {took}"))
                .help("its log above says more")
                .into());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
