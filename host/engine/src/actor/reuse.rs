//! Instances that wait for their next call.

use std::sync::Weak;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::instance::Instance;
use super::{Inner, Source};
use crate::linked::Origin;

/// After this long without a call an instance is not kept: its memory is worth more to others.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(60);

/// A stack of idle instances, so that few are used often and the rest are let go.
pub(super) struct Warm {
    served_max: u32,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    since: Instant,
    instance: Instance,
}

impl Warm {
    pub(super) fn new(served_max: u32) -> Self {
        Self {
            served_max,
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn take(&self, origin: &Origin) -> Option<Instance> {
        let mut instance = self.idle.lock().pop()?.instance;
        instance.begin(origin.clone());
        Some(instance)
    }

    pub(super) fn give_back(&self, instance: Instance) {
        if instance.served < self.served_max {
            self.idle.lock().push(Idle {
                since: Instant::now(),
                instance,
            });
        }
    }

    /// Lets go of what nobody has called for a while. The bottom of the stack has waited longest.
    fn tidy(&self) {
        let old = {
            let mut idle = self.idle.lock();
            let fresh = idle.partition_point(|idle| idle.since.elapsed() > IDLE_MAX);
            idle.drain(..fresh).collect::<Vec<_>>()
        };
        drop(old);
    }

    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }
}

/// Tidies up from time to time, while the actor lives.
pub(super) async fn tidy(actor: Weak<Inner>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(IDLE_MAX / 2))
        .await
        .is_some()
    {
        match actor.upgrade().as_deref() {
            Some(Inner {
                source: Source::Warm(warm),
                ..
            }) => warm.tidy(),
            _ => return,
        }
    }
}
