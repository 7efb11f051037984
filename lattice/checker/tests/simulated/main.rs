//! Histories of a simulated system. A correct one must always be judged good, however its operations overlap and whatever its clients never
//! heard of; with a defect put in, it must be caught.

mod bank;
mod counter;
mod ledger;

use lattice_checker::{History, Operation, Outcome};
use proptest::prelude::*;
use serde::Serialize;

/// When an operation takes effect and what its client hears of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) begun_ns: u64,
    pub(crate) effect_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It happened, perhaps long after the client gave up.
    AnswerLost,
    RequestLost,
    Refused,
}

impl Course {
    pub(crate) fn has_effect(&self) -> bool {
        matches!(self.fate, Fate::Answered | Fate::AnswerLost)
    }
}

/// Far behind everything else: when the clients look at what is left.
pub(crate) const REST_NS: u64 = 1_000_000;

/// A course of its own for each of some operations, in no order.
pub(crate) fn courses<W: Strategy>(what: W) -> impl Strategy<Value = Vec<(W::Value, Course)>> {
    let fate = prop_oneof![
        12 => Just(Fate::Answered),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::Refused),
    ];
    let op = (what, 0..2000_u64, 0..100_u64, 0..100_u64, 0..3000_u64, fate);
    prop::collection::vec(op, 1..60).prop_map(|ops| {
        let course = |(what, begun_ns, before, after, late, fate)| {
            let effect_ns = begun_ns + before + if fate == Fate::AnswerLost { late } else { 0 };
            (
                what,
                Course {
                    begun_ns,
                    effect_ns,
                    ended_ns: effect_ns + after,
                    fate,
                },
            )
        };
        ops.into_iter().map(course).collect()
    })
}

/// What clients record, written down as a recorder does.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<u8>);

#[derive(Serialize)]
struct Line<'a, O: Operation> {
    id: u64,
    client: u32,
    key: &'a str,
    what: O,
    begun_ns: u64,
    ended_ns: Option<u64>,
    outcome: Outcome<O::Answer>,
}

impl Notes {
    pub(crate) fn take<O: Operation>(&mut self, key: &str, what: O, course: &Course, answer: O::Answer) {
        let (ended_ns, outcome) = match course.fate {
            Fate::Answered => (Some(course.ended_ns), Outcome::Ok(answer)),
            Fate::Refused => (Some(course.ended_ns), Outcome::Failed),
            // Clients give up sooner than a late effect.
            Fate::AnswerLost => (Some(course.begun_ns + 1), Outcome::Unknown),
            Fate::RequestLost => (None, Outcome::Unknown),
        };
        let id = self.0.iter().filter(|byte| **byte == b'\n').count() as u64;
        let line = Line {
            id,
            client: 0,
            key,
            what,
            begun_ns: course.begun_ns,
            ended_ns,
            outcome,
        };
        serde_json::to_writer(&mut self.0, &line).expect("memory takes all");
        self.0.push(b'\n');
    }

    pub(crate) fn history<O: Operation>(&self) -> History<O> {
        History::read_json_lines(self.0.as_slice()).expect("lines of a recorder")
    }
}

/// What is done once the system is at rest.
pub(crate) fn at_rest() -> Course {
    Course {
        begun_ns: REST_NS,
        effect_ns: REST_NS + 1,
        ended_ns: REST_NS + 2,
        fate: Fate::Answered,
    }
}

/// One operation that is answered by itself, in the midst of the others.
pub(crate) fn amidst(begun_ns: u64) -> Course {
    Course {
        begun_ns,
        effect_ns: begun_ns + 1,
        ended_ns: begun_ns + 2,
        fate: Fate::Answered,
    }
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        cases: 300,
        ..ProptestConfig::default()
    }
}
