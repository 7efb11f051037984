//! How a provider calls the actors it is linked to.

use std::time::Instant;

use async_trait::async_trait;
use lattice_capability::{BrokerMessage, HttpBody, TraceContext};
use lattice_core::{Fault, LinkId};

/// Calls the actor at the other end of a link, wherever in the lattice it runs.
///
/// Given to every provider when it is built. Dropping the returned future cancels the call; so does dropping the body of a
/// response that still streams.
#[async_trait]
pub trait ActorInvoker: Send + Sync + 'static {
    /// Hands an HTTP request to the actor (`wasi:http/incoming-handler`).
    async fn http(
        &self,
        link: &LinkId,
        request: http::Request<HttpBody>,
        deadline: Instant,
        trace: Option<TraceContext>,
    ) -> Result<http::Response<HttpBody>, Fault>;

    /// Hands a message to the actor (`wasmcloud:messaging/handler`). The inner error is the one the actor's handler returned.
    async fn message(
        &self,
        link: &LinkId,
        message: BrokerMessage,
        deadline: Instant,
        trace: Option<TraceContext>,
    ) -> Result<Result<(), String>, Fault>;
}
