//! Calling a function of an actor by hand.

use lattice_core::{ActorKey, ActorName, MemberId};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// How arguments and results are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// WebAssembly Value Encoding: `"hello", 3, {name: "x"}`.
    #[default]
    Wave,
    /// A JSON array with one element per parameter, after the mapping of `lattice_core::value`.
    Json,
}

/// Asks a host to call an exported function of an actor that it runs. The host parses the text by the function's types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Which actor.
    pub actor: ActorName,
    /// Which of its actors, if it is stateful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ActorKey>,
    /// Whether the host that was last known to have that actor could not be reached.
    #[serde(default)]
    pub owner_unreachable: bool,
    /// The exported interface, `demo:pong/pong`, with or without a version; empty for a function of the world itself.
    pub interface: String,
    /// The function.
    pub function: String,
    /// The arguments as text.
    pub arguments: String,
    /// How `arguments` and the reply are written.
    #[serde(default)]
    pub encoding: TextEncoding,
    /// How long the guest may take.
    pub deadline_ms: u64,
}

/// What the function returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallReply {
    /// The results as text; empty when the function returns nothing.
    pub result: String,
    /// How long the call took on the host.
    #[serde(default)]
    pub took_us: u64,
    /// The stateful actor is not there but on this host, if that is known: nothing was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<MemberId>,
}

impl Command for Call {
    type Reply = CallReply;
    const VERB: Verb = Verb::Call;
}
