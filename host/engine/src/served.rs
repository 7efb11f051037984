//! The interfaces that the host itself serves, and in which versions. Decides only.

use lattice_core::VersionedInterface;
use semver::Version;
use serde::{Deserialize, Serialize};

/// Who satisfies an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceClass {
    /// The host, always, with nothing ambient behind it: no files, no sockets, no environment.
    Wasi,
    /// A provider, through a link.
    Capability,
    /// Another actor, through a link.
    Bridge,
}

/// How the host stands to an interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// In this version.
    Yes(InterfaceClass),
    /// In these versions only, the newest last.
    OtherVersions(Vec<VersionedInterface>),
    /// Not at all.
    No,
}

struct Row {
    /// An interface, or a package with all its interfaces.
    pattern: &'static str,
    /// Exact versions, or release lines: `0.2.12` stands for every 0.2 release, an empty text for the name without a version.
    versions: &'static [&'static str],
    class: InterfaceClass,
}

const BOTH_WASI: &[&str] = &["0.2.12", "0.3.0"];
const KEYVALUE: &[&str] = &["0.2.0-draft", "0.2.0-draft2"];
const ACTOR: &[&str] = &["0.1.0"];

const TABLE: &[Row] = &[
    wasi("wasi:cli", BOTH_WASI),
    wasi("wasi:clocks", BOTH_WASI),
    wasi("wasi:filesystem", BOTH_WASI),
    wasi("wasi:io", &["0.2.12"]),
    wasi("wasi:random", BOTH_WASI),
    wasi("wasi:sockets", BOTH_WASI),
    wasi("wasi:http/types", BOTH_WASI),
    capability("wasi:http/outgoing-handler", &["0.2.12"]),
    capability("wasi:http/client", &["0.3.0"]),
    capability("wasi:keyvalue/store", KEYVALUE),
    capability("wasi:keyvalue/atomics", KEYVALUE),
    capability("wasi:keyvalue/batch", KEYVALUE),
    wasi(
        "wasi:config/store",
        &["0.2.0-draft", "0.2.0-draft-2024-09-27", "0.2.0-rc.1"],
    ),
    wasi("wasi:config/runtime", &["0.2.0-draft"]),
    wasi("wasi:logging/logging", &["", "0.1.0-draft"]),
    capability("wasmcloud:messaging/consumer", &["0.2.0"]),
    wasi("wasmcloud:bus/lattice", &["1.0.0", "2.0.1"]),
    wasi("lattice:actor/types", ACTOR),
    wasi("lattice:actor/state", ACTOR),
    wasi("lattice:actor/context", ACTOR),
    wasi("lattice:actor/reminders", ACTOR),
    // What it reaches is decided call by call.
    wasi("lattice:actor/peers", ACTOR),
];

const fn wasi(pattern: &'static str, versions: &'static [&'static str]) -> Row {
    Row {
        pattern,
        versions,
        class: InterfaceClass::Wasi,
    }
}

const fn capability(pattern: &'static str, versions: &'static [&'static str]) -> Row {
    Row {
        pattern,
        versions,
        class: InterfaceClass::Capability,
    }
}

/// Looks an interface up.
pub(crate) fn served(interface: &VersionedInterface) -> Served {
    let Some(row) = TABLE.iter().find(|row| row.covers(interface)) else {
        return Served::No;
    };
    let versions = || row.versions.iter().map(|text| text.parse::<Version>().ok());
    if versions().any(|ours| same_interface(ours.as_ref(), interface.version.as_ref())) {
        return Served::Yes(row.class);
    }
    Served::OtherVersions(
        versions()
            .map(|version| VersionedInterface::new(interface.id.clone(), version))
            .collect(),
    )
}

/// What components export for the host, or a provider, to drive.
const DRIVEN: [&str; 7] = [
    "wasi:http/incoming-handler",
    "wasi:http/handler",
    "wasmcloud:messaging/handler",
    "lattice:actor/lifecycle",
    "lattice:actor/snapshot",
    "lattice:actor/reminder-handler",
    "lattice:actor/peer-handler",
];

/// Classifies an interface for people.
pub(crate) fn class_of(interface: &VersionedInterface) -> InterfaceClass {
    if DRIVEN.contains(&interface.id.as_str()) {
        return InterfaceClass::Capability;
    }
    match served(interface) {
        Served::Yes(class) => class,
        Served::OtherVersions(_) | Served::No => InterfaceClass::Bridge,
    }
}

impl Row {
    fn covers(&self, interface: &VersionedInterface) -> bool {
        let id = &interface.id;
        match self.pattern.split_once('/') {
            Some(_) => id.as_str() == self.pattern,
            None => id
                .as_str()
                .strip_prefix(self.pattern)
                .is_some_and(|rest| rest.starts_with('/')),
        }
    }
}

/// Whether two versions mean the same interface: equal, or releases that semver calls compatible. Drafts match themselves only.
pub(crate) fn same_interface(a: Option<&Version>, b: Option<&Version>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            let line = |v: &Version| match (v.major, v.minor) {
                (0, 0) => (0, 0, v.patch),
                (0, minor) => (0, minor, 0),
                (major, _) => (major, 0, 0),
            };
            a == b || (a.pre.is_empty() && b.pre.is_empty() && line(a) == line(b))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interface: &str, expect: &Served) {
        assert_eq!(
            served(&interface.parse().expect("an interface")),
            *expect,
            "{interface}"
        );
    }

    #[test]
    fn release_lines_match_and_drafts_do_not() {
        check("wasi:cli/environment@0.2.0", &Served::Yes(InterfaceClass::Wasi));
        check("wasi:clocks/monotonic-clock@0.2.99", &Served::Yes(InterfaceClass::Wasi));
        check(
            "wasi:keyvalue/store@0.2.0-draft2",
            &Served::Yes(InterfaceClass::Capability),
        );
        check("wasi:logging/logging", &Served::Yes(InterfaceClass::Wasi));
        check("wasmcloud:bus/lattice@2.0.0", &Served::Yes(InterfaceClass::Wasi));
        check("lattice:actor/state@0.1.0", &Served::Yes(InterfaceClass::Wasi));
        check("lattice:actor/lifecycle@0.1.0", &Served::No);
        check("wasi:blobstore/blobstore@0.2.0-draft", &Served::No);
        check("demo:ping/pong@1.0.0", &Served::No);
        let near = ["wasi:keyvalue/store@0.2.0-draft", "wasi:keyvalue/store@0.2.0-draft2"];
        let near = near.map(|text| text.parse().expect("an interface")).to_vec();
        check("wasi:keyvalue/store@0.2.0-draft3", &Served::OtherVersions(near.clone()));
        check("wasi:keyvalue/store@0.2.0", &Served::OtherVersions(near));
        assert!(matches!(
            served(&"wasi:cli/run@0.4.0".parse().expect("an interface")),
            Served::OtherVersions(_)
        ));
    }
}
