//! What the providers that hosts carry are for.

use lattice_core::InterfacePattern;

/// The interfaces of one kind of provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capability {
    /// What actors call it for.
    pub(crate) serves: &'static [&'static str],
    /// What it calls actors for.
    pub(crate) drives: &'static [&'static str],
}

const KEYVALUE: Capability = Capability {
    serves: &["wasi:keyvalue/store", "wasi:keyvalue/atomics", "wasi:keyvalue/batch"],
    drives: &[],
};

/// What a kind is for, if it is one of ours.
pub(crate) fn capability(kind: &str) -> Option<Capability> {
    Some(match kind {
        "http-client" => Capability {
            serves: &["wasi:http/outgoing-handler", "wasi:http/client"],
            drives: &[],
        },
        "http-server" => Capability {
            serves: &[],
            drives: &["wasi:http/incoming-handler", "wasi:http/handler"],
        },
        "keyvalue-nats" | "keyvalue-redis" => KEYVALUE,
        "messaging-nats" => Capability {
            serves: &["wasmcloud:messaging/consumer"],
            drives: &["wasmcloud:messaging/handler"],
        },
        _ => return None,
    })
}

/// Whether a pattern covers any of these interfaces.
pub(crate) fn covers_any(pattern: &InterfacePattern, interfaces: &[&str]) -> bool {
    interfaces
        .iter()
        .filter_map(|interface| interface.parse().ok())
        .any(|interface| pattern.covers(&interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_for_something_that_can_be_parsed() {
        for kind in lattice_core::provider::BUILT_IN_KINDS {
            let Capability { serves, drives } = capability(kind).expect("a kind of ours");
            assert!(!serves.is_empty() || !drives.is_empty(), "{kind}");
            for interface in serves.iter().chain(drives) {
                let pattern: InterfacePattern = interface.parse().expect("an interface");
                assert!(
                    covers_any(&pattern, serves) || covers_any(&pattern, drives),
                    "{interface}"
                );
                assert_eq!(crate::interfaces::oddity(&pattern), None, "{interface}");
            }
        }
    }
}
