//! Adds increments to a number, without doing anything about it.

/// What is to be written and what each increment is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The number after all increments that could be added; `None` when none could.
    pub(crate) sum: Option<i64>,
    /// For each increment the sum after it, or why it was left out.
    pub(crate) outcomes: Vec<Result<i64, String>>,
}

/// Adds `deltas` one after the other to the number that `value` is.
pub(crate) fn tally(value: Option<&[u8]>, deltas: &[i64]) -> Tally {
    let start = match value {
        None => Ok(0),
        Some(value) => read(value),
    };
    let mut sum = match start {
        Ok(number) => number,
        Err(why) => {
            return Tally {
                sum: None,
                outcomes: vec![Err(why); deltas.len()],
            };
        }
    };
    let outcomes: Vec<Result<i64, String>> = deltas
        .iter()
        .map(|delta| match sum.checked_add(*delta) {
            Some(next) => {
                sum = next;
                Ok(next)
            }
            None => Err(format!("{sum} and {delta} are more than a number can hold")),
        })
        .collect();
    Tally {
        sum: outcomes.iter().any(Result::is_ok).then_some(sum),
        outcomes,
    }
}

fn read(value: &[u8]) -> Result<i64, String> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "the value at the key is not a number in decimal text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_are_added_in_turn() {
        let expect = Tally {
            sum: Some(4),
            outcomes: vec![Ok(1), Ok(-1), Ok(4)],
        };
        assert_eq!(tally(None, &[1, -2, 5]), expect);
        assert_eq!(
            tally(Some(b"41"), &[1]),
            Tally {
                sum: Some(42),
                outcomes: vec![Ok(42)]
            }
        );
    }

    #[test]
    fn one_that_does_not_fit_is_left_out_alone() {
        let largest = i64::MAX.to_string();
        let all = tally(Some(largest.as_bytes()), &[1, -1, 1]);
        assert_eq!(all.sum, Some(i64::MAX));
        assert!(matches!(&all.outcomes[..], [Err(_), Ok(_), Ok(i64::MAX)]));
    }

    #[test]
    fn what_is_no_number_stays() {
        for value in [&b"many"[..], b"", b"1.5", b"\xff", b"99999999999999999999"] {
            let all = tally(Some(value), &[1, 2]);
            assert_eq!((all.sum, all.outcomes.len()), (None, 2));
            assert!(all.outcomes.iter().all(Result::is_err));
        }
    }
}
