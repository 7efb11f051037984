//! The verbs of the control interface.

use std::{fmt, str::FromStr};

/// What a command asks for; the last token of its subject.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verb {
    /// Have a component ready, should its actor be placed on you.
    ActorFetch,
    /// What does this component import and export?
    ActorInspect,
    /// Change the number of replicas.
    ActorScale,
    /// Run an actor.
    ActorStart,
    /// Stop an actor.
    ActorStop,
    /// How far are the applications?
    AppProgress,
    /// Call a function.
    Call,
    /// Withdraw a command that is at work.
    Cancel,
    /// Check your health.
    Doctor,
    /// Say whether more may be placed on you.
    HostSchedule,
    /// Drain and end.
    HostStop,
    /// What runs there?
    Inventory,
    /// Whose is this stateful actor?
    KeyedFind,
    /// Which stateful actors are awake there?
    KeyedList,
    /// Move stateful actors to another host.
    KeyedMove,
    /// Which links do you hold, which have you refused?
    Links,
    /// What has an actor logged?
    Logs,
    /// Who is there?
    Ping,
    /// Where would you send an invocation?
    Placements,
    /// Run a provider.
    ProviderStart,
    /// Stop a provider.
    ProviderStop,
    /// What do you keep of traces?
    Traces,
    /// What goes over the links whose targets you serve?
    Traffic,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 23] = [
        Self::ActorFetch,
        Self::ActorInspect,
        Self::ActorScale,
        Self::ActorStart,
        Self::ActorStop,
        Self::AppProgress,
        Self::Call,
        Self::Cancel,
        Self::Doctor,
        Self::HostSchedule,
        Self::HostStop,
        Self::Inventory,
        Self::KeyedFind,
        Self::KeyedList,
        Self::KeyedMove,
        Self::Links,
        Self::Logs,
        Self::Ping,
        Self::Placements,
        Self::ProviderStart,
        Self::ProviderStop,
        Self::Traces,
        Self::Traffic,
    ];

    /// The verb as it stands in a subject.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActorFetch => "actor-fetch",
            Self::ActorInspect => "actor-inspect",
            Self::ActorScale => "actor-scale",
            Self::ActorStart => "actor-start",
            Self::ActorStop => "actor-stop",
            Self::AppProgress => "app-progress",
            Self::Call => "call",
            Self::Cancel => "cancel",
            Self::Doctor => "doctor",
            Self::HostSchedule => "host-schedule",
            Self::HostStop => "host-stop",
            Self::Inventory => "inventory",
            Self::KeyedFind => "keyed-find",
            Self::KeyedList => "keyed-list",
            Self::KeyedMove => "keyed-move",
            Self::Links => "links",
            Self::Logs => "logs",
            Self::Ping => "ping",
            Self::Placements => "placements",
            Self::ProviderStart => "provider-start",
            Self::ProviderStop => "provider-stop",
            Self::Traces => "traces",
            Self::Traffic => "traffic",
        }
    }

    /// Whether the verb changes something or runs guest code, and so travels only as a signed command.
    pub fn is_signed(self) -> bool {
        match self {
            Self::ActorFetch
            | Self::ActorScale
            | Self::ActorStart
            | Self::ActorStop
            | Self::Call
            | Self::Cancel
            | Self::HostSchedule
            | Self::HostStop
            | Self::KeyedMove
            | Self::ProviderStart
            | Self::ProviderStop => true,
            Self::ActorInspect
            | Self::AppProgress
            | Self::Doctor
            | Self::Inventory
            | Self::KeyedFind
            | Self::KeyedList
            | Self::Links
            | Self::Logs
            | Self::Ping
            | Self::Placements
            | Self::Traces
            | Self::Traffic => false,
        }
    }
}

impl From<Verb> for lattice_core::Verb {
    fn from(verb: Verb) -> Self {
        verb.as_str()
            .parse()
            .expect("every verb's text is a subject token; the tests look at each")
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(text: &str) -> Result<Self, UnknownVerb> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or(UnknownVerb)
    }
}

/// The text names no verb of this version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such verb")]
pub struct UnknownVerb;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_a_subject_token_and_parses_back() {
        for verb in Verb::ALL {
            assert_eq!(lattice_core::Verb::from(verb).as_str(), verb.as_str());
            assert_eq!(verb.as_str().parse(), Ok(verb));
        }
        assert_eq!("nonsense".parse::<Verb>(), Err(UnknownVerb));
    }
}
