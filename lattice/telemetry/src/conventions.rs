//! What spans and their attributes are called, the same in every process of a lattice. Listed for people in `docs/observability.md`.
//!
//! Calls follow OpenTelemetry's semantic conventions for RPC (version 1.44, release candidate), HTTP and messaging. There are none for
//! WebAssembly: what is ours begins with `lattice.`.

use lattice_core::{Fault, InterfaceId};

use crate::Status;

/// Which RPC system; always [`LATTICE`].
pub const RPC_SYSTEM: &str = "rpc.system.name";
/// The value of [`RPC_SYSTEM`].
pub const LATTICE: &str = "lattice";
/// `wasi:keyvalue/store.get`.
pub const RPC_METHOD: &str = "rpc.method";
/// Who is called: `actor/cart`, `provider/kv`.
pub const SERVER_ADDRESS: &str = "server.address";
/// Who calls: `actor/cart`, `provider/http`.
pub const CALLER: &str = "lattice.caller";
/// What kind of error it was, of a small set.
pub const ERROR_TYPE: &str = "error.type";
/// The error in words.
pub const ERROR_MESSAGE: &str = "error.message";
/// The lattice.
pub const LATTICE_ID: &str = "lattice.id";
/// The host or the process of a provider, by its key.
pub const HOST_ID: &str = "lattice.host.id";
/// The same, as people call it.
pub const HOST_NAME: &str = "lattice.host.name";
/// The actor that serves: `hello`, `cart/alice`.
pub const ACTOR: &str = "lattice.actor.id";
/// The epoch of a stateful actor's ownership.
pub const ACTOR_EPOCH: &str = "lattice.actor.epoch";
/// The link that grants it.
pub const LINK: &str = "lattice.link.id";
/// The component that runs.
pub const COMPONENT: &str = "lattice.component.digest";
/// How long an actor began no turn while it moved, in seconds.
pub const MOVE_PAUSE: &str = "lattice.move.pause";
/// How many bytes of state an actor has.
pub const STATE_BYTES: &str = "lattice.actor.state.bytes";
/// Where an actor moves to.
pub const TARGET_HOST: &str = "lattice.target.host.id";

/// An application.
pub const APP: &str = "lattice.app.name";
/// Which revision of it.
pub const APP_REVISION: &str = "lattice.app.revision";
/// A host that was lost.
pub const LOST_HOST: &str = "lattice.lost.host.id";

/// The name of a call: `wasi:keyvalue/store.get`, also where WIT has the function in a resource and calls it `[method]bucket.get`.
pub fn method(interface: &InterfaceId, function: &str) -> String {
    let own = match function
        .strip_prefix('[')
        .and_then(|in_resource| in_resource.rsplit_once('.'))
    {
        Some((_, method)) => method,
        None => function,
    };
    format!("{interface}.{own}")
}

/// How a call ended: a fault is an error of its kind.
pub fn status<T>(outcome: &Result<T, Fault>) -> Status {
    match outcome {
        Ok(_) => Status::Ok,
        Err(fault) => Status::error(fault.kind.code(), fault.message.clone()),
    }
}
