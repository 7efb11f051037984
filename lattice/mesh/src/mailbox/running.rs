//! The calls of others that run here, and how to end them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use lattice_core::{Fault, InvocationId, LinkId};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::wire::SessionId;

/// A call, as its caller can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallKey {
    pub(super) session: SessionId,
    pub(super) id: InvocationId,
}

/// Calls under way. Bounded by what is admitted.
#[derive(Debug, Default)]
pub(super) struct RunningCalls(Mutex<HashMap<CallKey, RunningCall>>);

#[derive(Debug)]
struct RunningCall {
    /// What grants it; none grants what a host asks.
    link: Option<LinkId>,
    ending: Ending,
}

impl RunningCalls {
    /// Puts a call on the list; `None` when one with that name is under way.
    pub(super) fn enter(&self, key: CallKey, link: Option<&LinkId>) -> Option<Ending> {
        let mut calls = self.0.lock();
        if calls.contains_key(&key) {
            return None;
        }
        let ending = Ending::default();
        let call = RunningCall {
            link: link.cloned(),
            ending: ending.clone(),
        };
        calls.insert(key, call);
        Some(ending)
    }

    /// Takes a call off the list.
    pub(super) fn leave(&self, key: &CallKey) {
        self.0.lock().remove(key);
    }

    /// Whether a call is under way.
    pub(super) fn contains(&self, key: &CallKey) -> bool {
        self.0.lock().contains_key(key)
    }

    /// Ends a call, if it is under way.
    pub(super) fn end(&self, key: &CallKey, why: Fault) {
        if let Some(call) = self.0.lock().get(key) {
            call.ending.end(why);
        }
    }

    /// Ends every call.
    pub(super) fn end_all(&self, why: &Fault) {
        for call in self.0.lock().values() {
            call.ending.end(why.clone());
        }
    }

    /// Ends the calls over certain links.
    pub(super) fn end_linked(&self, which: impl Fn(&LinkId) -> bool, why: impl Fn(&LinkId) -> Fault) {
        for call in self.0.lock().values() {
            if let Some(link) = call.link.as_ref().filter(|link| which(link)) {
                call.ending.end(why(link));
            }
        }
    }
}

/// Ends one call, and says why. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<(CancellationToken, OnceLock<Fault>)>);

impl Ending {
    /// Ends the call. The first reason counts.
    fn end(&self, why: Fault) {
        let (token, reason) = &*self.0;
        let _ = reason.set(why);
        token.cancel();
    }

    /// Returns why once the call is to end.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn ended(&self) -> Fault {
        let (token, reason) = &*self.0;
        token.cancelled().await;
        reason
            .get()
            .cloned()
            .unwrap_or_else(|| Fault::internal("ended without a reason"))
    }
}
