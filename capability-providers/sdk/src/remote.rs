//! Carries capabilities over the lattice, when a provider and the actor it is linked to live on different members.
//!
//! The caller's side are the types that implement a capability by calling a member: [`RemoteKeyValue`], [`RemoteMessaging`],
//! [`RemoteOutgoingHttp`], and [`RemoteInvoker`] for providers that drive actors. The other side of the first three is
//! [`dispatch`]; that of the last is the host.
//!
//! Key-value and messaging calls are MessagePack in the body of a call, in the form of [`lattice_capability`]'s `wire` modules.
//! An HTTP request or response has its head in the head of the call and its body as the body, which streams; trailers do not
//! travel.

mod body;
mod call;
mod dispatch;
pub mod http;
mod invoker;
pub mod keyed;
mod keyvalue;
mod messaging;
mod outgoing;

pub use dispatch::dispatch;
pub use invoker::RemoteInvoker;
pub use keyvalue::RemoteKeyValue;
pub use messaging::RemoteMessaging;
pub use outgoing::RemoteOutgoingHttp;

/// The interface that HTTP requests to actors are carried under, whichever version an actor exports, unless a link names another
/// (`wasi:http/handler`).
pub const HTTP_HANDLER: &str = "wasi:http/incoming-handler@0.2.0";
/// Its function.
pub const HTTP_HANDLER_FUNCTION: &str = "handle";
/// The interface that messages to actors are carried under.
pub const MESSAGE_HANDLER: &str = "wasmcloud:messaging/handler@0.2.0";
/// Its function.
pub const MESSAGE_HANDLER_FUNCTION: &str = "handle-message";
/// The interface that HTTP requests of actors are carried under, unless a link names another (`wasi:http/client`).
pub const HTTP_OUTGOING: &str = "wasi:http/outgoing-handler@0.2.0";

/// The longest request or reply of a key-value or messaging call.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
