//! The line: the client in use, its state, and what its events mean.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use async_nats::connection::State;
use async_nats::{Client, Event, ServerError};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::ConnectionState;
use super::answers::Waiting;
use super::denials::{self, Action, Denial};
use super::outage::{Outage, Say};

/// Quiet time that ends an episode of dropped messages.
const DROP_EPISODE: Duration = Duration::from_secs(10);

/// Different denials that are worth a warning each.
const DENIALS_SAID_MAX: usize = 256;

/// What everybody talks through. Also the target of the client's event callback, which is why it is apart from
/// [`Connection`](super::Connection): the callback may outlive it.
#[derive(Debug)]
pub(crate) struct Line {
    client: ArcSwapOption<Installed>,
    state: watch::Sender<ConnectionState>,
    /// Connections made by clients before the present one.
    sessions_before: AtomicU64,
    closing: AtomicBool,
    outage: Mutex<Outage>,
    waiting: Waiting,
    /// Denials that the log has; bounded, so that one per random subject cannot fill memory.
    denials_said: Mutex<HashSet<Denial>>,
    /// Messages thrown away because the subscriber was too slow.
    dropped: AtomicU64,
    last_drop: Mutex<Option<Instant>>,
}

/// A client and its place in the row of clients.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) client: Client,
    pub(crate) generation: u64,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            client: ArcSwapOption::empty(),
            state: watch::Sender::new(ConnectionState::Reconnecting),
            sessions_before: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            outage: Mutex::default(),
            waiting: Waiting::default(),
            denials_said: Mutex::default(),
            dropped: AtomicU64::new(0),
            last_drop: Mutex::default(),
        }
    }

    /// Returns the client in use; none once the bus is gone.
    pub(crate) fn client(&self) -> Option<Arc<Installed>> {
        self.client.load_full()
    }

    /// Waits for a client that came after `generation`; none once the bus is gone.
    pub(crate) async fn client_after(&self, generation: u64) -> Option<Arc<Installed>> {
        let mut states = self.states();
        loop {
            let state = *states.borrow_and_update();
            match self.client() {
                Some(installed) if installed.generation > generation => return Some(installed),
                Some(_) if state != ConnectionState::Closed => {}
                _ => return None,
            }
            states.changed().await.ok()?;
        }
    }

    pub(crate) fn states(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    pub(crate) fn state(&self) -> ConnectionState {
        *self.state.borrow()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// From here on the client's end is wanted.
    pub(crate) fn start_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Those who wait for answers.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Puts a connected client in place, in front of any that died.
    pub(crate) fn install(&self, client: Client) {
        let (sessions, generation) = match self.client() {
            Some(dead) => (connects(&dead.client), dead.generation + 1),
            None => (0, 1),
        };
        self.sessions_before.fetch_add(sessions, Ordering::AcqRel);
        self.client.store(Some(Arc::new(Installed { client, generation })));
        self.connected();
    }

    /// Drops the client, which hangs up when nobody else uses it.
    pub(crate) fn let_go(&self) {
        self.start_closing();
        self.client.store(None);
        self.closed();
    }

    pub(crate) fn closed(&self) {
        self.set(ConnectionState::Closed);
    }

    /// The connection broke, or the client did.
    pub(crate) fn interrupted(&self) {
        self.set(ConnectionState::Reconnecting);
        let say = self.outage.lock().begins(Instant::now());
        self.say(say);
    }

    fn connected(&self) {
        // The client speaks before it is installed; `install` then says the same.
        let Some(installed) = self.client() else { return };
        let session = self.sessions_before.load(Ordering::Acquire) + connects(&installed.client);
        if self.state() != (ConnectionState::Connected { session }) {
            self.waiting.reconnected();
        }
        self.set(ConnectionState::Connected { session });
        let say = self.outage.lock().ends(Instant::now());
        self.say(say);
    }

    /// Takes in what the client tells. Runs on the client's own task: must not block.
    pub(crate) fn on_event(&self, event: Event) {
        match event {
            Event::Connected => self.connected(),
            Event::Disconnected => self.interrupted(),
            Event::SlowConsumer(_) => {
                self.count_dropped();
                self.resync();
            }
            Event::LameDuckMode => info!("the nats-server is about to stop; moving to another when it does"),
            Event::ServerError(error) => self.on_server_error(error),
            Event::ClientError(error) => {
                debug!(%error, "attempt to reconnect to NATS failed");
                let say = self.outage.lock().attempt_failed(&error.to_string());
                self.say(say);
            }
            Event::Draining | Event::Closed => {}
        }
    }

    fn on_server_error(&self, error: ServerError) {
        let ServerError::Other(text) = error else {
            debug!(%error, "nats-server reports an error");
            return;
        };
        let Some(denial) = denials::parse(&text) else {
            warn!(error = %text, "nats-server reports an error");
            return;
        };
        self.waiting.denied(&denial);
        let action = match denial.action {
            Action::Publish => "publish to",
            Action::Subscribe => "subscribe to",
        };
        let mut said = self.denials_said.lock();
        if said.len() < DENIALS_SAID_MAX && said.insert(denial.clone()) {
            let subject = denial.subject;
            warn!(%subject, "these NATS credentials may not {action} this subject; give the user that permission");
        }
    }

    fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut last = self.last_drop.lock();
        // An episode ends when nothing was dropped for a while.
        if last.is_none_or(|last| now.duration_since(last) > DROP_EPISODE) {
            warn!("a subscriber is too slow and its queue is full: messages are being dropped");
        }
        *last = Some(now);
    }

    /// Events are dropped when more than a hundred come at once, which only happens with slow consumers. Since one of those
    /// dropped may have been a change of state, the state is asked for.
    fn resync(&self) {
        match self.client().map(|installed| installed.client.connection_state()) {
            Some(State::Connected) => self.connected(),
            Some(State::Disconnected) => self.interrupted(),
            Some(State::Pending) | None => {}
        }
    }

    fn set(&self, state: ConnectionState) {
        self.state.send_if_modified(|current| {
            let changes = *current != state && *current != ConnectionState::Closed;
            if changes {
                *current = state;
            }
            changes
        });
    }

    fn say(&self, say: Option<Say>) {
        if self.is_closing() {
            return;
        }
        match say {
            Some(Say::Lost) => warn!("lost the connection to NATS; trying to reconnect until it is back"),
            Some(Say::Back(after)) => info!(after_ms = after.as_millis(), "the connection to NATS is back"),
            Some(Say::Refused(reason)) => {
                warn!(%reason, "nats-server refuses our credentials; still trying, in case they are renewed");
            }
            None => {}
        }
    }
}

fn connects(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}
