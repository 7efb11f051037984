//! Numbers in few letters: columns of a narrow terminal.

/// Calls a second: `0`, `0.3`, `42`, `12.5k`.
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        rate if rate <= 0.0 => "0".to_owned(),
        rate if rate < 0.1 => "<0.1".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate if rate < 9_999.5 => format!("{rate:.0}"),
        rate if rate < 999_950.0 => format!("{:.1}k", rate / 1e3),
        rate => format!("{:.1}M", rate / 1e6),
    }
}

/// How long something took: `512µs`, `4.1ms`, `131ms`, `2.1s`.
pub(super) fn micros(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "right to a factor of two anyway")]
    let (millis, seconds) = (micros as f64 / 1e3, micros as f64 / 1e6);
    match micros {
        micros if micros < 1_000 => format!("{micros}µs"),
        micros if micros < 9_950 => format!("{millis:.1}ms"),
        micros if micros < 999_500 => format!("{millis:.0}ms"),
        micros if micros < 99_950_000 => format!("{seconds:.1}s"),
        _ => format!("{seconds:.0}s"),
    }
}

/// A share of one: `3.1%`, `62%`.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 9.95 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

/// The time of day in UTC of milliseconds since 1970.
pub(super) fn time_of_day(at_ms: u64) -> String {
    let seconds = at_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_few_letters() {
        let rates = [0.0, 0.04, 0.33, 9.96, 42.4, 9_999.7, 12_512.0, 3_200_000.0].map(per_second);
        assert_eq!(rates, ["0", "<0.1", "0.3", "10", "42", "10.0k", "12.5k", "3.2M"]);
        let times = [1, 512, 1024, 4096, 131_072, 2_097_152, 134_217_728].map(micros);
        assert_eq!(times, ["1µs", "512µs", "1.0ms", "4.1ms", "131ms", "2.1s", "134s"]);
        assert_eq!([0.0, 0.031, 0.62, 1.0].map(percent), ["0%", "3.1%", "62%", "100%"]);
        assert_eq!(time_of_day(1_800_000_000_000), "08:00:00Z");
    }
}
