//! How messaging calls travel over the lattice: MessagePack with named fields.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BrokerMessage, MessagingError};

/// The arguments of one messaging call, in either direction.
///
/// As with [`KvRequest`](crate::keyvalue::wire::KvRequest), a receiver must refuse a request whose
/// [`operation`](Self::operation) is not the one that the call names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "one variant per function, with its arguments")]
pub enum MessagingRequest {
    /// An actor publishes.
    Publish(BrokerMessage),
    /// An actor asks.
    Request {
        subject: String,
        #[serde(with = "crate::blob::as_bytes")]
        body: Bytes,
        timeout: Duration,
    },
    /// A provider hands a message to an actor.
    Handle(BrokerMessage),
}

impl MessagingRequest {
    /// Returns the interface (of package `wasmcloud:messaging`) and the function that this request calls.
    #[must_use]
    pub fn operation(&self) -> (&'static str, &'static str) {
        match self {
            Self::Publish(_) => ("consumer", "publish"),
            Self::Request { .. } => ("consumer", "request"),
            Self::Handle(_) => ("handler", "handle-message"),
        }
    }
}

/// The result of one messaging call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessagingReply {
    /// Published, or handled.
    Done,
    /// The answer to a request.
    Message(BrokerMessage),
    /// The broker's or provider's error.
    Failed(MessagingError),
    /// The actor's handler returned this error.
    HandlerError(String),
}
