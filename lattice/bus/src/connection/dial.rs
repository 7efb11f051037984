//! Makes a client from the configuration, or says plainly why not.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectErrorKind, ConnectOptions, ServerAddr};
use tokio::sync::oneshot;
use tracing::info;

use super::{Line, backoff};
use crate::Secret;
use crate::config::{BusConfig, Credentials, TlsConfig};
use crate::credentials::CredentialsError;
use crate::subscription::DIRECT_CAPACITY;

/// Commands that wait for the connection's task; when full, the sender waits.
const COMMAND_QUEUE: usize = 4096;

/// Time for one server to greet us, TLS included.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// As good as never.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A connection that cannot be made. The text says what failed, the source why, [`help`](Self::help) what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration names no server.
    #[error("no NATS server is named")]
    NoServer,
    /// An address that is none.
    #[error("`{url}` is not the address of a NATS server")]
    BadAddress {
        /// What was given.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The prefix for replies is not one.
    #[error("`{0}` cannot be the prefix of inboxes")]
    BadInboxPrefix(String),
    /// The credentials cannot be used.
    #[error("cannot use the NATS credentials")]
    Credentials(#[source] CredentialsError),
    /// A TLS file cannot be read.
    #[error("cannot read {}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Of certificate and key there is only one.
    #[error("a TLS client certificate and its key go together, but only one of them is named")]
    TlsPair,
    /// TLS failed: files, trust or handshake.
    #[error("cannot set up TLS with {servers}")]
    Tls {
        /// The servers tried.
        servers: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A server answered and refused us.
    #[error("the NATS server at {servers} refuses {who}")]
    Refused {
        /// The servers tried.
        servers: String,
        /// Who we said we are.
        who: &'static str,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No server answered.
    #[error("cannot reach a NATS server at {servers}")]
    Unreachable {
        /// The servers tried.
        servers: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ConnectError {
    /// Says what to do about it, in one sentence.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoServer => "name one as nats://host:4222",
            Self::BadAddress { .. } => "write it as nats://host:port or tls://host:port",
            Self::BadInboxPrefix(_) => "use one or more words joined by dots, such as _INBOX",
            Self::Credentials(_) => "check the path, or get the credentials from whoever runs the NATS account",
            Self::TlsFile { .. } => "check the path and that we may read it",
            Self::TlsPair => "name both the certificate and the key",
            Self::Tls { .. } => {
                "check that the CA file signed the server's certificate and that the address names the host in it"
            }
            Self::Refused { who: ANONYMOUS, .. } => {
                "this server wants credentials: name a .creds file, an nkey, a user or a token"
            }
            Self::Refused { .. } => "check that the credentials are for this server, not expired and not revoked",
            Self::Unreachable { .. } => {
                "check the address, that nats-server runs there, and that no firewall is between; \
                 on this machine `lattice up` starts one"
            }
        }
    }

    /// Says whether another attempt may end better without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

const ANONYMOUS: &str = "an anonymous client";

/// Dials until it works, patience ends, or a server says no.
pub(super) async fn dial_patiently(config: &BusConfig, line: &Arc<Line>) -> Result<Dialled, ConnectError> {
    let start = Instant::now();
    for attempt in 1.. {
        match dial(config, line).await {
            Err(err) if err.may_pass() && start.elapsed() < config.patience => {
                if attempt == 1 {
                    info!(error = %err, patience_s = config.patience.as_secs(), "waiting for a NATS server");
                }
                let left = config.patience.saturating_sub(start.elapsed());
                tokio::time::sleep(backoff::delay(attempt, backoff::random()).min(left)).await;
            }
            outcome => return outcome,
        }
    }
    unreachable!("the attempts do not run out")
}

/// Tries every server once.
pub(super) async fn dial(config: &BusConfig, line: &Arc<Line>) -> Result<Dialled, ConnectError> {
    let (addresses, in_address) = addresses(config)?;
    let credentials = config.credentials.clone().or(in_address);
    if let Some(credentials) = &credentials {
        // Answering an empty challenge finds an unreadable file before the server is asked.
        credentials.answer(b"").await.map_err(ConnectError::Credentials)?;
    }
    check_tls_files(&config.tls)?;
    let who = credentials.as_ref().map_or(ANONYMOUS, who);
    let servers = config
        .servers
        .iter()
        .map(|url| without_secrets(url))
        .collect::<Vec<_>>()
        .join(", ");
    let (notice, death) = oneshot::channel();
    let options = options(config, credentials, line, notice);
    let client = options
        .connect(addresses.as_slice())
        .await
        .map_err(|err| explain(&err, servers, who))?;
    Ok(Dialled { client, death })
}

fn options(
    config: &BusConfig,
    credentials: Option<Credentials>,
    line: &Arc<Line>,
    notice: oneshot::Sender<Never>,
) -> ConnectOptions {
    let mut options = match credentials {
        None => ConnectOptions::new(),
        Some(credentials) => {
            let credentials = Arc::new(credentials);
            ConnectOptions::with_auth_callback(move |nonce| {
                let credentials = Arc::clone(&credentials);
                async move { credentials.answer(&nonce).await.map_err(async_nats::AuthError::new) }
            })
        }
    };
    if let Some(ca) = &config.tls.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    if config.tls.first {
        options = options.tls_first();
    }
    if !config.discover_servers {
        options = options.ignore_discovered_servers();
    }
    let line = Arc::clone(line);
    let closing = Arc::clone(&line);
    options
        .name(&config.name)
        .require_tls(config.tls.required)
        .connection_timeout(GREETING_TIMEOUT)
        .ping_interval(config.ping_interval)
        .client_capacity(COMMAND_QUEUE)
        .subscription_capacity(DIRECT_CAPACITY)
        .max_reconnects(None)
        .reconnect_delay_callback(move |attempt| {
            if closing.is_closing() {
                // async-nats goes on trying although nobody is left who could use the connection.
                NEVER
            } else {
                backoff::delay(attempt, backoff::random())
            }
        })
        .event_callback(move |event| {
            // Named so that the closure owns it: it goes when the client's last task does.
            let _alive = &notice;
            line.on_event(event);
            std::future::ready(())
        })
}

/// A client, and how to learn of its end.
pub(super) struct Dialled {
    pub(super) client: Client,
    /// Ends when the client's tasks have.
    pub(super) death: oneshot::Receiver<Never>,
}

/// What is never sent: a death notice is the drop of its sender.
#[derive(Debug)]
pub(super) enum Never {}

/// Parses the addresses; a user in one of them, which async-nats overlooks, becomes credentials.
fn addresses(config: &BusConfig) -> Result<(Vec<ServerAddr>, Option<Credentials>), ConnectError> {
    if config.servers.is_empty() {
        return Err(ConnectError::NoServer);
    }
    let mut credentials = None;
    let mut addresses = Vec::new();
    for url in &config.servers {
        let bad = |source| ConnectError::BadAddress {
            url: without_secrets(url),
            source,
        };
        let address: ServerAddr = url.parse().map_err(bad)?;
        if address.host().is_empty() {
            return Err(bad(std::io::Error::other("it names no host")));
        }
        if let Some(user) = address.username() {
            credentials.get_or_insert_with(|| match address.password() {
                Some(password) => Credentials::UserPassword {
                    user: user.to_owned(),
                    password: Secret::from(password),
                },
                // `nats://token@host` is how NATS writes a token.
                None => Credentials::Token(Secret::from(user)),
            });
        }
        addresses.push(address);
    }
    Ok((addresses, credentials))
}

/// Finds what async-nats would only report as a failed handshake.
fn check_tls_files(tls: &TlsConfig) -> Result<(), ConnectError> {
    if tls.cert.is_some() != tls.key.is_some() {
        return Err(ConnectError::TlsPair);
    }
    for path in [&tls.ca, &tls.cert, &tls.key].into_iter().flatten() {
        File::open(path).map_err(|source| ConnectError::TlsFile {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

fn without_secrets(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        (None, Some(at)) => url[at + 1..].to_owned(),
        _ => url.to_owned(),
    }
}

fn who(credentials: &Credentials) -> &'static str {
    match credentials {
        Credentials::File(_) | Credentials::Text(_) | Credentials::Jwt { .. } => "these credentials",
        Credentials::Seed(_) | Credentials::SeedFile(_) => "this nkey",
        Credentials::UserPassword { .. } => "this user and password",
        Credentials::Token(_) => "this token",
    }
}

fn explain(error: &async_nats::ConnectError, servers: String, who: &'static str) -> ConnectError {
    let kind = error.kind();
    let text = chain(error);
    let source: Box<dyn Error + Send + Sync> = text.clone().into();
    // async-nats files a rejected certificate and an expired user under I/O.
    let says = |words: &[&str]| words.iter().any(|word| text.to_ascii_lowercase().contains(word));
    match kind {
        ConnectErrorKind::Tls => ConnectError::Tls { servers, source },
        ConnectErrorKind::Io if comes_from_tls(error) => ConnectError::Tls { servers, source },
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            ConnectError::Refused { servers, who, source }
        }
        ConnectErrorKind::Io if says(&["authentication", "authorization", "account"]) => {
            ConnectError::Refused { servers, who, source }
        }
        _ => ConnectError::Unreachable { servers, source },
    }
}

fn comes_from_tls(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(wrapped) = wrapped
            && wrapped.is::<async_nats::rustls::Error>()
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// Tells the innermost reason once; async-nats repeats it at each level.
fn chain(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_an_address_becomes_credentials_and_is_not_shown() {
        let config = BusConfig::new("t").servers(["nats://ann:s3cret@a:4222,b"]);
        let (addresses, credentials) = addresses(&config).expect("good addresses");
        assert_eq!(addresses.len(), 2);
        assert!(matches!(credentials, Some(Credentials::UserPassword { user, .. }) if user == "ann"));
        assert_eq!(without_secrets("nats://ann:s3cret@a:4222"), "nats://a:4222");
        assert_eq!(without_secrets("tok@a:4222"), "a:4222");
        assert_eq!(without_secrets("nats://a:4222"), "nats://a:4222");
    }

    #[test]
    fn addresses_that_are_none_are_named() {
        for url in ["http://a", "nats://", "nats://a:notaport"] {
            let err = addresses(&BusConfig::new("t").servers([url])).expect_err(url);
            assert!(matches!(err, ConnectError::BadAddress { .. }), "{err}");
        }
        let none = BusConfig::new("t").servers([""; 0]);
        assert!(matches!(addresses(&none), Err(ConnectError::NoServer)));
    }
}
