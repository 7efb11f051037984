//! The runs of a member.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseIdError;

/// One run of one member: a fresh mailbox, so that nothing meant for an earlier run reaches this one.
///
/// Later runs compare greater. Written as sixteen hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation(u64);

impl Incarnation {
    /// The run that begins now: later than `previous` even if the clock went back meanwhile, as it does on boards without a
    /// battery. `random` keeps two runs apart that had no memory of each other.
    pub fn next(previous: Option<Incarnation>, unix_millis: u64, random: u16) -> Self {
        let by_clock = (unix_millis << 16) | u64::from(random);
        let after_previous = previous.map_or(0, |previous| previous.0.saturating_add(1));
        Self(by_clock.max(after_previous))
    }

    /// The number behind it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for Incarnation {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl FromStr for Incarnation {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 16 || !text.bytes().all(hex) {
            return Err(ParseIdError::new(
                "an incarnation",
                text,
                "it must be sixteen digits of 0-9 and a-f",
            ));
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| ParseIdError::new("an incarnation", text, "it is too large"))
    }
}

impl TryFrom<String> for Incarnation {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> String {
        incarnation.to_string()
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_compares_greater_even_when_the_clock_went_back() {
        let first = Incarnation::next(None, 1_763_804_820_000, 9);
        assert!(Incarnation::next(Some(first), 1_763_804_820_001, 0) > first);
        assert!(Incarnation::next(Some(first), 0, 0) > first);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert!("00000000000000AB".parse::<Incarnation>().is_err());
        assert!("+000000000000000".parse::<Incarnation>().is_err());
    }
}
