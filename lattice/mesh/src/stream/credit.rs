//! Flow control of one body: how much its sender may send, and what its reader has to accept.
//!
//! The reader grants credit as a running total, so that a lost or repeated credit frame does no harm. A chunk costs its length plus
//! [`CHUNK_COST`], so that a body of one-byte chunks cannot fill memory with book-keeping. Nothing is granted until the reader asks for the
//! first byte: a callee that refuses a call has not touched its body, and the caller may offer the same body elsewhere.

/// What a chunk costs besides its bytes.
pub(crate) const CHUNK_COST: u64 = 512;

/// The largest chunk a sender may send. Small enough to share a connection fairly.
pub(crate) const CHUNK_MAX: usize = 128 * 1024;

/// The credit a reader hands out: the bound on what it buffers for one body.
pub(crate) const WINDOW: u64 = 1024 * 1024;

/// The cost of a chunk of `len` bytes.
pub(crate) fn cost(len: usize) -> u64 {
    len as u64 + CHUNK_COST
}

/// The sender's side: how much was granted, how much is spent.
#[derive(Debug, Default)]
pub(crate) struct SendCredit {
    granted: u64,
    spent: u64,
}

impl SendCredit {
    /// Takes note of a credit frame. Totals only grow; an older one is ignored.
    pub(crate) fn grant(&mut self, total: u64) {
        self.granted = self.granted.max(total);
    }

    /// How many bytes the next chunk may have, if it may be sent at all.
    pub(crate) fn room(&self) -> Option<usize> {
        let left = self.granted.saturating_sub(self.spent);
        let bytes = usize::try_from(left.checked_sub(CHUNK_COST)?).unwrap_or(usize::MAX);
        (bytes > 0).then_some(bytes.min(CHUNK_MAX))
    }

    /// Pays for a chunk of `len` bytes, which [`room`](Self::room) allowed.
    pub(crate) fn spend(&mut self, len: usize) {
        self.spent = self.spent.saturating_add(cost(len));
    }
}

/// The reader's side: what may arrive, in which order, and when to grant more.
#[derive(Debug)]
pub(crate) struct ReadCredit {
    window: u64,
    granted: u64,
    arrived: u64,
    consumed: u64,
    next_seq: u64,
}

/// How a sender broke the rules; the body is lost, since a gap cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// A chunk is missing. The network lost it.
    #[error("chunk {expected} is missing, {got} arrived")]
    Gap {
        /// The chunk that should have come.
        expected: u64,
        /// The chunk that came.
        got: u64,
    },
    /// More came than was granted.
    #[error("sender exceeded its credit")]
    OverCredit,
}

impl ReadCredit {
    /// A reader that buffers at most `window`.
    pub(crate) fn new(window: u64) -> Self {
        Self {
            window,
            granted: 0,
            arrived: 0,
            consumed: 0,
            next_seq: 0,
        }
    }

    /// Grants the first window, once. Later calls return `None`.
    pub(crate) fn open(&mut self) -> Option<u64> {
        (self.granted == 0).then(|| {
            self.granted = self.window;
            self.granted
        })
    }

    /// The total granted so far.
    pub(crate) fn granted(&self) -> u64 {
        self.granted
    }

    /// Accounts for an arriving chunk. A repeated one is `Ok(false)`: to be ignored.
    ///
    /// # Errors
    /// A chunk before it is missing, or it was not paid for.
    pub(crate) fn arrive(&mut self, seq: u64, len: usize) -> Result<bool, Violation> {
        if seq < self.next_seq {
            return Ok(false);
        }
        if seq > self.next_seq {
            return Err(Violation::Gap {
                expected: self.next_seq,
                got: seq,
            });
        }
        let arrived = self.arrived.saturating_add(cost(len));
        if arrived > self.granted {
            return Err(Violation::OverCredit);
        }
        self.arrived = arrived;
        self.next_seq += 1;
        Ok(true)
    }

    /// Accounts for an arriving frame that carries no bytes and costs nothing: a keep-alive or the end.
    ///
    /// # Errors
    /// A chunk before it is missing.
    pub(crate) fn arrive_empty(&mut self, seq: u64) -> Result<(), Violation> {
        // Frames without bytes repeat the number of the chunk that would come next, so that a gap shows even while the sender is idle.
        if seq > self.next_seq {
            return Err(Violation::Gap {
                expected: self.next_seq,
                got: seq,
            });
        }
        Ok(())
    }

    /// Accounts for a chunk handed to the application. Returns the new total to grant once a quarter of the window is free.
    pub(crate) fn consume(&mut self, len: usize) -> Option<u64> {
        self.consumed = self.consumed.saturating_add(cost(len));
        let grant = self.consumed.saturating_add(self.window);
        if grant - self.granted < self.window / 4 {
            return None;
        }
        self.granted = grant;
        Some(grant)
    }

    /// The most chunks that can be waiting at once: what a queue must hold.
    pub(crate) fn chunks_max(window: u64) -> usize {
        usize::try_from(window / CHUNK_COST).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_sent_before_the_reader_asks() {
        assert_eq!(SendCredit::default().room(), None);
    }

    #[test]
    fn a_gap_and_an_overrun_are_noticed() {
        let mut reader = ReadCredit::new(4096);
        assert_eq!(reader.arrive(0, 1), Err(Violation::OverCredit));
        assert_eq!(reader.open(), Some(4096));
        assert_eq!(reader.open(), None);
        assert_eq!(reader.arrive(1, 1), Err(Violation::Gap { expected: 0, got: 1 }));
        assert_eq!(reader.arrive(0, 1), Ok(true));
        assert_eq!(reader.arrive(0, 1), Ok(false));
        assert_eq!(reader.arrive_empty(1), Ok(()));
        assert_eq!(reader.arrive_empty(2), Err(Violation::Gap { expected: 1, got: 2 }));
        assert_eq!(reader.arrive(1, 4096), Err(Violation::OverCredit));
    }

    proptest! {
        /// A sender that obeys `room` never overruns, the reader never holds more than its window, and nobody waits for the other for ever.
        #[test]
        fn sender_and_reader_always_make_progress(
            window in 2 * CHUNK_COST..200_000,
            chunks in prop::collection::vec(1..300_000_usize, 1..60),
            lose_credit in prop::collection::vec(any::<bool>(), 60),
        ) {
            let (mut sender, mut reader) = (SendCredit::default(), ReadCredit::new(window));
            sender.grant(reader.open().expect("first window"));
            let (mut seq, mut waiting, mut held) = (0, std::collections::VecDeque::new(), 0);
            let mut last_grant = window;
            let mut losses = lose_credit.into_iter();
            for chunk in chunks {
                let mut left = chunk;
                while left > 0 {
                    if let Some(room) = sender.room() {
                        let len = room.min(left);
                        sender.spend(len);
                        prop_assert_eq!(reader.arrive(seq, len), Ok(true));
                        seq += 1;
                        held += cost(len);
                        prop_assert!(held <= window);
                        prop_assert!(waiting.len() < ReadCredit::chunks_max(window));
                        waiting.push_back(len);
                        left -= len;
                        continue;
                    }
                    match waiting.pop_front() {
                        Some(len) => {
                            held -= cost(len);
                            if let Some(total) = reader.consume(len) {
                                last_grant = total;
                                if !losses.next().unwrap_or(false) {
                                    sender.grant(total);
                                }
                            }
                        }
                        // Everything is consumed: the last grant, if it is repeated, must let the sender go on.
                        None => {
                            sender.grant(last_grant);
                            prop_assert!(sender.room().is_some());
                        }
                    }
                }
            }
        }
    }
}
