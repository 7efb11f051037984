//! The answers an actor has given, for callers who did not get them.
//!
//! A call whose answer was lost is made again under the same id. It must not run again: what it did is stored, and its answer with it. An answer
//! is kept until its caller says that it has no use for it (its lane's floor passes it), or for [`KEPT_MS`], or until there are too many.

use std::collections::VecDeque;

use bytes::Bytes;
use lattice_core::stateful::{Lane, blob};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long an answer is kept for a caller that says nothing.
const KEPT_MS: u64 = 10 * 60 * 1000;
/// Answers kept at most. Beyond, the oldest go first.
const ANSWERS_MAX: usize = 1024;
/// Bytes of answers kept at most, so that no record grows beyond a message because of them.
const BYTES_MAX: usize = 128 << 10;
/// A longer answer is not kept; that the call ran is.
const ANSWER_BYTES_MAX: usize = 32 << 10;
/// Callers whose floors are remembered.
const LANES_MAX: usize = 256;

/// An answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whatever the two ends agree on besides the body.
    #[serde(with = "blob")]
    pub head: Bytes,
    /// The bulk.
    #[serde(with = "blob")]
    pub body: Bytes,
}

/// Answers that were given and may be asked for again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answers {
    kept: VecDeque<Kept>,
    floors: Vec<Floor>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    call: Uuid,
    lane: u64,
    seq: u64,
    at_ms: u64,
    /// None for one that was too long to keep.
    answer: Option<Answer>,
}

/// Below it, a caller has all it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Floor {
    lane: u64,
    seq: u64,
    at_ms: u64,
}

/// What is known of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// Nothing: it is to be run.
    New,
    /// It ran, and answered this.
    Answered(&'a Answer),
    /// It ran, and its answer was too long to keep.
    Lost,
    /// Its caller has had the answer: this is an echo.
    Settled,
}

impl Answers {
    pub(crate) fn look_up(&self, call: Uuid, lane: &Lane) -> Known<'_> {
        if let Some(kept) = self.kept.iter().find(|kept| kept.call == call) {
            return kept.answer.as_ref().map_or(Known::Lost, Known::Answered);
        }
        match self.floors.iter().find(|floor| floor.lane == lane.id) {
            Some(floor) if lane.seq < floor.seq => Known::Settled,
            _ => Known::New,
        }
    }

    /// Hears from a caller what it has no use for any more.
    pub(crate) fn hear(&mut self, lane: &Lane, now_ms: u64) {
        // In the order of their times, but for hosts whose clocks differ.
        while self.kept.front().is_some_and(|kept| is_old(kept.at_ms, now_ms)) {
            self.kept.pop_front();
        }
        if lane.floor > 0 && self.raise(lane, now_ms) {
            self.kept.retain(|kept| kept.lane != lane.id || kept.seq >= lane.floor);
        }
    }

    /// Takes a caller's floor down. Says whether it is higher than before.
    fn raise(&mut self, lane: &Lane, now_ms: u64) -> bool {
        if let Some(floor) = self.floors.iter_mut().find(|floor| floor.lane == lane.id) {
            floor.at_ms = now_ms;
            let higher = lane.floor > floor.seq;
            floor.seq = floor.seq.max(lane.floor);
            return higher;
        }
        self.floors.retain(|floor| !is_old(floor.at_ms, now_ms));
        if self.floors.len() >= LANES_MAX
            && let Some(oldest) = (0..self.floors.len()).min_by_key(|at| self.floors[*at].at_ms)
        {
            self.floors.swap_remove(oldest);
        }
        self.floors.push(Floor {
            lane: lane.id,
            seq: lane.floor,
            at_ms: now_ms,
        });
        true
    }

    /// Keeps an answer.
    pub(crate) fn keep(&mut self, call: Uuid, lane: &Lane, answer: &Answer, now_ms: u64) {
        if *lane == Lane::ONCE {
            return;
        }
        let bytes = answer.head.len() + answer.body.len();
        self.kept.push_back(Kept {
            call,
            lane: lane.id,
            seq: lane.seq,
            at_ms: now_ms,
            answer: (bytes <= ANSWER_BYTES_MAX).then(|| answer.clone()),
        });
        let mut total: usize = self.kept.iter().map(Kept::bytes).sum();
        while self.kept.len() > ANSWERS_MAX || total > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { return };
            total -= oldest.bytes();
        }
    }
}

fn is_old(at_ms: u64, now_ms: u64) -> bool {
    at_ms.saturating_add(KEPT_MS) <= now_ms
}

impl Kept {
    fn bytes(&self) -> usize {
        self.answer
            .as_ref()
            .map_or(0, |answer| answer.head.len() + answer.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(id: u64, seq: u64, floor: u64) -> Lane {
        Lane { id, seq, floor }
    }

    fn answer(text: &'static str) -> Answer {
        Answer {
            head: Bytes::new(),
            body: Bytes::from_static(text.as_bytes()),
        }
    }

    #[test]
    fn an_answer_is_kept_until_its_caller_has_it() {
        let (mut answers, call) = (Answers::default(), Uuid::from_u128(1));
        let first = lane(7, 5, 5);
        answers.hear(&first, 0);
        assert_eq!(answers.look_up(call, &first), Known::New);
        answers.keep(call, &first, &answer("one"), 0);
        assert_eq!(answers.look_up(call, &first), Known::Answered(&answer("one")));
        answers.hear(&lane(8, 9, 9), 1);
        answers.hear(&lane(7, 6, 5), 1);
        assert_eq!(answers.look_up(call, &first), Known::Answered(&answer("one")));
        answers.hear(&lane(7, 7, 6), 2);
        assert_eq!(answers.look_up(call, &first), Known::Settled);
        assert_eq!(answers.look_up(Uuid::from_u128(2), &lane(7, 8, 6)), Known::New);
    }

    #[test]
    fn what_is_never_asked_for_again_is_not_kept() {
        let mut answers = Answers::default();
        answers.hear(&Lane::ONCE, 0);
        answers.keep(Uuid::from_u128(1), &Lane::ONCE, &answer("one"), 0);
        assert_eq!(answers, Answers::default());
    }

    #[test]
    fn what_nobody_asks_for_goes_in_time() {
        let (mut answers, call) = (Answers::default(), Uuid::from_u128(1));
        answers.keep(call, &lane(1, 1, 1), &answer("one"), 0);
        answers.hear(&lane(2, 1, 1), KEPT_MS - 1);
        assert_ne!(answers.look_up(call, &lane(1, 1, 1)), Known::New);
        answers.hear(&lane(2, 2, 1), KEPT_MS);
        assert_eq!(answers.look_up(call, &lane(1, 1, 1)), Known::New);
    }

    #[test]
    fn they_never_grow_without_bound() {
        let mut answers = Answers::default();
        let long = Answer {
            head: Bytes::new(),
            body: vec![0; ANSWER_BYTES_MAX + 1].into(),
        };
        answers.keep(Uuid::from_u128(u128::MAX), &lane(1, 0, 0), &long, 0);
        assert_eq!(answers.look_up(Uuid::from_u128(u128::MAX), &lane(1, 0, 0)), Known::Lost);
        let large = Answer {
            head: Bytes::new(),
            body: vec![0; ANSWER_BYTES_MAX].into(),
        };
        for number in 0..3000_u64 {
            let (call, lane) = (Uuid::from_u128(u128::from(number)), lane(number, number, 0));
            answers.hear(&lane, number);
            answers.keep(call, &lane, if number % 2 == 0 { &large } else { &long }, number);
        }
        assert!(answers.kept.len() <= ANSWERS_MAX);
        assert!(answers.kept.iter().map(Kept::bytes).sum::<usize>() <= BYTES_MAX);
        assert!(answers.floors.len() <= LANES_MAX);
    }
}
