//! Faults of the data plane, as the control interface tells them.

use lattice_control::{ControlError, ErrorKind};
use lattice_core::{ActorName, Blame, Fault, FaultKind};

/// Tells a failed call to whoever made it by hand.
pub(crate) fn from_call(actor: &ActorName, fault: &Fault) -> ControlError {
    let error = from_fault(fault);
    match fault.kind {
        FaultKind::BadArguments | FaultKind::NotFound => error.with_help(format!(
            "`lattice inspect {actor}` shows what it exports, with arguments"
        )),
        FaultKind::Overloaded => error.with_help(format!("more capacity: `lattice scale {actor} REPLICAS`")),
        FaultKind::DeadlineExceeded => error.with_help("more time: `--deadline`"),
        _ => error,
    }
}

/// The kind of a fault and its text.
fn from_fault(fault: &Fault) -> ControlError {
    let kind = match fault.kind {
        FaultKind::NotFound => ErrorKind::NotFound,
        FaultKind::Denied => ErrorKind::Denied,
        FaultKind::BadArguments | FaultKind::TooLarge => ErrorKind::Invalid,
        FaultKind::Trap | FaultKind::LimitMemory => ErrorKind::Guest,
        FaultKind::DeadlineExceeded => ErrorKind::Timeout,
        FaultKind::Overloaded => ErrorKind::Overloaded,
        FaultKind::NoResponders | FaultKind::NotHere | FaultKind::Draining | FaultKind::Unreachable => {
            ErrorKind::Unreachable
        }
        _ if fault.blame == Blame::Guest => ErrorKind::Guest,
        _ => ErrorKind::Internal,
    };
    ControlError::new(kind, fault.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_survives_so_that_exit_codes_are_right() {
        let table = [
            (FaultKind::NotFound, ErrorKind::NotFound),
            (FaultKind::Denied, ErrorKind::Denied),
            (FaultKind::BadArguments, ErrorKind::Invalid),
            (FaultKind::Trap, ErrorKind::Guest),
            (FaultKind::DeadlineExceeded, ErrorKind::Timeout),
            (FaultKind::Overloaded, ErrorKind::Overloaded),
            (FaultKind::NotHere, ErrorKind::Unreachable),
            (FaultKind::Internal, ErrorKind::Internal),
        ];
        for (fault, expect) in table {
            assert_eq!(from_fault(&Fault::new(fault, "x")).kind, expect, "{fault}");
        }
    }
}
