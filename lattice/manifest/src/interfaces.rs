//! Interfaces that everybody knows, to tell a misspelt one from one of a user's own.

use lattice_core::InterfacePattern;

use crate::nearest::did_you_mean;

/// Packages of the namespaces whose interfaces we know, and those interfaces.
const KNOWN: [(&str, &[&str]); 9] = [
    (
        "lattice:actor",
        &[
            "context",
            "lifecycle",
            "peer-handler",
            "peers",
            "reminder-handler",
            "reminders",
            "snapshot",
            "state",
            "types",
        ],
    ),
    ("wasi:blobstore", &["blobstore", "container", "types"]),
    ("wasi:config", &["runtime", "store"]),
    (
        "wasi:http",
        &["client", "handler", "incoming-handler", "outgoing-handler", "types"],
    ),
    ("wasi:keyvalue", &["atomics", "batch", "store", "watch", "watcher"]),
    ("wasi:logging", &["logging"]),
    ("wasmcloud:bus", &["error", "lattice"]),
    ("wasmcloud:messaging", &["consumer", "handler", "types"]),
    ("wasmcloud:secrets", &["reveal", "store"]),
];

/// Something about an interface that is hardly meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// One letter away from one that is known.
    Misspelt {
        /// What was hardly meant, and what was.
        help: String,
    },
    /// Served by the host for everybody, and so nothing that a link grants.
    Unlinked {
        /// What may have been meant.
        help: String,
    },
    /// In a known package, and not of it as far as we know.
    Unknown {
        /// What is known there.
        help: String,
    },
}

/// What hosts serve of `lattice:actor`.
const OF_THE_HOST: [&str; 5] = [
    "lattice:actor/context",
    "lattice:actor/peers",
    "lattice:actor/reminders",
    "lattice:actor/state",
    "lattice:actor/types",
];

/// What is odd about an interface, if anything.
pub(crate) fn oddity(pattern: &InterfacePattern) -> Option<Oddity> {
    let package = pattern.package();
    let known = KNOWN
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, interfaces)| *interfaces);
    let Some(interfaces) = known else {
        // A package of somebody's own, unless it is nearly one of these.
        let (namespace, name) = package.split_once(':')?;
        let siblings = KNOWN.iter().filter_map(|(known, _)| known.split_once(':'));
        let near = siblings
            .filter(|(known, _)| *known == namespace)
            .map(|(_, sibling)| sibling);
        return did_you_mean(name, near).map(|help| Oddity::Misspelt { help });
    };
    let interface = pattern.as_interface()?;
    let name = interface.interface();
    if OF_THE_HOST.contains(&interface.as_str()) {
        let help = "who may write to whom is a link for `lattice:actor/peer-handler`".to_owned();
        return Some(Oddity::Unlinked { help });
    }
    if interfaces.contains(&name) {
        return None;
    }
    Some(match did_you_mean(name, interfaces.iter().copied()) {
        Some(help) => Oddity::Misspelt { help },
        None => Oddity::Unknown {
            help: format!("known in {package} are {}", interfaces.join(", ")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_interfaces_are_told_from_own_ones() {
        let check = |text: &str, expect: Option<&str>| {
            let oddity = oddity(&text.parse().expect("a pattern"));
            let found = oddity.map(|oddity| match oddity {
                Oddity::Misspelt { help } | Oddity::Unlinked { help } | Oddity::Unknown { help } => help,
            });
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("wasi:keyvalue", None);
        check("wasi:keyvalue/store", None);
        check("wasi:keyvalue/stoer", Some("did you mean `store`?"));
        check("wasi:keyvlaue/store", Some("did you mean `keyvalue`?"));
        check("wasi:logging/telegraph", Some("known in wasi:logging are logging"));
        check("lattice:actor/peer-handler", None);
        check("lattice:actor/peer-handlers", Some("did you mean `peer-handler`?"));
        check(
            "lattice:actor/peers",
            Some("who may write to whom is a link for `lattice:actor/peer-handler`"),
        );
        check("wasi:sockets/tcp", None);
        check("example:ping-pong/pong", None);
        check("shop:http/incoming", None);
    }
}
