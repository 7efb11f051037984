//! Who has a call in an instance.

use std::sync::Arc;

use lattice_core::{Fault, FaultKind};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The seats of one instance.
#[derive(Default)]
pub(super) struct Seats {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    taken: u32,
    served: u32,
    /// No more calls are seated.
    closed: bool,
    /// A call was given up whose guest may still run.
    abandoned: bool,
    /// What the instance died of.
    fault: Option<Fault>,
    /// The instance is no more.
    ended: bool,
}

/// A call's place in an instance.
pub(super) struct Seat {
    seats: Arc<Seats>,
    finished: bool,
}

impl Seats {
    pub(super) fn is_open(&self) -> bool {
        !self.state.lock().closed
    }

    pub(super) fn taken(&self) -> u32 {
        self.state.lock().taken
    }

    /// Takes a seat if there is one.
    pub(super) fn take(self: &Arc<Self>, seats_max: u32, served_max: u32) -> Option<Seat> {
        let mut state = self.state.lock();
        if state.closed || state.taken >= seats_max {
            return None;
        }
        Some(self.seated(&mut state, served_max))
    }

    /// Takes the first seat of a new instance.
    pub(super) fn take_first(self: &Arc<Self>, served_max: u32) -> Seat {
        self.seated(&mut self.state.lock(), served_max)
    }

    fn seated(self: &Arc<Self>, state: &mut State, served_max: u32) -> Seat {
        state.taken += 1;
        state.served += 1;
        state.closed |= state.served >= served_max;
        Seat {
            seats: Arc::clone(self),
            finished: false,
        }
    }

    /// Closes an instance that nobody calls. Returns false if somebody just took a seat.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut state = self.state.lock();
        state.closed |= state.taken == 0;
        state.closed
    }

    /// Notes what the instance died of.
    pub(super) fn fail(&self, fault: Fault) {
        self.state.lock().fault.get_or_insert(fault);
    }

    /// Closes the seats of an instance when what is returned is dropped.
    pub(super) fn end_on_drop(self: &Arc<Self>) -> End {
        End(Arc::clone(self))
    }

    /// Waits until nobody is left for whom the instance must go on, while a call in it was given up.
    pub(super) async fn deserted(&self) {
        self.until(|state| state.abandoned && state.taken == 0).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so(&self.state.lock()) {
                return;
            }
            changed.await;
        }
    }
}

/// Tells the end of an instance.
pub(super) struct End(Arc<Seats>);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        (state.closed, state.ended) = (true, true);
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl Seat {
    /// The call has all it wanted of the instance.
    pub(super) fn finished(&mut self) {
        self.finished = true;
    }

    /// Why there was no answer. Known once the instance has ended, which is why there will be none.
    pub(super) async fn fault(&self) -> Fault {
        self.seats.until(|state| state.ended).await;
        let known = self.seats.state.lock().fault.clone();
        known.unwrap_or_else(|| Fault::new(FaultKind::Trap, "the instance ended before it had answered"))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.seats.state.lock();
        state.taken -= 1;
        if !self.finished {
            state.closed = true;
            state.abandoned = true;
        }
        drop(state);
        self.seats.changed.notify_waiters();
    }
}
