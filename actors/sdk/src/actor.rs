//! What an actor is, as traits: one for its life, one for each way to reach it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Activation, BrokerMessage, Fault, Identity, Request, Response, StopReason};

/// An actor with state.
///
/// Its fields are its state. They are written down as JSON after a turn that changed them and read back wherever the actor wakes next; give
/// a field that an older version did not have `#[serde(default)]`. What is only in memory, such as a cache, is `#[serde(skip)]`.
/// JSON knows no infinite numbers and no NaN: a state with one of them in it cannot be read back.
pub trait StatefulActor: Serialize + DeserializeOwned + 'static {
    /// Which form of the state this is. Raise it when serde cannot read the older one, and say in [`upgrade`](Self::upgrade) how to.
    const SCHEMA: u32 = 1;

    /// The actor in its first life, before anything was saved. It must not call or send anything.
    fn wake(ctx: &Activation) -> Self;

    /// Reads what another version of this actor saved under another [`SCHEMA`](Self::SCHEMA). It must not call or send anything.
    ///
    /// # Errors
    /// Refuses the activation: an upgrade is taken back then. So it is with every older form unless this says otherwise.
    fn upgrade(schema: u32, data: &[u8]) -> Result<Self, Fault> {
        let _ = data;
        Err(Fault::Incompatible(format!(
            "the state is saved under schema {schema}, and this component reads {}",
            Self::SCHEMA
        )))
    }

    /// Is told that the actor is put to rest. What it changes is not kept, and it is not called when a host is lost.
    fn rest(&mut self, why: StopReason) {
        let _ = why;
    }
}

/// Serves HTTP: `export!(Cart: http)`.
pub trait HandleHttp: StatefulActor {
    /// The longest body of a request, in bytes. A longer one is answered with 413 and never reaches the actor.
    const BODY_BYTES_MAX: usize = 1 << 20;

    /// Answers a request.
    ///
    /// The lattice finds the key in the path and passes the path on as it came. An actor that looks at its end only can be mounted
    /// anywhere; see [`Request::segments`].
    fn http(&mut self, request: Request) -> Response;
}

/// Takes messages of a broker: `export!(Twin: messages)`.
pub trait HandleMessages: StatefulActor {
    /// Takes a message.
    ///
    /// # Errors
    /// Tells the provider why it was not taken. Check first and change then: fields changed before an error stay changed.
    fn message(&mut self, message: BrokerMessage) -> Result<(), String>;
}

/// Answers other actors, which reach it with [`peers`](crate::peers): `export!(Account: peers)`.
pub trait HandlePeers: StatefulActor {
    /// Takes a message. The sender is none when it is no stateful actor. What is returned to a `send` is not heard.
    ///
    /// # Errors
    /// [`Fault::Rejected`] when the message is not one it takes, [`Fault::Transient`] to be tried again. Check first and change
    /// then: fields changed before an error stay changed.
    fn receive(&mut self, sender: Option<Identity>, operation: &str, body: &[u8]) -> Result<Vec<u8>, Fault>;
}

/// Hears the reminders it set with [`remind`](crate::remind()): `export!(Twin: reminders)`.
pub trait HandleReminders: StatefulActor {
    /// Hears a reminder. It may come more than once, and once more after it was set anew.
    ///
    /// # Errors
    /// [`Fault::Transient`] asks for another try. Check first and change then: fields changed before an error stay changed.
    fn fire(&mut self, reminder: Reminder) -> Result<(), Fault>;
}

/// A reminder that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// What it was set as.
    pub name: String,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: u64,
    /// What it was set with.
    pub payload: Vec<u8>,
    /// How many times of a periodic one have gone by unheard before this.
    pub missed: u32,
}
