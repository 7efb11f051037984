//! `lattice-host`: one host of a lattice as a process. Reads settings, starts logging and a [`Node`], waits for a signal, drains.

mod args;
mod config;
mod identity;
mod ready;
mod service_manager;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use etcetera::BaseStrategy as _;
use lattice_bus::{Bus, BusConfig, NatsContexts};
use lattice_control::CommandSigner;
use lattice_core::MemberId;
use lattice_core::presence::MemberState;
use lattice_core::token::nats::Permissions;
use lattice_engine::EngineConfig;
use lattice_mesh::JoinError;
use lattice_node::{ControllerSettings, Node, NodeConfig, StartError};
use lattice_process::{
    Readiness, Signals, StatusServer, Teller, end_telemetry, read_settings, start_log, start_telemetry,
};
use lattice_telemetry::{Instruments, Recent, Tracer};
use nkeys::KeyPair;
use tracing::{error, info, warn};

use crate::args::Args;
use crate::config::{HostConfig, Machine, NatsSource};
use crate::ready::ReadyFile;
use crate::service_manager::{ServiceManager, State};

/// How a run ends. The numbers are documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Drained = 0,
    Failed = 1,
    BadConfig = 2,
    NotEnrolled = 4,
    CutOff = 5,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A host that started before NATS goes on asking for it this long; a service manager starts it again then.
const NATS_PATIENCE: Duration = Duration::from_secs(60);

/// What comes after the grace period: the tails of answers, the last spans, leaving.
const AFTER_GRACE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match read_config(&args) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("lattice-host: {error:#}");
            return ExitCode::from(Exit::BadConfig as u8);
        }
    };
    if args.print_config {
        println!("{:#}", config.to_json());
        return ExitCode::from(Exit::Drained as u8);
    }
    if let Err(error) = start_log(config.log_format, &config.log) {
        eprintln!("lattice-host: {error:#}");
        return ExitCode::from(Exit::BadConfig as u8);
    }
    #[cfg(feature = "sabotage")]
    sabotage();
    let exit = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            let exit = runtime.block_on(run(&config, args.no_wait));
            // Blocking work, such as a compilation, does not hold up the end.
            runtime.shutdown_timeout(Duration::from_secs(1));
            exit
        });
    let exit = exit.unwrap_or_else(|failure| {
        error!("{failure:#}");
        Exit::Failed
    });
    ExitCode::from(exit as u8)
}

fn read_config(args: &Args) -> anyhow::Result<HostConfig> {
    let mut settings = args.settings.clone();
    for file in &args.config {
        settings = settings.or(read_settings(file)?);
    }
    let dirs = etcetera::choose_base_strategy().ok();
    let docker = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let docker = docker.or_else(|| dirs.as_ref().map(|dirs| dirs.home_dir().join(".docker")));
    let machine = Machine {
        name: sysinfo_name(),
        data_dir: dirs.map(|dirs| dirs.data_dir().join("lattice/host")),
        docker_config: docker.map(|folder| folder.join("config.json")),
    };
    let operators = |data_dir: &PathBuf| std::fs::read_to_string(data_dir.join("operators")).ok();
    Ok(HostConfig::resolve(settings, &machine, operators)?)
}

/// Runs the host until it is told to stop.
async fn run(config: &HostConfig, no_wait: bool) -> anyhow::Result<Exit> {
    let manager = Arc::new(ServiceManager::of_environment());
    let key = identity::load(config)?;
    let member: MemberId = key.public_key().parse()?;
    let mut signals = Signals::listen()?;
    let telemetry = start_telemetry(Teller {
        program: "lattice-host",
        lattice: &config.lattice,
        member: &member,
        name: &config.name,
    })?;
    // From here on, so that a host that waits for its token or for NATS is seen to live.
    let readiness = Readiness::default();
    let _status = match config.metrics_address {
        Some(address) => Some(StatusServer::start(address, telemetry.scrape(), readiness.clone()).await?),
        None => None,
    };
    let token = match identity::read_token(&config.token_file)? {
        Some(token) => token,
        None => {
            tell_how_to_enrol(config, &member);
            if no_wait {
                return Ok(Exit::NotEnrolled);
            }
            manager.tell(&State::Status("waiting for its enrolment token".to_owned()));
            tokio::select! {
                token = identity::wait_for_token(&config.token_file) => token?,
                signal = signals.next() => {
                    info!(signal, "stopped before it was enrolled");
                    return Ok(Exit::NotEnrolled);
                }
            }
        }
    };
    manager.tell(&State::Status("connecting to NATS".to_owned()));
    let connecting = connect(config, &member);
    let bus = tokio::select! {
        bus = connecting => bus?,
        signal = signals.next() => {
            info!(signal, "stopped before NATS was reached");
            return Ok(Exit::Drained);
        }
    };
    let mut node_config = node_config(config, key, token)?;
    (node_config.tracer, node_config.recent) = (telemetry.tracer(), telemetry.recent());
    node_config.instruments = telemetry.instruments(config.metrics_address.is_some());
    let node = match Node::start(node_config, bus.clone()).await {
        Ok(node) => node,
        Err(StartError::Join(refused @ (JoinError::Token(_) | JoinError::Bundle(_) | JoinError::OtherKey { .. }))) => {
            // Another token helps against the one, other operators or another lattice against the other.
            let token_at_fault = !matches!(refused, JoinError::Bundle(_));
            error!("{:#}", anyhow::Error::from(refused));
            if token_at_fault {
                tell_how_to_enrol(config, &member);
            }
            return Ok(Exit::NotEnrolled);
        }
        Err(error) => return Err(error.into()),
    };
    say_when_ready(&readiness, &node, &bus);
    let ready = config.ready_file.as_deref().map(|path| {
        ReadyFile::write(path, node.id().as_str(), &node.incarnation().to_string())
            .with_context(|| format!("cannot write the ready file {}", path.display()))
    });
    let _ready = ready.transpose()?;
    manager.tell(&State::Ready);
    let _alive = manager.keep_alive(pulse(&node, &bus));

    tokio::select! {
        signal = signals.next() => info!(signal, "stopping"),
        () = node.ended() => info!("stopped by a command"),
    }
    manager.tell(&State::Stopping(config.grace + AFTER_GRACE));
    let stopped = tokio::select! {
        stopped = node.stop(config.grace) => stopped,
        signal = signals.next() => {
            warn!(signal, "told twice: ending at once");
            return Ok(Exit::CutOff);
        }
    };
    bus.drain(Duration::from_secs(5)).await;
    end_telemetry(telemetry).await;
    Ok(if stopped.cut_off == 0 {
        Exit::Drained
    } else {
        Exit::CutOff
    })
}

/// Has `/readyz` say whether this host takes work now.
fn say_when_ready(readiness: &Readiness, node: &Node, bus: &Bus) {
    // The server ends after the host.
    let (member, bus) = (Arc::downgrade(node.member()), bus.clone());
    readiness.ask(move || {
        let member = member.upgrade().ok_or("stopped")?;
        if !bus.is_connected() {
            return Err("not connected to NATS");
        }
        let me = member.directory().get(member.id());
        match me.map(|me| me.presence.state) {
            Some(MemberState::Ready) => Ok(()),
            Some(MemberState::Draining) => Err("draining"),
            _ => Err("starting"),
        }
    });
}

/// What proves that this host works: its own tables can be walked, which nothing that is stuck lets go of. NATS being away proves
/// nothing against it, so that a site without its uplink is left alone.
fn pulse(node: &Node, bus: &Bus) -> impl Fn() -> String + Send + Sync + use<> {
    let (pulse, bus) = (node.pulse(), bus.clone());
    move || {
        let nats = if bus.is_connected() {
            "connected"
        } else {
            "not connected"
        };
        pulse.take().map_or_else(
            || "stopped".to_owned(),
            |load| {
                format!(
                    "actors: {}, calls under way: {}, {nats} to NATS",
                    load.actors, load.calls
                )
            },
        )
    }
}

async fn connect(config: &HostConfig, member: &MemberId) -> anyhow::Result<Bus> {
    let name = format!("lattice-host {}", config.name);
    let mut bus = match &config.nats {
        NatsSource::Servers { urls, credentials } => {
            let mut bus = BusConfig::new(name).servers(urls);
            bus.credentials.clone_from(credentials);
            // Where the permissions that `lattice` writes for hosts let replies come back to.
            bus.inbox_prefix = Some(Permissions::inbox_prefix(member));
            bus
        }
        NatsSource::Context(context) => {
            let dirs = etcetera::choose_base_strategy().context("no home folder, so no contexts of the `nats` CLI")?;
            let contexts = NatsContexts::of_user(dirs.home_dir(), Some(&dirs.config_dir()));
            let chosen = match context {
                Some(context) => context.clone(),
                None => contexts
                    .selected()?
                    .context("the `nats` CLI has no context selected: `nats context select`")?,
            };
            contexts.load(&chosen)?.into_config(name)
        }
    };
    config.tls_over(&mut bus.tls);
    if config.jetstream_domain.is_some() {
        bus.jetstream_domain.clone_from(&config.jetstream_domain);
    }
    let servers = bus.servers.join(", ");
    info!(%servers, "connecting to NATS");
    Bus::connect(bus.patience(NATS_PATIENCE))
        .await
        .with_context(|| format!("cannot connect to NATS at {servers}"))
}

fn node_config(config: &HostConfig, key: KeyPair, token: String) -> anyhow::Result<NodeConfig> {
    let bundle = match std::fs::read_to_string(&config.trust_bundle) {
        Ok(bundle) => Some(bundle.trim().to_owned()),
        // Only the first start needs it; then the data folder has it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let path = config.trust_bundle.display();
            return Err(error).with_context(|| format!("cannot read the trust bundle {path}"));
        }
    };
    let mut engine = EngineConfig::new(config.data_dir.join("compiled"));
    engine.profile = config.engine_profile;
    engine.compilation = config.compilation;
    Ok(NodeConfig {
        lattice: config.lattice.clone(),
        key,
        token,
        trusted_operators: config.operators.clone(),
        bundle,
        data_dir: config.data_dir.clone(),
        labels: config.labels.clone(),
        site: config.site.clone(),
        name: config.name.clone(),
        heartbeat: config.heartbeat,
        lost_after: config.lost_after,
        grace: config.grace,
        engine,
        replicas_max: config.replicas_max,
        stateful_memory_max: config
            .stateful_memory
            .unwrap_or_else(NodeConfig::default_stateful_memory),
        secrets: config.secrets.clone(),
        tracer: Tracer::off(),
        instruments: Instruments::off(),
        recent: Recent::default(),
        registries: config.registries.clone(),
        blobs: config.blobs,
        controller: config
            .controller_seed
            .as_deref()
            .map(|seed| controller(seed, &config.data_dir))
            .transpose()?,
    })
}

/// Reads the key with which this host's controller leads.
fn controller(path: &Path, data_dir: &Path) -> anyhow::Result<ControllerSettings> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the controller's key {shown}"))?;
    // Its text is a secret: an error must not repeat it.
    let key = KeyPair::from_seed(text.trim())
        .map_err(|_| anyhow::anyhow!("{shown} holds no nkey seed: it should be one line that begins with SA"))?;
    let signer = CommandSigner::new(key).with_context(|| format!("{shown} is no controller's key"))?;
    Ok(ControllerSettings::new(signer, data_dir.join("controller")))
}

/// Says exactly what to type, where the operator's key is.
fn tell_how_to_enrol(config: &HostConfig, member: &MemberId) {
    let labels: String = config
        .own_labels()
        .map(|(key, value)| format!(" --label {key}={value}"))
        .collect();
    let token = config.token_file.display();
    let name: String = config
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    eprintln!(
        "this host is not enrolled in the lattice `{}`. Where the issuer's key is, run\n\n    \
         lattice key enroll {name} --key {member}{labels}\n\n\
         and copy {name}/data/host.jwt from the folder that makes to {token} here; or have it all done by an invitation: `lattice \
         host invite --name {name}` there, then `lattice host enroll` here",
        config.lattice,
    );
}

fn sysinfo_name() -> String {
    sysinfo::System::host_name().unwrap_or_else(|_| "host".to_owned())
}

/// Does what the fault matrix asks.
#[cfg(feature = "sabotage")]
fn sabotage() {
    if let Some(folder) = std::env::var_os("LATTICE_SABOTAGE_HOLDS") {
        warn!("this host holds moves when it is told to");
        lattice_stateful::sabotage::hold_moves(folder.into());
    }
    if std::env::var_os("LATTICE_SABOTAGE_FENCE").is_some() {
        warn!("this host does without the fence of stateful actors: it loses what they are told");
        lattice_stateful::sabotage::remove_the_fence();
    }
}
