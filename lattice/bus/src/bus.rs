//! The bus: publish, ask, subscribe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, PublishErrorKind};
use bytes::Bytes;
use tokio::sync::watch;

use crate::connection::{Connection, Line};
use crate::replies::Replies;
use crate::{
    BusConfig, ConnectError, ConnectionState, Headers, Message, PublishError, RequestError, Subject, SubscribeError,
    Subscription,
};

/// Status by which a server says that nobody listens on a subject.
pub(crate) const NO_RESPONDERS: u16 = 503;

/// Longest wait for what was written to leave this process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to NATS. Clones are cheap and share it; it hangs up when the last clone, subscription and bucket is gone.
#[derive(Clone, Debug)]
pub struct Bus {
    connection: Arc<Connection>,
    /// The JetStream domain, where it is not the configured one.
    domain: Option<Arc<str>>,
}

impl Bus {
    /// Connects, and from then on stays connected: a lost connection is made again, for ever, with one warning when it goes and
    /// one line when it is back. Subscriptions, watches and leases live on.
    ///
    /// # Errors
    ///
    /// When no server answers within [`BusConfig::patience`], one refuses us, or the configuration cannot be used.
    pub async fn connect(config: BusConfig) -> Result<Self, ConnectError> {
        Ok(Self {
            connection: Arc::new(Connection::open(config).await?),
            domain: None,
        })
    }

    /// The same connection, with the state of another JetStream domain: buckets, objects and journals opened through it lie there.
    #[must_use]
    pub fn in_domain(&self, domain: &str) -> Self {
        Self {
            domain: Some(domain.into()),
            ..self.clone()
        }
    }

    /// Returns what the connection is doing.
    pub fn state(&self) -> ConnectionState {
        self.line().state()
    }

    /// Follows what the connection is doing.
    pub fn states(&self) -> watch::Receiver<ConnectionState> {
        self.connection.states()
    }

    /// Says whether there is a server now.
    pub fn is_connected(&self) -> bool {
        self.state().is_connected()
    }

    /// Waits until there is a server and returns which session that is; `None` when the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn connected(&self) -> Option<u64> {
        let mut states = self.states();
        loop {
            match *states.borrow_and_update() {
                ConnectionState::Connected { session } => return Some(session),
                ConnectionState::Closed => return None,
                ConnectionState::Reconnecting => {}
            }
            states.changed().await.ok()?;
        }
    }

    /// Sends a message to whoever listens, perhaps nobody. It has left this process some time after this returns; while the
    /// connection is down a few thousand messages wait in the client, and then this waits.
    ///
    /// # Errors
    ///
    /// When the subject or the size cannot be sent, or the bus is closed.
    pub async fn publish(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let subject = subject.into();
        let client = &self.client().ok_or(PublishError::Disconnected)?.client;
        let size = payload.len();
        let sent = match headers.into_inner() {
            None => client.publish(subject.clone().into_inner(), payload).await,
            Some(headers) => {
                client
                    .publish_with_headers(subject.clone().into_inner(), headers, payload)
                    .await
            }
        };
        sent.map_err(|err| publish_error(err.kind(), &subject, size, client))
    }

    /// Sends a message whose answers, if any, go to `reply`.
    ///
    /// # Errors
    ///
    /// When a subject or the size cannot be sent, or the bus is closed.
    pub async fn publish_with_reply(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, reply) = (subject.into(), reply.into().into_inner());
        let client = &self.client().ok_or(PublishError::Disconnected)?.client;
        let size = payload.len();
        let to = subject.clone().into_inner();
        let sent = match headers.into_inner() {
            None => client.publish_with_reply(to, reply, payload).await,
            Some(headers) => client.publish_with_reply_and_headers(to, reply, headers, payload).await,
        };
        sent.map_err(|err| publish_error(err.kind(), &subject, size, client))
    }

    /// Asks and waits for one answer. `timeout` covers everything: while the connection is down the request waits for it to come
    /// back, and fails as [`RequestError::Disconnected`], never sent, when it does not.
    ///
    /// All requests share one subscription; one that is given up leaves nothing behind.
    ///
    /// # Errors
    ///
    /// See [`RequestError`]; [`RequestError::was_sent`] tells whether asking again may do a thing twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting. The request may have been sent.
    pub async fn request(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let subject = subject.into();
        let mut sent = false;
        let outcome = tokio::time::timeout(timeout, async {
            if !self.is_connected() {
                self.connected().await.ok_or(RequestError::Disconnected)?;
            }
            sent = true;
            self.ask(&subject, headers, payload).await
        });
        match outcome.await {
            Ok(answer) => answer,
            Err(_) if !sent => Err(RequestError::Disconnected),
            Err(_) => Err(RequestError::TimedOut {
                subject: subject.to_string(),
                after: timeout,
            }),
        }
    }

    async fn ask(&self, subject: &Subject, headers: Headers, payload: Bytes) -> Result<Message, RequestError> {
        let mut expected = self.connection.answers().expect_one(subject);
        self.publish_with_reply(subject, expected.reply(), headers, payload)
            .await?;
        match expected.answer().await {
            Some(Ok(answer)) if answer.status() == Some(NO_RESPONDERS) => Err(RequestError::NoResponders {
                subject: subject.to_string(),
            }),
            Some(answer) => answer,
            None => Err(RequestError::Interrupted {
                subject: subject.to_string(),
            }),
        }
    }

    /// Asks and gathers several answers. The stream ends when no answer came for `stall`, after `max` answers, or at once when
    /// the server says that nobody listens; [`Replies::ended`] tells which.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent within `stall`.
    pub async fn request_many(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
        stall: Duration,
        max: Option<usize>,
    ) -> Result<Replies, RequestError> {
        Replies::ask(self, subject.into(), headers, payload, stall, max).await
    }

    /// Listens on a subject, alone or as one of a queue group of which each message reaches one. At most `capacity` messages wait;
    /// see [`Subscription`] for what happens then, and [`DIRECT_CAPACITY`](crate::DIRECT_CAPACITY) for the quick way.
    ///
    /// # Errors
    ///
    /// When the subject or group is not a valid one, or the bus is closed. A subject that the credentials do not cover is not an error
    /// here, since NATS does not answer: it becomes a warning in the log.
    pub async fn subscribe(
        &self,
        subject: impl Into<Subject>,
        queue: Option<&str>,
        capacity: usize,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::open(self.clone(), subject.into(), queue.map(str::to_owned), capacity).await
    }

    /// Waits until everything sent so far has been handed to the operating system.
    ///
    /// # Errors
    ///
    /// When that does not happen within some seconds, the connection being down.
    pub async fn flush(&self) -> Result<(), PublishError> {
        let installed = self.client().ok_or(PublishError::Disconnected)?;
        match tokio::time::timeout(FLUSH_TIMEOUT, installed.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PublishError::Disconnected),
        }
    }

    /// Goes to the server and back: everything this bus sent or subscribed to before is in effect there. Returns how long it took.
    ///
    /// # Errors
    ///
    /// When nothing comes back within `timeout`; also when the credentials do not let us publish to our own inbox.
    pub async fn round_trip(&self, timeout: Duration) -> Result<Duration, RequestError> {
        let start = Instant::now();
        // Nobody listens there, which the server is quick to say.
        match self
            .request(self.new_inbox(), Headers::new(), Bytes::new(), timeout)
            .await
        {
            Ok(_) | Err(RequestError::NoResponders { .. }) => Ok(start.elapsed()),
            Err(err) => Err(err),
        }
    }

    /// Makes a subject that nobody else has, under the prefix that replies come back to.
    pub fn new_inbox(&self) -> Subject {
        let prefix = self.connection.config().inbox_prefix.as_deref().unwrap_or("_INBOX");
        Subject::from(format!("{prefix}.{}", uuid::Uuid::new_v4().simple()))
    }

    /// Returns the largest message the server takes, headers included.
    pub fn max_payload(&self) -> usize {
        self.client().map_or(0, |installed| installed.client.max_payload())
    }

    /// Returns what the server said of itself when we last connected.
    pub fn server_info(&self) -> ServerInfo {
        self.client()
            .map(|installed| installed.client.server_info())
            .unwrap_or_default()
            .into()
    }

    /// Says how many requests wait for an answer.
    pub fn requests_waiting(&self) -> usize {
        self.line().waiting().count()
    }

    /// Says how many messages were dropped because a direct subscription's queue was full, all subscriptions together.
    pub fn dropped(&self) -> u64 {
        self.line().dropped()
    }

    /// Hangs up in order: subscriptions end after what has come in already, what was published is sent. Returns whether that was
    /// done within `grace`; the bus is closed either way.
    pub async fn drain(&self, grace: Duration) -> bool {
        let line = self.line();
        line.start_closing();
        let mut states = self.states();
        let drained = match self.client() {
            Some(installed) if line.state().is_connected() => tokio::time::timeout(grace, async {
                installed.client.flush().await.is_ok()
                    && installed.client.drain().await.is_ok()
                    && states.wait_for(|state| *state == ConnectionState::Closed).await.is_ok()
            })
            .await
            .unwrap_or(false),
            // What was published into an outage is lost.
            _ => false,
        };
        line.let_go();
        drained
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        self.connection.line()
    }

    pub(crate) fn jetstream_domain(&self) -> Option<&str> {
        let configured = self.connection.config().jetstream_domain.as_deref();
        self.domain.as_deref().or(configured)
    }

    fn client(&self) -> Option<Arc<crate::connection::Installed>> {
        self.line().client()
    }
}

fn publish_error(kind: PublishErrorKind, subject: &Subject, size: usize, client: &Client) -> PublishError {
    let subject = subject.to_string();
    match kind {
        PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge {
            subject,
            size,
            max: client.max_payload(),
        },
        PublishErrorKind::InvalidSubject => PublishError::BadSubject { subject },
        PublishErrorKind::Send => PublishError::Disconnected,
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version, such as `2.12.1`.
    pub version: String,
    /// The cluster it belongs to, if any.
    pub cluster: Option<String>,
    /// Its JetStream domain, if any.
    pub domain: Option<String>,
    /// Whether it runs JetStream.
    pub jetstream: bool,
    /// The largest message it takes.
    pub max_payload: usize,
    /// How many servers of its cluster it told us of; 0 when it is alone.
    pub known_servers: usize,
    /// The address it sees us at.
    pub client_ip: String,
}

impl ServerInfo {
    /// Says whether the server is at least this version. False for a version it does not state.
    pub fn is_at_least(&self, major: u64, minor: u64) -> bool {
        let mut parts = self
            .version
            .trim_start_matches('v')
            .split(['.', '-', '+'])
            .map(str::parse::<u64>);
        match (parts.next(), parts.next()) {
            (Some(Ok(have_major)), Some(Ok(have_minor))) => (have_major, have_minor) >= (major, minor),
            _ => false,
        }
    }
}

impl From<async_nats::ServerInfo> for ServerInfo {
    fn from(info: async_nats::ServerInfo) -> Self {
        Self {
            id: info.server_id,
            name: info.server_name,
            version: info.version,
            cluster: info.cluster,
            domain: info.domain,
            jetstream: info.jetstream,
            max_payload: info.max_payload,
            known_servers: info.connect_urls.len(),
            client_ip: info.client_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let server = |version: &str| {
            ServerInfo::from(async_nats::ServerInfo {
                version: version.into(),
                ..Default::default()
            })
        };
        assert!(server("2.12.0").is_at_least(2, 11));
        assert!(server("v2.11.3-RC.1").is_at_least(2, 11));
        assert!(!server("2.9.10").is_at_least(2, 11));
        assert!(!server("").is_at_least(0, 0));
    }
}
