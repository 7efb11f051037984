//! How many calls go over each link, and how long they take: what people look at while it runs.
//!
//! A member tells what it has counted since it started. Whoever wants a rate asks twice and takes the difference.

use std::time::Duration;

use lattice_core::{LinkId, Party};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a member what it has served over which links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {}

/// What a member has served since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrafficReply {
    /// Link by link. Beyond some thousand links, the rest are not told.
    #[serde(default)]
    pub flows: Vec<Flow>,
}

/// The calls that came over one link to one member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Over which.
    pub link: LinkId,
    /// Whom they were for.
    pub target: Party,
    /// How many there were.
    pub calls: u64,
    /// How many of them failed.
    #[serde(default)]
    pub failed: u64,
    /// How long they took: the number at place `n` is that of calls that took less than `2^n` microseconds, and not less than half of that.
    /// The last one has all that took longer.
    #[serde(default)]
    pub took: Vec<u64>,
}

impl Flow {
    /// What was added since `before`, an earlier word of the same member. One that has started anew since counts from nothing.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        if before.calls > self.calls {
            return self.clone();
        }
        let earlier = before.took.iter().chain(std::iter::repeat(&0));
        Self {
            calls: self.calls - before.calls,
            failed: self.failed.saturating_sub(before.failed),
            took: self
                .took
                .iter()
                .zip(earlier)
                .map(|(now, before)| now.saturating_sub(*before))
                .collect(),
            ..self.clone()
        }
    }

    /// Adds the calls that another member served.
    pub fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.took.resize(self.took.len().max(other.took.len()), 0);
        for (sum, more) in self.took.iter_mut().zip(&other.took) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// How long all but the slowest took, `share` of 1 of them: 0.5 is the median. Right to a factor of two; none without calls.
    pub fn took(&self, share: f64) -> Option<Duration> {
        let total = self.took.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        #[expect(clippy::cast_precision_loss, reason = "a share of a count, for people")]
        let wanted = total as f64 * share;
        let mut seen = 0_u64;
        let place = self.took.iter().position(|count| {
            seen = seen.saturating_add(*count);
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let enough = *count > 0 && seen as f64 >= wanted;
            enough
        })?;
        let micros = 1_u64.checked_shl(u32::try_from(place).ok()?)?;
        Some(Duration::from_micros(micros))
    }
}

impl Command for Traffic {
    type Reply = TrafficReply;
    const VERB: Verb = Verb::Traffic;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(calls: u64, took: &[u64]) -> Flow {
        Flow {
            link: "lnk:test/actor/front/wasi:keyvalue/store/default"
                .parse()
                .expect("an id"),
            target: "actor/hello".parse().expect("a party"),
            calls,
            failed: 0,
            took: took.to_vec(),
        }
    }

    #[test]
    fn a_rate_is_a_difference_and_a_member_may_start_anew() {
        let (before, now) = (flow(5, &[1, 4]), flow(9, &[1, 6, 2]));
        assert_eq!(now.since(&before), flow(4, &[0, 2, 2]));
        assert_eq!(before.since(&now), before);
    }

    #[test]
    fn percentiles_are_the_upper_ends_of_their_places() {
        let mut flow = flow(10, &[0, 0, 0, 9]);
        assert_eq!(flow.took(0.5), Some(Duration::from_micros(8)));
        flow.add(&super::tests::flow(1, &[0, 0, 0, 0, 1]));
        assert_eq!(flow.took(0.99), Some(Duration::from_micros(16)));
        assert_eq!(super::tests::flow(0, &[]).took(0.5), None);
    }
}
