//! The controller: makes what people want so, and keeps it so.
//!
//! Every host with a controller's key can lead; one at a time does, by a lease. It looks at the heartbeats of all hosts and at the
//! signed revisions of all applications, has [`reconcile::decide`](lattice_control::reconcile::decide) say what to do, and does it
//! with signed commands. What it knows besides may be lost at any time: the next leader looks for itself.
//!
//! That a lease is no mutual exclusion does not matter here. Two who believe to lead for a moment see the same, decide the same, and
//! ask for things that can be asked for twice.

mod act;
mod applying;
mod apps;
mod board;
mod lead;
mod observe;
mod settings;
mod sites;

use std::{sync::Arc, time::Duration};

use lattice_bus::{Lease, StateError};
use lattice_control::{AppsProgressReply, leases_bucket};
use lattice_core::{AppName, event::names, subject::CONTROLLER_LEASE_KEY};
use lattice_mesh::Member;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::board::Board;
pub use crate::settings::ControllerSettings;

/// Between two tries to take part in the election while JetStream does not answer.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// How long the tasks of a controller that was told to stop may take.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// A controller: stands by, or leads.
///
/// It owns its tasks. [`Controller::stop`] gives the lease up, so that another leads at once; dropping it lets the lease run out.
#[derive(Debug)]
pub struct Controller {
    board: Arc<Board>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Controller {
    /// Starts standing by.
    pub fn start(member: Arc<Member>, settings: ControllerSettings) -> Self {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let board = Arc::new(Board::default());
        let term = Terms {
            member,
            settings,
            board: Arc::clone(&board),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
        };
        tasks.spawn(term.run());
        Self { board, tasks, stopping }
    }

    /// How far these applications are, if this controller leads; all it knows when none is named.
    pub fn progress(&self, apps: &[AppName]) -> AppsProgressReply {
        self.board.tell(apps)
    }

    /// Stops leading, and standing by.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(ENDS_WITHIN, self.tasks.wait()).await.is_err() {
            warn!("the controller did not end in time");
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// One term after the other.
struct Terms {
    member: Arc<Member>,
    settings: ControllerSettings,
    board: Arc<Board>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Terms {
    async fn run(self) {
        loop {
            let elected = self.stopping.run_until_cancelled(self.elected()).await;
            match elected {
                None => return,
                Some(Ok(lease)) => self.lead(lease).await,
                Some(Err(error)) => tracing::debug!(%error, "cannot stand for leader now"),
            }
            // A term that ended by itself is followed by a pause: whatever ended it may still be so.
            if self
                .stopping
                .run_until_cancelled(tokio::time::sleep(BETWEEN_TRIES))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Waits until this controller leads.
    async fn elected(&self) -> Result<Lease, StateError> {
        let bucket = self.member.bus().bucket(leases_bucket(self.member.lattice())).await?;
        let me = self.member.id().to_string();
        bucket
            .lease_when_free(CONTROLLER_LEASE_KEY, &me, self.settings.lease)
            .await
    }

    async fn lead(&self, lease: Lease) {
        info!(term = lease.epoch(), "leading");
        let data = serde_json::json!({ "term": lease.epoch() });
        self.member.events().tell(names::CONTROLLER_LEADS, None, data);
        let term = lead::Term::new(&self.member, &self.settings, &self.board, &self.tasks, lease.epoch());
        let over = tokio::select! {
            () = lease.lost() => "the lease was lost",
            () = self.stopping.cancelled() => "stopping",
            error = term.run() => error,
        };
        self.board.clear();
        info!(term = lease.epoch(), why = over, "not leading any more");
        let data = serde_json::json!({ "term": lease.epoch(), "reason": over });
        self.member.events().tell(names::CONTROLLER_RETIRED, None, data);
        if let Err(error) = lease.release().await {
            tracing::debug!(%error, "the lease was not given up; it runs out");
        }
    }
}
