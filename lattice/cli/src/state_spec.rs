//! How an actor's state is kept, as it is typed and shown: `durability=checkpoint:5s`, `idle-after=5m`.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Result};
use lattice_core::{
    ActorKind,
    stateful::{Durability, Stateful},
    text::{format_duration, parse_bytes, parse_duration},
};

use crate::{component::World, failure::Failure};

/// What a component with state exports.
const LIFECYCLE: &str = "lattice:actor/lifecycle";

/// States as they are typed. Without one it is left to hosts how the state is kept, if there is any.
pub(crate) fn kind(pairs: &[(String, String)]) -> Result<ActorKind> {
    if pairs.is_empty() {
        return Ok(ActorKind::default());
    }
    let mut state = Stateful::default();
    for (key, value) in pairs {
        let wrong = || format!("the state `{key}={value}` is wrong");
        match key.as_str() {
            "durability" => state.durability = value.parse::<DurabilityArg>()?.0,
            "idle-after" => state.idle_after_ms = millis(value).with_context(wrong)?,
            "max-size" => state.state_bytes_max = parse_bytes(value).with_context(wrong)?,
            "max-active" => {
                let count = value.parse();
                state.active_max = count.with_context(|| format!("the state `{key}={value}` is not a whole number"))?;
            }
            _ => {
                return Err(Failure::usage(format!("there is no state `{key}`"))
                    .help("there are durability, idle-after, max-size and max-active: --state durability=commit")
                    .into());
            }
        }
    }
    if state.state_bytes_max == 0 || state.active_max == 0 || state.idle_after_ms == 0 {
        return Err(Failure::usage("an actor with no room or no time for its state cannot keep any").into());
    }
    Ok(ActorKind::Stateful(state))
}

/// Refuses a component that has no state to be kept.
pub(crate) fn check(world: &World) -> Result<()> {
    let is_lifecycle = |name: &str| name.split('@').next() == Some(LIFECYCLE);
    if world.exports.iter().any(|export| is_lifecycle(&export.name)) {
        return Ok(());
    }
    Err(Failure::usage("the component has no state to be kept")
        .because(format!("it does not export {LIFECYCLE}"))
        .help(format!(
            "leave `--state` out, or export {LIFECYCLE}: the world `lattice:actor/actor` does"
        ))
        .into())
}

/// When state is stored: `commit`, `checkpoint:5s` or `volatile`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DurabilityArg(pub(crate) Durability);

impl FromStr for DurabilityArg {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |why: Option<String>| {
            let failure = Failure::usage(format!("`{text}` is no durability"))
                .help("write `commit`, `checkpoint:5s` (how often state is stored), or `volatile`");
            match why {
                Some(why) => failure.because(why),
                None => failure,
            }
        };
        Ok(Self(match text.split_once(':') {
            None if text == "commit" => Durability::Commit,
            None if text == "volatile" => Durability::Volatile,
            Some(("checkpoint", every)) => match millis(every) {
                Ok(0) => return Err(wrong(Some("a checkpoint at no interval is none".to_owned()))),
                Ok(every) => Durability::Checkpoint(every),
                Err(error) => return Err(wrong(Some(error.to_string()))),
            },
            _ => return Err(wrong(None)),
        }))
    }
}

impl fmt::Display for DurabilityArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Durability::Commit => f.write_str("commit"),
            Durability::Checkpoint(every) => {
                write!(
                    f,
                    "checkpoint:{}",
                    format_duration(std::time::Duration::from_millis(every))
                )
            }
            Durability::Volatile => f.write_str("volatile"),
        }
    }
}

fn millis(text: &str) -> Result<u64> {
    Ok(u64::try_from(parse_duration(text)?.as_millis())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Item;

    fn typed(list: &[(&str, &str)]) -> Result<ActorKind> {
        let pairs: Vec<_> = list
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        kind(&pairs)
    }

    #[test]
    fn states_are_read() {
        assert_eq!(typed(&[]).expect("nothing is right"), ActorKind::Service);
        let all = [
            ("durability", "checkpoint:5s"),
            ("idle-after", "1m"),
            ("max-size", "1MiB"),
            ("max-active", "7"),
        ];
        let expect = Stateful {
            durability: Durability::Checkpoint(5000),
            idle_after_ms: 60_000,
            state_bytes_max: 1 << 20,
            active_max: 7,
        };
        assert_eq!(typed(&all).expect("all there is"), ActorKind::Stateful(expect));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (key, value) in [
            ("durability", "comit"),
            ("durability", "checkpoint"),
            ("durability", "checkpoint:"),
            ("durability", "checkpoint:0s"),
            ("durability", "checkpoint:often"),
            ("durability", "commit:5s"),
            ("durabilty", "commit"),
            ("idle-after", "0s"),
            ("idle-after", "5"),
            ("max-size", "0"),
            ("max-size", "lots"),
            ("max-active", "0"),
            ("max-active", "-1"),
        ] {
            assert!(typed(&[(key, value)]).is_err(), "{key}={value}");
        }
    }

    #[test]
    fn durabilities_are_shown_as_they_are_typed() {
        for text in ["commit", "volatile", "checkpoint:5s", "checkpoint:1m30s"] {
            assert_eq!(text.parse::<DurabilityArg>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn only_what_has_state_is_told_how_to_keep_it() {
        let exports = |names: &[&str]| World {
            exports: names
                .iter()
                .map(|name| Item {
                    name: (*name).to_owned(),
                    functions: Vec::new(),
                })
                .collect(),
            ..World::default()
        };
        assert!(check(&exports(&["lattice:actor/lifecycle@0.1.0"])).is_ok());
        assert!(check(&exports(&["demo:cart/cart"])).is_err());
    }
}
