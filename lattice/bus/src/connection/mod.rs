//! The connection: made once, kept for ever.
//!
//! `dial` makes a client from the configuration; `line` is what everybody talks through and what knows the state; `answers` brings
//! answers to requests; `renewing` keeps a subscription; `outage` decides what to say about an interruption; `denials` reads
//! what the server does not let us do.
//! async-nats reconnects by itself. What it cannot survive is a bug of its own (a frame it does not expect makes its task
//! panic), so a client that dies without being told to is replaced here, and subscriptions renew themselves.

mod answers;
pub(crate) mod backoff;
mod denials;
mod dial;
mod line;
mod outage;
mod renewing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use answers::Answers;
pub use dial::ConnectError;
use dial::Dialled;
pub(crate) use line::{Installed, Line};
pub(crate) use renewing::Renewing;

use crate::config::BusConfig;

/// Longest wait between two attempts to reconnect.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(2);

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is a server. `session` counts the connections made so far, so that who slept through a short
    /// interruption still sees that there was one.
    Connected {
        /// Which connection this is, from 1.
        session: u64,
    },
    /// The server is gone and we are looking for one, for as long as it takes.
    Reconnecting,
    /// We hung up. It stays so.
    Closed,
}

impl ConnectionState {
    /// Says whether there is a server now.
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// Says whether what was under way in `earlier` may be lost: there is another session now, or none will come. The mere loss of
    /// a connection decides nothing yet.
    pub(crate) fn is_beyond(self, earlier: Self) -> bool {
        match self {
            Self::Connected { .. } => self != earlier,
            Self::Closed => true,
            Self::Reconnecting => false,
        }
    }
}

/// Owns the line and the task that replaces a dead client.
#[derive(Debug)]
pub(crate) struct Connection {
    line: Arc<Line>,
    config: BusConfig,
    answers: Answers,
    _reviver: AbortOnDropHandle<()>,
}

impl Connection {
    pub(crate) async fn open(config: BusConfig) -> Result<Self, ConnectError> {
        let line = Arc::new(Line::new());
        let Dialled { client, death } = dial::dial_patiently(&config, &line).await?;
        line.install(client);
        let prefix = config.inbox_prefix.as_deref().unwrap_or("_INBOX");
        let inbox = format!("{prefix}.{}", uuid::Uuid::new_v4().simple());
        let Ok(answers) = Answers::open(&line, &inbox).await else {
            line.let_go();
            return Err(ConnectError::BadInboxPrefix(prefix.to_owned()));
        };
        let reviver = tokio::spawn(revive(Arc::clone(&line), config.clone(), death));
        Ok(Self {
            line,
            config,
            answers,
            _reviver: AbortOnDropHandle::new(reviver),
        })
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(crate) fn config(&self) -> &BusConfig {
        &self.config
    }

    pub(crate) fn states(&self) -> watch::Receiver<ConnectionState> {
        self.line.states()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The client's own event callback holds the line, and a held client never hangs up.
        self.line.let_go();
    }
}

/// Replaces a client that died without being told to.
async fn revive(line: Arc<Line>, config: BusConfig, mut death: oneshot::Receiver<dial::Never>) {
    loop {
        // Nothing is ever sent: this is the end of the client's tasks.
        let _ = death.await;
        if line.is_closing() {
            line.closed();
            return;
        }
        warn!("the NATS client stopped unexpectedly; starting another");
        line.interrupted();
        let mut attempt = 0;
        death = loop {
            attempt += 1;
            tokio::time::sleep(backoff::delay(attempt, backoff::random())).await;
            match dial::dial(&config, &line).await {
                Ok(Dialled { client, death }) => {
                    info!(attempt, "another NATS client is connected");
                    line.install(client);
                    break death;
                }
                Err(err) => debug!(error = %err, attempt, "no NATS client yet"),
            }
        };
    }
}
