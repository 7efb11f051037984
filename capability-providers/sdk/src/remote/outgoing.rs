//! A way out to HTTP servers, on another member.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use lattice_capability::{CallContext, HttpBody, HttpError, OutgoingHttp, RequestOptions};
use lattice_core::ActiveLink;
use lattice_mesh::Member;

use super::call::RemoteLink;
use super::{HTTP_OUTGOING, body, http as wire};

/// The way out that a link leads to, in a provider on another member.
pub struct RemoteOutgoingHttp(RemoteLink);

impl RemoteOutgoingHttp {
    /// Makes a handle; nothing is called yet.
    #[must_use]
    pub fn new(member: Arc<Member>, link: Arc<ActiveLink>) -> Self {
        Self(RemoteLink::new(member, link))
    }
}

#[async_trait]
impl OutgoingHttp for RemoteOutgoingHttp {
    async fn send(
        &self,
        ctx: &CallContext,
        request: Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<Response<HttpBody>, HttpError> {
        let failed = |fault| body::to_http_error(&fault);
        let (head, body) = wire::encode_outgoing(request, options).map_err(failed)?;
        let interface = self.0.interface_or(HTTP_OUTGOING).map_err(failed)?;
        let function = outgoing_function(interface.interface());
        let reply = self
            .0
            .call(ctx, interface, function, head, body)
            .await
            .map_err(failed)?;
        wire::decode_outcome(reply)
    }
}

/// WASI 0.2 and 0.3 have other names for the same.
fn outgoing_function(interface: &str) -> &'static str {
    if interface == "client" { "send" } else { "handle" }
}
