//! Byte sizes such as `64MiB`.

use super::{ParseQuantityError, split_unit};

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// Parses a byte size: a number, perhaps with a fraction, and a unit. `KiB`, `MiB`, `GiB`, `TiB` count in 1024s, as do
/// Kubernetes' `Ki`, `Mi`, `Gi`, `Ti`; `kB`, `MB`, `GB`, `TB` count in 1000s; no unit means bytes. Case does not matter.
///
/// ```
/// use lattice_core::text::parse_bytes;
/// assert_eq!(parse_bytes("64 MiB")?, 64 << 20);
/// assert_eq!(parse_bytes("1.5GiB")?, 3 << 29);
/// assert!(parse_bytes("64 apples").is_err());
/// # Ok::<(), lattice_core::text::ParseQuantityError>(())
/// ```
pub fn parse_bytes(text: &str) -> Result<u64, ParseQuantityError> {
    let refuse = || ParseQuantityError {
        text: text.to_owned(),
        expected: "a byte size such as 512, 64KiB or 1.5GiB",
    };
    let (number, unit) = split_unit(text.trim());
    let mut unit = unit.trim().to_ascii_lowercase();
    if unit.len() == 2 && unit.ends_with('i') {
        unit.push('b');
    }
    let (_, factor) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
    product(number, factor).ok_or_else(refuse)
}

/// `number`, a decimal text, times `factor`, rounded down to whole bytes; `None` when it does not fit or halves a byte.
fn product(number: &str, factor: u64) -> Option<u64> {
    let Some((whole, fraction)) = number.split_once('.') else {
        return number.parse::<u64>().ok()?.checked_mul(factor);
    };
    // Fifteen digits are finer than a byte of a tebibyte, and cannot overflow below.
    if factor == 1 || whole.is_empty() || fraction.is_empty() || fraction.len() > 15 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u128>().ok()? * u128::from(factor) / scale;
    whole.checked_add(u64::try_from(part).ok()?)
}

/// Prints a byte size shortly: exact when it is a whole number of a unit, else with one decimal.
pub fn format_bytes(bytes: u64) -> String {
    const STEPS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (size, unit) in STEPS {
        if bytes >= size {
            let tenths = u128::from(bytes) * 10 / u128::from(size);
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_sizes() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(parse_bytes(text).ok(), expect, "{text}");
        check("0", Some(0));
        check("512", Some(512));
        check("1KiB", Some(1024));
        check("64Mi", Some(64 << 20));
        check("1.5GiB", Some(3 << 29));
        check("2 mb", Some(2_000_000));
        check("0.5B", None);
        check("", None);
        check("MiB", None);
        check(".5MiB", None);
        check("-1", None);
        check("1e9", None);
        check("1.2.3", None);
        check("99999999TiB", None);
        check("18446744073709551615", Some(u64::MAX));
    }

    #[test]
    fn prints_sizes() {
        let check = |bytes: u64, expect: &str| assert_eq!(format_bytes(bytes), expect);
        check(0, "0B");
        check(1023, "1023B");
        check(1024, "1KiB");
        check(1536, "1.5KiB");
        check(128 << 20, "128MiB");
        check(u64::MAX, "16777215.9TiB");
    }
}
