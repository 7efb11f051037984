//! Where a call to an actor goes: this host, or another one.

/// How busy the replicas of an actor on one host are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Calls running or waiting now.
    pub(crate) in_flight: usize,
    /// Calls that may run at the same time: replicas × concurrency.
    pub(crate) capacity: usize,
}

impl Load {
    /// Whether one more call would start at once instead of waiting.
    pub(crate) fn has_room(self) -> bool {
        self.in_flight < self.capacity
    }
}

/// The decision of [`choose`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Call the replica on this host.
    Local,
    /// Let another host serve it.
    Remote,
    /// Nobody runs it.
    Nowhere,
}

/// Prefers this host; goes elsewhere when this host has no replica, or when its replicas are full and somebody else's
/// are not.
///
/// When everybody is full the call stays here: queueing beside the caller costs least, and the refusal, should the queue
/// be full too, comes at once.
pub(crate) fn choose(local: Option<Load>, elsewhere: Option<Load>) -> Route {
    match (local, elsewhere) {
        (None, None) => Route::Nowhere,
        (None, Some(_)) => Route::Remote,
        (Some(_), None) => Route::Local,
        (Some(here), Some(_)) if here.has_room() => Route::Local,
        (Some(_), Some(there)) if there.has_room() => Route::Remote,
        (Some(_), Some(_)) => Route::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Option<Load> = Some(Load {
        in_flight: 1,
        capacity: 2,
    });
    const FULL: Option<Load> = Some(Load {
        in_flight: 2,
        capacity: 2,
    });

    #[test]
    fn local_first_spill_when_full_stay_when_everybody_is_full() {
        let table = [
            (None, None, Route::Nowhere),
            (None, FREE, Route::Remote),
            (None, FULL, Route::Remote),
            (FREE, None, Route::Local),
            (FREE, FREE, Route::Local),
            (FREE, FULL, Route::Local),
            (FULL, None, Route::Local),
            (FULL, FREE, Route::Remote),
            (FULL, FULL, Route::Local),
        ];
        for (local, elsewhere, expect) in table {
            assert_eq!(
                choose(local, elsewhere),
                expect,
                "local {local:?}, elsewhere {elsewhere:?}"
            );
        }
    }
}
