//! The member's side: hears commands, authorises them, has a [`Handler`] carry them out, and answers with the outcome.

mod answer;
mod dispatch;
mod gate;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use lattice_bus::{Bus, Message, SubscribeError};
use lattice_core::{Incarnation, LatticeId, MemberId, subject};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use gate::TrustSource;

use crate::handler::Handler;

/// Commands at work at once. One more is answered `overloaded`: starting actors is heavy, and a flood of reads must not
/// take all the memory.
const COMMANDS_AT_ONCE: usize = 256;

/// Commands that wait to be looked at, per subscription.
const INBOX_CAPACITY: usize = 1024;

/// Who the server answers as.
#[derive(Clone)]
pub struct ServerConfig {
    /// The lattice.
    pub lattice: LatticeId,
    /// This member.
    pub member: MemberId,
    /// This run of it.
    pub incarnation: Incarnation,
    /// Its key, which signs every outcome.
    pub key: Arc<nkeys::KeyPair>,
}

/// Serves the control interface. Owns every task that a command runs in.
pub struct ControlServer {
    tracker: TaskTracker,
    stop_intake: CancellationToken,
    abort: CancellationToken,
}

impl ControlServer {
    /// Starts to serve: commands to this member and commands to all.
    ///
    /// # Errors
    /// When the bus is closed.
    pub async fn start(
        config: ServerConfig,
        bus: Bus,
        trust: Arc<dyn TrustSource>,
        handler: Arc<dyn Handler>,
    ) -> Result<Self, SubscribeError> {
        let own = bus
            .subscribe(
                subject::host_command_wildcard(&config.lattice, &config.member),
                None,
                INBOX_CAPACITY,
            )
            .await?;
        let all = bus
            .subscribe(subject::all_command_wildcard(&config.lattice), None, INBOX_CAPACITY)
            .await?;
        let any = bus
            .subscribe(
                subject::any_command_wildcard(&config.lattice),
                Some(subject::CONTROL_QUEUE),
                INBOX_CAPACITY,
            )
            .await?;

        let server = Self {
            tracker: TaskTracker::new(),
            stop_intake: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let shared = Arc::new(Shared {
            gate: gate::Gate::new(&config, trust),
            config,
            bus,
            handler,
            permits: Arc::new(Semaphore::new(COMMANDS_AT_ONCE)),
            at_work: Mutex::new(HashMap::new()),
            tracker: server.tracker.clone(),
            abort: server.abort.clone(),
        });
        for (mut messages, audience) in [
            (own, Audience::Me),
            (all, Audience::Everyone),
            (any, Audience::Everyone),
        ] {
            let (shared, stop) = (Arc::clone(&shared), server.stop_intake.clone());
            server.tracker.spawn(async move {
                while let Some(Some(message)) = stop.run_until_cancelled(messages.next()).await {
                    shared.receive(message, audience);
                }
            });
        }
        Ok(server)
    }

    /// Takes no more commands, gives those at work this long to end, then drops them. Returns whether all ended by themselves.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.stop_intake.cancel();
        self.tracker.close();
        let in_time = tokio::time::timeout(grace, self.tracker.wait()).await.is_ok();
        self.abort.cancel();
        self.tracker.wait().await;
        in_time
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop_intake.cancel();
        self.abort.cancel();
    }
}

/// Whom a command was sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Audience {
    /// To this member by its id.
    Me,
    /// To all, or to any one.
    Everyone,
}

/// What every command's task needs.
struct Shared {
    config: ServerConfig,
    bus: Bus,
    gate: gate::Gate,
    handler: Arc<dyn Handler>,
    permits: Arc<Semaphore>,
    /// Commands that can still be withdrawn.
    at_work: Mutex<HashMap<Uuid, CancellationToken>>,
    tracker: TaskTracker,
    abort: CancellationToken,
}

impl Shared {
    fn receive(self: &Arc<Self>, message: Message, audience: Audience) {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        let (shared, abort) = (Arc::clone(self), self.abort.clone());
        self.tracker.spawn(async move {
            // What is dropped here is told to nobody: the process ends, and the asker notices the silence.
            let _ = abort
                .run_until_cancelled(shared.answer(message, audience, permit.is_some()))
                .await;
            drop(permit);
        });
    }
}
