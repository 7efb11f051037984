//! The process around a provider: settings, log, files, signals.

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use lattice_bus::{Bus, BusConfig, Credentials};
use lattice_core::token::nats::Permissions;
use lattice_core::token::{ProviderGrant, Unverified};
use lattice_core::{MemberId, ProviderName, ProviderSpec};
use lattice_mesh::{JoinError, MemberConfig};
use lattice_process::{
    Readiness, Signals, StatusServer, Teller, end_telemetry, read_settings, start_log, start_telemetry,
};
use nkeys::{KeyPair, KeyPairType};
use tracing::{error, info, warn};

use super::args::{Args, Settings};
use super::settings::{Folder, ProcessConfig};
use super::{Standalone, StandaloneError};
use crate::{Provider, ProviderSetup, StartError};

/// A provider that started before NATS goes on asking for it this long; a service manager starts it again then.
const NATS_PATIENCE: Duration = Duration::from_secs(60);

/// How a run ends. The numbers are those of `lattice-host` and stand in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Drained = 0,
    Failed = 1,
    BadConfig = 2,
    NotEnrolled = 4,
    CutOff = 5,
}

/// Runs a provider of `kind` until it is told to stop: the whole `main` of a process of its own. `build` makes the provider.
pub fn run<F>(program: &'static str, kind: &'static str, build: impl FnOnce(ProviderSetup) -> F) -> ExitCode
where
    F: Future<Output = Result<Arc<dyn Provider>, StartError>>,
{
    let matches = Args::command().name(program).get_matches();
    let config = Args::from_arg_matches(&matches)
        .map_err(anyhow::Error::from)
        .and_then(|args| resolve_config(&args));
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            return ExitCode::from(Exit::BadConfig as u8);
        }
    };
    if let Err(error) = start_log(config.log_format, &config.log) {
        eprintln!("{program}: {error:#}");
        return ExitCode::from(Exit::BadConfig as u8);
    }
    let exit = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(serve(&config, kind, build)));
    let exit = exit.unwrap_or_else(|failure| {
        error!("{failure:#}");
        exit_of(&failure)
    });
    ExitCode::from(exit as u8)
}

fn exit_of(failure: &anyhow::Error) -> Exit {
    match failure.downcast_ref::<StandaloneError>() {
        Some(StandaloneError::Start(StartError::Config(_))) => Exit::BadConfig,
        Some(StandaloneError::Join(JoinError::Token(_) | JoinError::Bundle(_) | JoinError::OtherKey { .. })) => {
            Exit::NotEnrolled
        }
        _ => Exit::Failed,
    }
}

fn resolve_config(args: &Args) -> anyhow::Result<ProcessConfig> {
    let file = args
        .config
        .as_deref()
        .map(read_settings::<Settings>)
        .transpose()?
        .unwrap_or_default();
    let look = |data_dir: &std::path::PathBuf| Folder {
        operators: std::fs::read_to_string(data_dir.join("operators")).ok(),
        has_nats_creds: data_dir.join("nats.creds").is_file(),
    };
    Ok(ProcessConfig::resolve(args.settings.clone().or(file), look)?)
}

async fn serve<F>(
    config: &ProcessConfig,
    kind: &'static str,
    build: impl FnOnce(ProviderSetup) -> F,
) -> anyhow::Result<Exit>
where
    F: Future<Output = Result<Arc<dyn Provider>, StartError>>,
{
    let mut signals = Signals::listen()?;
    let key = read_key(&config.data_dir)?;
    let token = std::fs::read_to_string(&config.token_file)
        .with_context(|| format!("cannot read the enrolment token {}", config.token_file.display()))?;
    let token = token.trim().to_owned();
    let name = match &config.name {
        Some(name) => name.clone(),
        None => only_name(&token)?,
    };
    let member: MemberId = key.public_key().parse()?;
    let bus = tokio::select! {
        bus = connect(config, &name, &member) => bus?,
        signal = signals.next() => {
            info!(signal, "stopped before NATS was reached");
            return Ok(Exit::Drained);
        }
    };
    let mut member_config = MemberConfig::new(config.lattice.clone(), key, token, config.data_dir.join("mesh"));
    member_config.trusted_operators.clone_from(&config.operators);
    member_config.bundle = bundle(&config.trust_bundle)?;
    let telemetry = start_telemetry(Teller {
        program: &format!("lattice-provider-{kind}"),
        lattice: &config.lattice,
        member: &member,
        name: name.as_str(),
    })?;
    member_config.tracer = telemetry.tracer();
    member_config.instruments = telemetry.instruments(config.metrics_address.is_some());
    let readiness = Readiness::default();
    let _status = match config.metrics_address {
        Some(address) => Some(StatusServer::start(address, telemetry.scrape(), readiness.clone()).await?),
        None => None,
    };
    let spec = ProviderSpec {
        name,
        kind: kind.parse()?,
        config: config.provider.clone(),
        managed: false,
    };
    let standalone = Standalone::start(spec, member_config, bus.clone(), build).await?;
    let connection = bus.clone();
    // It has said that it is ready, and serves until this process ends.
    readiness.ask(move || connection.is_connected().then_some(()).ok_or("not connected to NATS"));

    let signal = signals.next().await;
    info!(signal, "stopping");
    let cut_off = tokio::select! {
        cut_off = standalone.stop(config.grace) => cut_off,
        signal = signals.next() => {
            warn!(signal, "told twice: ending at once");
            return Ok(Exit::CutOff);
        }
    };
    bus.drain(Duration::from_secs(5)).await;
    end_telemetry(telemetry).await;
    Ok(if cut_off == 0 { Exit::Drained } else { Exit::CutOff })
}

async fn connect(config: &ProcessConfig, name: &ProviderName, member: &MemberId) -> anyhow::Result<Bus> {
    let mut bus = BusConfig::new(format!("lattice provider {name}")).patience(NATS_PATIENCE);
    if !config.nats_url.is_empty() {
        bus = bus.servers(&config.nats_url);
    }
    bus.credentials = config.nats_creds.clone().map(Credentials::File);
    bus.tls.ca.clone_from(&config.tls_ca);
    bus.jetstream_domain.clone_from(&config.jetstream_domain);
    // Where the permissions that `lattice key provider-creds` writes let replies come back to.
    bus.inbox_prefix = Some(Permissions::inbox_prefix(member));
    let servers = bus.servers.join(", ");
    info!(%servers, "connecting to NATS");
    Bus::connect(bus)
        .await
        .with_context(|| format!("cannot connect to NATS at {servers}"))
}

/// Reads the trust bundle from its file. Without one, the lattice's own serves for the first start.
fn bundle(file: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(bundle) => Ok(Some(bundle.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the trust bundle {}", file.display())),
    }
}

/// The name that a token allows, when it is only one. The token is judged when the process joins.
fn only_name(token: &str) -> anyhow::Result<ProviderName> {
    let claims = Unverified::parse(token)
        .and_then(|token| token.claims::<ProviderGrant>())
        .context("the token is no provider's")?;
    let mut names = claims.body.provides.into_iter();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        _ => anyhow::bail!("the token allows several names, or none: choose one by `--name`"),
    }
}

fn read_key(data_dir: &Path) -> anyhow::Result<KeyPair> {
    let path = data_dir.join("provider.seed");
    let shown = path.display();
    let seed = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the provider's key {shown}; `lattice key provider-creds` makes one"))?;
    check_private(&path)?;
    let key = KeyPair::from_seed(seed.trim()).map_err(|_| anyhow::anyhow!("{shown} holds no nkey seed"))?;
    anyhow::ensure!(
        key.key_pair_type() == KeyPairType::Service,
        "{shown} holds a key of another kind than a provider's (`SV…`)"
    );
    Ok(key)
}

#[cfg(unix)]
fn check_private(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "{0} can be read by others (mode {1:o}); put it right with `chmod 600 {0}`",
        path.display(),
        mode & 0o777
    );
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> anyhow::Result<()> {
    Ok(())
}
