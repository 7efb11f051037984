//! Messages to and from subjects outside the lattice's own.

pub mod wire;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::CallContext;

/// One message of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BrokerMessage {
    /// Where it was, or will be, published.
    pub subject: String,
    /// Its bytes.
    #[serde(with = "crate::blob::as_bytes")]
    pub body: Bytes,
    /// Where an answer is expected, if one is.
    pub reply_to: Option<String>,
}

/// Publishes messages and asks for answers.
#[async_trait]
pub trait Messaging: Send + Sync + 'static {
    /// Hands one message to the broker.
    async fn publish(&self, ctx: &CallContext, message: BrokerMessage) -> Result<(), MessagingError>;

    /// Sends a message and waits up to `timeout`, or the context's deadline if that comes first, for one answer.
    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError>;
}

/// Says why a message did not go, or its answer did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessagingError {
    /// The link does not allow the subject.
    #[error("the link does not allow subject `{subject}`: {reason}")]
    Denied {
        /// The subject asked for.
        subject: String,
        /// Which rule refused it.
        reason: String,
    },
    /// Nobody listens on the subject.
    #[error("nobody listens on subject `{0}`")]
    NoResponders(String),
    /// The answer did not come in time.
    #[error("no answer in time on subject `{0}`")]
    TimedOut(String),
    /// The broker does not take a message of this size.
    #[error("a message of {size} bytes is more than the broker's {max}")]
    TooLarge {
        /// The size of the message.
        size: u64,
        /// The most the broker takes.
        max: u64,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}
