//! A guest that goes on after the head of its answer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use lattice_core::Fault;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::http::Guest;
use crate::fault::{actor_stopped, deadline_passed};

/// Holds a guest for the reader of its body, who runs it, and for a watch, which ends it when its time is over.
///
/// The reader alone would not do: one that stalls does not poll, and would keep the guest and its place for ever.
pub(super) struct Leash {
    state: Arc<Mutex<State>>,
    _watch: AbortOnDropHandle<()>,
}

enum State {
    Running(Guest),
    Ended(Option<Fault>),
}

impl Leash {
    pub(super) fn put(guest: Guest, deadline: Instant, stop: &CancellationToken, tasks: &TaskTracker) -> Self {
        let state = Arc::new(Mutex::new(State::Running(guest)));
        let watched = Arc::clone(&state);
        let stop = stop.clone();
        let watch = tasks.spawn(async move {
            let stopped = stop
                .run_until_cancelled(tokio::time::sleep_until(deadline.into()))
                .await
                .is_none();
            let fault = if stopped { actor_stopped() } else { deadline_passed() };
            let ended = watched.lock().end(Some(fault));
            drop(ended);
        });
        Self {
            state,
            _watch: AbortOnDropHandle::new(watch),
        }
    }

    /// Runs the guest. Returns what it died of, if it has.
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Option<Fault> {
        let mut state = self.state.lock();
        if let State::Running(guest) = &mut *state
            && let Poll::Ready(ended) = guest.as_mut().poll(cx)
        {
            state.end(ended.err());
        }
        match &*state {
            State::Running(_) => None,
            State::Ended(fault) => fault.clone(),
        }
    }

    /// Takes the guest off, if it still runs.
    pub(super) fn release(&self) -> Option<Guest> {
        self.state.lock().end(None)
    }
}

impl State {
    fn end(&mut self, fault: Option<Fault>) -> Option<Guest> {
        match std::mem::replace(self, Self::Ended(None)) {
            Self::Running(guest) => {
                *self = Self::Ended(fault);
                Some(guest)
            }
            ended @ Self::Ended(_) => {
                *self = ended;
                None
            }
        }
    }
}
