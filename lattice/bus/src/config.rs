//! How to reach a NATS system, as typed values: no environment, no files read here.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// The address of a nats-server on this machine, used when nobody names another.
pub const LOCAL_SERVER: &str = "nats://127.0.0.1:4222";

/// A connection that is silent this long is asked for a sign of life; three unanswered questions end it.
/// Short, because a cut cable must not look like a slow peer for minutes.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// How to reach a NATS system and who to be there.
#[derive(Clone, Debug)]
pub struct BusConfig {
    /// Server addresses, `nats://host:port` or `tls://host:port`; the scheme and port 4222 may be left out.
    /// More are learnt from a cluster once connected. A user and password in an address become credentials.
    pub servers: Vec<String>,
    /// Who to be; `None` for a server that asks nobody.
    pub credentials: Option<Credentials>,
    /// Encryption of the connection.
    pub tls: TlsConfig,
    /// The JetStream domain that holds the lattice's state, when it is not the server's own (leaf nodes).
    pub jetstream_domain: Option<String>,
    /// What `nats server report connections` calls us.
    pub name: String,
    /// Where replies come back to; `_INBOX` unless credentials allow only another prefix.
    pub inbox_prefix: Option<String>,
    /// How long [`Bus::connect`](crate::Bus::connect) goes on trying while no server answers. Zero tries every server once.
    /// A server that answers and refuses ends the attempt at once.
    pub patience: Duration,
    /// Silence after which the server is asked for a sign of life. A dead connection is noticed after three of these.
    pub ping_interval: Duration,
    /// Whether to use servers that a cluster tells us of, besides those in `servers`.
    pub discover_servers: bool,
}

impl BusConfig {
    /// Describes an anonymous connection to the nats-server of this machine.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            servers: vec![LOCAL_SERVER.to_owned()],
            credentials: None,
            tls: TlsConfig::default(),
            jetstream_domain: None,
            name: name.into(),
            inbox_prefix: None,
            patience: Duration::ZERO,
            ping_interval: PING_INTERVAL,
            discover_servers: true,
        }
    }

    /// Names the servers; one string may hold several, separated by commas.
    #[must_use]
    pub fn servers<S: AsRef<str>>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.servers = servers
            .into_iter()
            .flat_map(|list| {
                list.as_ref()
                    .split(',')
                    .map(|url| url.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|url| !url.is_empty())
            .collect();
        self
    }

    /// Names one server, or several separated by commas.
    #[must_use]
    pub fn server(self, url: impl AsRef<str>) -> Self {
        self.servers([url])
    }

    /// Says who to be.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Goes on trying for this long while no server answers.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Who to be on a NATS system.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A `.creds` file. It is read again at every reconnect, so renewing the file is enough to renew the credentials.
    File(PathBuf),
    /// The text of a `.creds` file.
    Text(Secret),
    /// An nkey seed (`SU…`).
    Seed(Secret),
    /// A file that holds an nkey seed; read again at every reconnect.
    SeedFile(PathBuf),
    /// A user JWT and the seed of the key it names.
    Jwt {
        /// The user JWT.
        jwt: Secret,
        /// The seed (`SU…`) of the key that the JWT was issued to.
        seed: Secret,
    },
    /// A user name and password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Token(Secret),
}

/// Encryption of the connection.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// PEM file of the authorities to trust, instead of the system's own.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate, for servers that verify clients.
    pub cert: Option<PathBuf>,
    /// PEM file of the key of `cert`.
    pub key: Option<PathBuf>,
    /// Refuses a server that does not offer TLS. Without it TLS is used when the server or a `tls://` address asks for it.
    pub required: bool,
    /// Starts TLS before the server's greeting (`handshake_first` on the server).
    pub first: bool,
}
