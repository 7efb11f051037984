//! Dates in UTC, for people and for CloudEvents.

use std::fmt;

/// The last second of the year 9999, the last that RFC 3339 can write.
const LAST: u64 = 253_402_300_799;

/// Writes seconds since the epoch as RFC 3339, such as `2026-11-22T09:47:00Z`.
pub fn write_utc(out: &mut impl fmt::Write, seconds: u64) -> fmt::Result {
    if seconds > LAST {
        return out.write_str("the end of time");
    }
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Writes a time as RFC 3339 to the millisecond, such as `2026-11-22T09:47:00.042Z`.
pub fn write_utc_millis(out: &mut impl fmt::Write, seconds: u64, millis: u32) -> fmt::Result {
    let mut whole = String::with_capacity(24);
    write_utc(&mut whole, seconds)?;
    match whole.strip_suffix('Z') {
        Some(whole) => write!(out, "{whole}.{millis:03}Z"),
        None => out.write_str(&whole),
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // Years begin in March so that the leap day is the last of its year; an era is 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
