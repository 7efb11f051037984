//! A connection to a lattice, and what can be asked over it.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use lattice_bus::{Bus, BusConfig, ConnectError, Credentials, NatsContexts};
use lattice_control::{CommandSigner, ControlClient, ControlError, ErrorKind, LinkSigner, MemberSummary};
use lattice_core::{Trust, UnixSeconds, presence::MemberKind};
use nkeys::KeyPair;

use crate::{
    context::{ContextFile, NatsSettings},
    failure::{Exit, Failure},
    files,
    output::warn,
    permissions, resolve,
    trust_root::user_of,
};

/// What `nats server report connections` calls us.
const CLIENT_NAME: &str = "lattice cli";

/// A connection to a lattice.
pub(crate) struct Session {
    /// Which lattice, and who we are there.
    pub(crate) context: ContextFile,
    /// Asks and commands.
    pub(crate) client: ControlClient,
}

impl Session {
    /// Connects, with what the context has to sign and to verify with.
    pub(crate) async fn connect(context: ContextFile) -> Result<Self> {
        let bus = connect_bus(&context.nats).await?;
        let mut client = ControlClient::new(bus, context.lattice.clone());
        if let Some(path) = context.keys.control.as_ref().or(context.keys.issuer.as_ref()) {
            client = client.with_signer(CommandSigner::new(read_seed(path)?)?);
        }
        Ok(Self { context, client })
    }

    /// Connects, and makes sure that answers come from members the lattice trusts, when the context says whom to trust.
    pub(crate) async fn connect_verifying(context: ContextFile) -> Result<Self> {
        let mut session = Self::connect(context).await?;
        if let Some(trust) = session.trust().await? {
            session.client = session.client.with_trust(Arc::new(trust));
        }
        Ok(session)
    }

    /// Like [`Session::connect_verifying`], for looking: when the lattice's state cannot be reached, as it well may be when
    /// somebody needs to look, answers are shown with a warning that nobody vouches for them.
    pub(crate) async fn connect_reading(context: ContextFile) -> Result<Self> {
        let mut session = Self::connect(context).await?;
        match session.trust().await {
            Ok(Some(trust)) => session.client = session.client.with_trust(Arc::new(trust)),
            Ok(None) => {}
            Err(error) if is_unreachable(&error) => warn(format_args!("answers are not verified: {error:#}")),
            Err(error) => return Err(error),
        }
        Ok(session)
    }

    /// What the lattice trusts; `None` when the context names no operator to believe.
    pub(crate) async fn trust(&self) -> Result<Option<Trust>> {
        if self.context.trusted_operators.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.client.trust(&self.context.trusted_operators).await?))
    }

    /// Everybody who is there.
    pub(crate) async fn members(&self) -> Result<Vec<MemberSummary>> {
        Ok(self.client.members().await?)
    }

    /// The hosts that are there.
    pub(crate) async fn hosts(&self) -> Result<Vec<MemberSummary>> {
        let mut hosts = self.members().await?;
        hosts.retain(|member| member.kind == MemberKind::Host);
        Ok(hosts)
    }

    /// The one host that `name` names.
    pub(crate) async fn host(&self, name: &str) -> Result<MemberSummary> {
        Ok(resolve::member(&self.hosts().await?, name)?.clone())
    }

    /// The key that signs links.
    pub(crate) fn link_signer(&self) -> Result<LinkSigner> {
        let path = self.context.keys.issuer.as_ref().ok_or_else(|| {
            Failure::new(
                Exit::Denied,
                "links must be signed, and this context has no issuer's key",
            )
            .help("use a context with `keys.issuer`, the seed of an issuer with the role `link`: `lattice context ls`")
        })?;
        Ok(LinkSigner::new(read_seed(path)?)?)
    }
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<ControlError>()
        .is_some_and(|error| error.kind == ErrorKind::Unreachable)
}

/// Connects to NATS as a context says.
pub(crate) async fn connect_bus(settings: &NatsSettings) -> Result<Bus> {
    let config = bus_config(settings)?;
    let connected = Bus::connect(config).await;
    connected.map_err(|error| not_connected(&error))
}

/// The same, but waits as long as `patience` for a server that is not there yet.
pub(crate) async fn connect_bus_patiently(settings: &NatsSettings, patience: Duration) -> Result<Bus> {
    let config = bus_config(settings)?.patience(patience);
    Bus::connect(config).await.map_err(|error| not_connected(&error))
}

/// A connection that was not made, with what to do about it.
pub(crate) fn not_connected(error: &ConnectError) -> anyhow::Error {
    let (exit, help) = match error {
        ConnectError::Unreachable { .. } => (
            Exit::Failed,
            "start a lattice here with `lattice up`, or check the address in `lattice context ls`",
        ),
        ConnectError::Refused { .. } | ConnectError::Credentials(_) => (Exit::Denied, error.help()),
        _ => (Exit::Failed, error.help()),
    };
    let mut failure = Failure::new(exit, error.to_string()).help(help);
    if let Some(cause) = std::error::Error::source(error) {
        failure = failure.because(cause);
    }
    failure.into()
}

fn bus_config(settings: &NatsSettings) -> Result<BusConfig> {
    let mut config = match &settings.context {
        Some(name) => nats_context(name)?,
        None => BusConfig::new(CLIENT_NAME),
    };
    if let Some(url) = &settings.url {
        config = config.server(url);
    }
    if let Some(creds) = &settings.creds {
        config = config.credentials(Credentials::File(creds.clone()));
    }
    config.tls.ca = settings.tls_ca.clone().or(config.tls.ca);
    config.tls.cert = settings.tls_cert.clone().or(config.tls.cert);
    config.tls.key = settings.tls_key.clone().or(config.tls.key);
    config.jetstream_domain = settings.jetstream_domain.clone().or(config.jetstream_domain);
    // The permissions that `lattice` writes let replies come back to the user's own place only.
    let own = || settings.creds.as_ref().and_then(|creds| user_of(creds).ok());
    config.inbox_prefix = settings
        .inbox_prefix
        .clone()
        .or(config.inbox_prefix)
        .or_else(|| own().map(|user| permissions::inbox_prefix(&user)));
    Ok(config)
}

/// A context of the `nats` CLI: the one named, or with `-` the one selected there.
fn nats_context(name: &str) -> Result<BusConfig> {
    let home = etcetera::home_dir().context("cannot find your home folder, where the `nats` CLI keeps its contexts")?;
    let config = std::env::var_os("XDG_CONFIG_HOME").map(std::path::PathBuf::from);
    let contexts = NatsContexts::of_user(&home, config.as_deref());
    let chosen = match name {
        "-" => contexts.selected()?.ok_or_else(|| {
            Failure::not_found("the `nats` CLI has no context selected").help("select one: `nats context select`")
        })?,
        name => name.to_owned(),
    };
    Ok(contexts.load(&chosen)?.into_config(CLIENT_NAME))
}

/// Reads a key from its seed file.
pub(crate) fn read_seed(path: &Path) -> Result<KeyPair> {
    let text = files::read_if_there(path)?
        .ok_or_else(|| Failure::not_found(format!("the key {} is not there", path.display())))?;
    // Its text is a secret: an error must not repeat it.
    KeyPair::from_seed(text.trim()).map_err(|_| {
        Failure::failed(format!("{} holds no nkey seed", path.display()))
            .help("it should be one line that begins with S")
            .into()
    })
}

/// The time.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::from(std::time::SystemTime::now())
}
