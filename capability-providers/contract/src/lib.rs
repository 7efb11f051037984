//! The capability contracts: what an actor may ask of the world, as Rust traits.
//!
//! One trait per capability, free of any WIT version, transport or runtime. The engine turns each version of a WIT
//! interface (`wasi:keyvalue` draft and draft2, `wasi:http` 0.2 and 0.3, ...) into calls on these traits; a provider
//! implements them; [`keyvalue::wire`] and [`messaging::wire`] carry them over the lattice when the provider lives
//! elsewhere. Nothing here does I/O.
//!
//! Every method takes a [`CallContext`] first. Dropping the returned future cancels the call: implementations must not
//! leave work behind that outlives it.

pub mod blob;
pub mod context;
pub mod http;
pub mod keyvalue;
pub mod messaging;

pub use context::CallContext;
pub use http::{HttpBody, HttpError, OutgoingHttp, RequestOptions};
pub use keyvalue::{CasHandle, KeyPage, KeyValue, KvError, SwapError};
pub use lattice_core::TraceContext;
pub use lattice_telemetry::SpanRef;
pub use messaging::{BrokerMessage, Messaging, MessagingError};
