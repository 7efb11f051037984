//! How a provider calls the actors it is linked to.

use std::time::Instant;

use async_trait::async_trait;
use lattice_capability::{BrokerMessage, HttpBody, SpanRef};
use lattice_core::{ActorKey, Fault, LinkId};

/// Calls the actor at the other end of a link, wherever in the lattice it runs.
///
/// Given to every provider when it is built. Dropping the returned future cancels the call; so does dropping the body of a
/// response that still streams.
///
/// With a key the call is for one stateful actor among those of the target's name. Such a call may have to be made again, so it is sent
/// once all of its body is there.
#[async_trait]
pub trait ActorInvoker: Send + Sync + 'static {
    /// Hands an HTTP request to the actor (`wasi:http/incoming-handler`). With a key, requests of one `Idempotency-Key` are the same call.
    async fn http(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        request: http::Request<HttpBody>,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<http::Response<HttpBody>, Fault>;

    /// Hands a message to the actor (`wasmcloud:messaging/handler`). The inner error is the one the actor's handler returned.
    async fn message(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        message: BrokerMessage,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<Result<(), String>, Fault>;
}
