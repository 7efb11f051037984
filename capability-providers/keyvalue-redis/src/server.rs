//! One Redis server and the connection to it.

use std::fmt;
use std::time::Duration;

use provider_sdk::capability::KvError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo as _, RedisError, ScriptInvocation, ServerErrorKind,
};
use tokio::time::Instant;

use crate::config::RedisConfig;

/// How long one call goes on looking for a server that is away: the pauses between its tries grow to this.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(500);
const RECONNECT_TRIES: usize = 6;

/// The address of a server, which may hold a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ServerUrl(String);

impl ServerUrl {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("rediss:") {
            return Err("asks for TLS, which this provider does not speak".to_owned());
        }
        if !text.starts_with("redis://") {
            return Err("is not an address such as `redis://127.0.0.1:6379/0`".to_owned());
        }
        match text.into_connection_info() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err("is not an address such as `redis://user:password@127.0.0.1:6379/0`".to_owned()),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.rsplit_once('@') {
            Some((_, address)) => write!(f, "redis://{address}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A connection that is made when it is first needed, and again whenever it broke. Clones share it.
#[derive(Clone)]
pub(crate) struct Server {
    connection: ConnectionManager,
    timeout: Duration,
}

impl Server {
    pub(crate) fn new(url: &ServerUrl, config: &RedisConfig) -> Result<Self, RedisError> {
        let manager = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.timeout))
            .set_max_delay(RECONNECT_PAUSE_MAX)
            .set_number_of_retries(RECONNECT_TRIES);
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url.0.as_str())?, manager)?;
        Ok(Self {
            connection,
            timeout: config.timeout,
        })
    }

    /// Runs a command once; what it did is unknown when it fails with an error of the connection.
    pub(crate) async fn write<T: FromRedisValue>(&self, deadline: Instant, command: &Cmd) -> Result<T, KvError> {
        let mut connection = self.connection.clone();
        self.within(deadline, command.query_async(&mut connection)).await
    }

    /// Runs a command that only reads, and once more if the connection turns out to have broken.
    pub(crate) async fn read<T: FromRedisValue>(&self, deadline: Instant, command: &Cmd) -> Result<T, KvError> {
        let mut connection = self.connection.clone();
        let reading = async {
            match command.query_async(&mut connection).await {
                Err(error) if error.is_connection_dropped() => command.query_async(&mut connection).await,
                outcome => outcome,
            }
        };
        self.within(deadline, reading).await
    }

    /// Runs a script once, as [`write`](Self::write).
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        deadline: Instant,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, KvError> {
        let mut connection = self.connection.clone();
        self.within(deadline, script.invoke_async(&mut connection)).await
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&self) -> Result<(), KvError> {
        self.read(Instant::now() + self.timeout, &redis::cmd("PING")).await
    }

    async fn within<T>(
        &self,
        deadline: Instant,
        exchange: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, KvError> {
        let until = deadline.min(Instant::now() + self.timeout);
        match tokio::time::timeout_at(until, exchange).await {
            Ok(outcome) => outcome.map_err(|error| translate(&error)),
            Err(_) => Err(KvError::Other("the store did not answer in time".to_owned())),
        }
    }
}

/// The server's own words say most; of the client's errors only those that help.
fn translate(error: &RedisError) -> KvError {
    if error.is_timeout() {
        return KvError::Other("the store did not answer in time".to_owned());
    }
    if error.is_connection_dropped() || error.is_io_error() {
        return KvError::Other(
            "the connection to the store broke; whether the call was carried out is unknown".to_owned(),
        );
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => KvError::AccessDenied,
        _ => KvError::Other(match (error.code(), error.detail()) {
            (Some("WRONGTYPE"), _) => "the key holds a Redis value that is no string".to_owned(),
            (_, Some(detail)) => format!("the store refused: {detail}"),
            (Some(code), None) => format!("the store refused: {code}"),
            (None, None) => error.to_string(),
        }),
    }
}
