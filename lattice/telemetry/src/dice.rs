//! Ids of traces and spans: unlikely to meet twice, no secret.

use std::cell::RefCell;

use fastrand::Rng;
use lattice_core::{SpanId, TraceId};

thread_local! {
    // Two generators, since the state of one is no longer than half a trace id. The system seeds them once per thread.
    static DICE: RefCell<[Rng; 2]> = {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        RefCell::new([Rng::with_seed(high), Rng::with_seed(low)])
    };
}

/// A new trace and the first span in it.
pub(crate) fn trace_id() -> TraceId {
    DICE.with_borrow_mut(|[high, low]| {
        loop {
            let number = u128::from(high.u64(..)) << 64 | u128::from(low.u64(..));
            if let Some(id) = TraceId::from_bytes(number.to_be_bytes()) {
                return id;
            }
        }
    })
}

/// A new span.
pub(crate) fn span_id() -> SpanId {
    DICE.with_borrow_mut(|[_, low]| {
        loop {
            if let Some(id) = SpanId::from_bytes(low.u64(..).to_be_bytes()) {
                return id;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn threads_do_not_roll_the_same() {
        let rolls = || (0..1000).map(|_| span_id()).collect::<Vec<_>>();
        let here = rolls();
        let there = std::thread::spawn(rolls).join().expect("rolls");
        assert_eq!(here.into_iter().chain(there).collect::<HashSet<_>>().len(), 2000);
        assert_ne!(trace_id(), trace_id());
    }
}
