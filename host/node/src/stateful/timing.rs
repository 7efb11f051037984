//! Moves that are timed while they are made.

use std::sync::Arc;
use std::time::Instant;

use lattice_stateful::{MoveError, MoveOrder, Moved, Phase, Progress, Runtime};
use lattice_telemetry::Instruments;
use parking_lot::Mutex;

use crate::shared::Shared;

impl Shared {
    /// Moves an actor, and notes how long each step took.
    pub(super) async fn move_timed(&self, runtime: &Runtime, mut order: MoveOrder) -> Result<Moved, MoveError> {
        if !self.instruments.is_on() {
            return runtime.move_actor(order).await;
        }
        let steps = Arc::new(Steps::new(self.instruments.clone()));
        order.progress = steps.timing(order.progress);
        let outcome = runtime.move_actor(order).await;
        steps.enter(None);
        match &outcome {
            Ok(moved) => self.instruments.moved(moved.pause),
            Err(_) => self.instruments.stayed(),
        }
        outcome
    }
}

/// The steps of one move.
struct Steps {
    instruments: Instruments,
    now: Mutex<Option<(Phase, Instant)>>,
}

impl Steps {
    fn new(instruments: Instruments) -> Self {
        Self {
            instruments,
            now: Mutex::default(),
        }
    }

    /// Times the steps on the way to whoever looks on.
    fn timing(self: &Arc<Self>, then: Progress) -> Progress {
        let steps = Arc::clone(self);
        Arc::new(move |phase| {
            steps.enter(Some(phase));
            then(phase);
        })
    }

    /// Ends the step before, and begins this one.
    fn enter(&self, phase: Option<Phase>) {
        let now = Instant::now();
        let before = std::mem::replace(&mut *self.now.lock(), phase.map(|phase| (phase, now)));
        if let Some((phase, began)) = before {
            self.instruments.move_phase(phase.name(), now - began);
        }
    }
}
