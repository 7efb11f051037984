//! Which traces are recorded from their beginning.

use lattice_core::{TraceContext, TraceId};

/// Decides whether a trace is recorded. Says the same for the same trace everywhere.
///
/// Traces that are not recorded keep their errors all the same, and what led to them; except with [`Sampler::OFF`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    follows_parent: bool,
    roots: Share,
}

/// How many of all traces: `n` of 2^63, as the other OpenTelemetry SDKs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Share(u64);

impl Share {
    const NONE: Self = Self(0);
    const ALL: Self = Self(1 << 63);

    fn of(ratio: f64) -> Self {
        // Exact: the powers of two that a double holds end far above.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped, and casts saturate"
        )]
        Self((ratio.clamp(0.0, 1.0) * 2_f64.powi(63)) as u64)
    }

    fn covers(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.0
    }
}

impl Sampler {
    /// Records nothing, whatever the caller says, and keeps no errors.
    pub const OFF: Self = Self {
        follows_parent: false,
        roots: Share::NONE,
    };
    /// Records everything, whatever the caller says.
    pub const ALL: Self = Self {
        follows_parent: false,
        roots: Share::ALL,
    };

    /// Records this share of the traces, 0 to 1, whatever the caller says.
    pub fn ratio(ratio: f64) -> Self {
        Self {
            follows_parent: false,
            roots: Share::of(ratio),
        }
    }

    /// The same for traces that begin here; others are recorded when the caller records them.
    #[must_use]
    pub const fn following_parents(self) -> Self {
        Self {
            follows_parent: true,
            ..self
        }
    }

    pub(crate) fn keeps_errors(self) -> bool {
        self != Self::OFF
    }

    pub(crate) fn samples(self, trace: TraceId, parent: Option<&TraceContext>) -> bool {
        match parent {
            Some(parent) if self.follows_parent => parent.sampled(),
            _ => self.roots.covers(trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice;

    fn remote(sampled: bool) -> TraceContext {
        TraceContext::new(dice::trace_id(), dice::span_id(), sampled)
    }

    #[test]
    fn a_parent_decides_only_for_those_who_follow() {
        let asked = |sampler: Sampler, sampled| {
            let parent = remote(sampled);
            sampler.samples(parent.trace_id(), Some(&parent))
        };
        assert!(!asked(Sampler::OFF, true));
        assert!(asked(Sampler::ALL, false));
        for roots in [Sampler::ALL, Sampler::OFF, Sampler::ratio(0.5)] {
            assert!(asked(roots.following_parents(), true));
            assert!(!asked(roots.following_parents(), false));
        }
    }

    #[test]
    fn a_share_is_a_share_and_the_same_everywhere() {
        let quarter = Sampler::ratio(0.25);
        let traces: Vec<_> = (0..10_000).map(|_| dice::trace_id()).collect();
        let kept = traces.iter().filter(|trace| quarter.samples(**trace, None)).count();
        assert!((2_000..3_000).contains(&kept), "{kept}");
        let half = Sampler::ratio(0.5).following_parents();
        assert!(
            traces
                .iter()
                .all(|trace| !quarter.samples(*trace, None) || half.samples(*trace, None))
        );
        assert_eq!(Sampler::ratio(1.0), Sampler::ALL);
        assert_eq!(Sampler::ratio(0.0), Sampler::OFF);
        assert!(traces.iter().all(|trace| Sampler::ALL.samples(*trace, None)));
    }
}
