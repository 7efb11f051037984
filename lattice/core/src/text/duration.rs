//! Durations such as `1h30m`.

use std::time::Duration;

use super::{ParseQuantityError, split_unit};

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Parses a duration: one or more whole numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`, `us`, `ns`), such as `1h30m`.
///
/// ```
/// use lattice_core::text::parse_duration;
/// assert_eq!(parse_duration("1m30s")?.as_secs(), 90);
/// assert!(parse_duration("90").is_err()); // ninety what?
/// # Ok::<(), lattice_core::text::ParseQuantityError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ParseQuantityError> {
    let refuse = || ParseQuantityError {
        text: text.to_owned(),
        expected: "a duration such as 500ms, 30s, 1h30m or 30d",
    };
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(refuse());
    }
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    while !rest.is_empty() {
        let (number, after) = split_unit(rest);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, nanos) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(nanos))
            .ok_or_else(refuse)?;
        total = total.checked_add(part).ok_or_else(refuse)?;
        rest = after;
    }
    Ok(Duration::from_nanos(total))
}

/// Prints a duration shortly, with its two largest units: `2d4h`, `1m30s`, `250ms`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut out = String::new();
    let mut parts = 0;
    for (unit, nanos) in UNITS.iter().rev() {
        let count = rest / u128::from(*nanos);
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
            rest %= u128::from(*nanos);
            parts += 1;
        } else if parts > 0 {
            break;
        }
        if parts == 2 {
            break;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations() {
        let check = |text: &str, expect: Option<Duration>| assert_eq!(parse_duration(text).ok(), expect, "{text}");
        check("500ms", Some(Duration::from_millis(500)));
        check("30s", Some(Duration::from_secs(30)));
        check("1h30m", Some(Duration::from_secs(5400)));
        check("30d", Some(Duration::from_secs(30 * 86_400)));
        check("0", Some(Duration::ZERO));
        check("", None);
        check("5", None);
        check("s", None);
        check("1.5s", None);
        check("1m-3s", None);
        check("1w", None);
        check("999999999999d", None);
        check("1é", None);
    }

    #[test]
    fn prints_durations() {
        let check = |duration: Duration, expect: &str| assert_eq!(format_duration(duration), expect);
        check(Duration::ZERO, "0s");
        check(Duration::from_millis(250), "250ms");
        check(Duration::from_secs(90), "1m30s");
        check(Duration::from_secs(3600), "1h");
        check(Duration::from_secs(2 * 86_400 + 4 * 3600 + 59), "2d4h");
        check(Duration::from_micros(1_500_250), "1s500ms");
    }
}
