//! How many copies of a stream a cluster can bear.

use std::time::Duration;

use super::code;

/// More copies than this buy little: a write waits for a majority of them.
const WANTED: usize = 3;

/// A cluster that has just started may not know all of its servers yet. Settling for one copy is for ever, so wait for this long.
const FORMING: Duration = Duration::from_secs(10);

/// How many copies of a bucket to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replicas {
    /// Three on a cluster that has as many servers, otherwise one. A bucket that exists is left as it is.
    #[default]
    Auto,
    /// Exactly this many, or fail.
    Exactly(usize),
}

/// What to try after a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This many copies.
    Try(usize),
    /// The same again, a little later.
    Wait,
    /// Nothing will help.
    GiveUp,
}

/// Decides with how many copies to begin.
pub(super) fn first_choice(wanted: Replicas, clustered: bool, known_servers: usize) -> usize {
    match wanted {
        Replicas::Exactly(n) => n.max(1),
        // Two servers cannot outvote each other: a second copy would cost availability.
        Replicas::Auto if clustered && known_servers != 2 => WANTED,
        Replicas::Auto => 1,
    }
}

/// Decides what to try after the server refused to create a stream.
pub(super) fn next_choice(wanted: Replicas, tried: usize, error: Option<u32>, waited: Duration) -> Next {
    let Some(error) = error else { return Next::GiveUp };
    let too_few_servers = matches!(
        error,
        code::NO_SUITABLE_PEERS | code::INSUFFICIENT_RESOURCES | code::REPLICAS_NOT_SUPPORTED
    );
    match wanted {
        _ if !too_few_servers => Next::GiveUp,
        Replicas::Auto if tried > 1 && error == code::REPLICAS_NOT_SUPPORTED => Next::Try(1),
        _ if waited < FORMING && error != code::REPLICAS_NOT_SUPPORTED => Next::Wait,
        Replicas::Auto if tried > 1 => Next::Try(1),
        Replicas::Auto | Replicas::Exactly(_) => Next::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_server_and_a_pair_keep_one_copy_a_cluster_three() {
        assert_eq!(first_choice(Replicas::Auto, false, 0), 1);
        assert_eq!(first_choice(Replicas::Auto, true, 2), 1);
        assert_eq!(first_choice(Replicas::Auto, true, 3), 3);
        assert_eq!(first_choice(Replicas::Auto, true, 5), 3);
        assert_eq!(first_choice(Replicas::Exactly(5), false, 0), 5);
    }

    #[test]
    fn a_forming_cluster_gets_time_before_we_settle_for_less() {
        let next = |error, waited| next_choice(Replicas::Auto, 3, Some(error), Duration::from_secs(waited));
        assert_eq!(next(code::NO_SUITABLE_PEERS, 1), Next::Wait);
        assert_eq!(next(code::NO_SUITABLE_PEERS, 60), Next::Try(1));
        assert_eq!(next(code::REPLICAS_NOT_SUPPORTED, 0), Next::Try(1));
        assert_eq!(next(code::STREAM_NOT_FOUND, 0), Next::GiveUp);
        assert_eq!(
            next_choice(Replicas::Auto, 1, Some(code::INSUFFICIENT_RESOURCES), FORMING),
            Next::GiveUp
        );
        assert_eq!(
            next_choice(Replicas::Exactly(3), 3, Some(code::NO_SUITABLE_PEERS), FORMING),
            Next::GiveUp
        );
        assert_eq!(next_choice(Replicas::Auto, 3, None, Duration::ZERO), Next::GiveUp);
    }
}
