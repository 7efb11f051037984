//! How the providers on this host call actors.

use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_capability::{BrokerMessage, HttpBody, SpanRef};
use lattice_core::{
    ActiveLink, ActorKey, ActorName, Fault, FaultKind, InterfaceId, LinkId, Party, ProviderName, VersionedInterface,
};
use lattice_mesh::{KeyedTarget, Reply};
use provider_sdk::ActorInvoker;
use provider_sdk::remote::{HTTP_HANDLER_FUNCTION, MESSAGE_HANDLER_FUNCTION, http as wire, keyed};
use uuid::Uuid;

use crate::invoke::{Call, Way};
use crate::limited::limit_request;
use crate::meter::check_payload;
use crate::shared::Shared;
use crate::spans::Served;

/// The longest reply to a message: done, or an error in words.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Calls actors for one provider on this host.
pub(crate) struct NodeInvoker {
    /// Providers hold this, and the node holds the providers.
    shared: Weak<Shared>,
    provider: Party,
    http: InterfaceId,
    messages: InterfaceId,
}

impl NodeInvoker {
    pub(crate) fn new(shared: &Arc<Shared>, provider: ProviderName) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            provider: Party::Provider(provider),
            http: constant("wasi:http/incoming-handler"),
            messages: constant("wasmcloud:messaging/handler"),
        }
    }

    fn shared(&self) -> Result<Arc<Shared>, Fault> {
        self.shared
            .upgrade()
            .ok_or_else(|| Fault::new(FaultKind::Draining, "this host is stopping"))
    }

    /// The link in force under that id, if it lets this provider call that function of an actor.
    fn link(&self, shared: &Shared, id: &LinkId, function: &str) -> Result<(Arc<ActiveLink>, ActorName), Fault> {
        let view = shared.member.links().current();
        let link = view
            .get(id)
            .ok_or_else(|| Fault::denied(format!("link `{id}` is not in force")))?;
        if link.source != self.provider {
            return Err(Fault::denied(format!(
                "link `{id}` is for {}, not for {}",
                link.source, self.provider
            )));
        }
        // Asked of every request, and few links name hosts: our labels are fetched for those alone.
        if !link.hosts.is_empty() && !link.permits_host(&shared.labels()) {
            return Err(Fault::denied(format!("link `{id}` is not for this host")));
        }
        if !link.allows(function) {
            return Err(Fault::denied(format!("link `{id}` does not allow `{function}`")));
        }
        match &link.target {
            Party::Actor(name) => Ok((Arc::clone(link), name.clone())),
            other => Err(Fault::denied(format!("link `{id}` leads to {other}, not to an actor"))),
        }
    }
}

#[async_trait]
impl ActorInvoker for NodeInvoker {
    async fn http(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        request: http::Request<HttpBody>,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<http::Response<HttpBody>, Fault> {
        let shared = self.shared()?;
        let (link, name) = self.link(&shared, link, HTTP_HANDLER_FUNCTION)?;
        let deadline = shared.meters.admit(&link, deadline)?;
        let call = Call {
            link: &link,
            interface: &granted(&link, &self.http),
            function: HTTP_HANDLER_FUNCTION,
            deadline,
            trace: trace.as_ref(),
            invocation: shared.invocations.next(),
        };
        if let Some(key) = key {
            let target = keyed::target_of(&link.id, key, request.headers());
            let max = link.limits.payload_bytes_max.unwrap_or(keyed::BODY_BYTES_MAX);
            let request = keyed::collect(request, max, deadline).await?;
            let (head, body) = wire::encode_collected(request)?;
            let called = shared.call_keyed(&call, target, Vec::new(), head, body);
            let (reply, outstanding) = called.await?;
            let body = keyed::holding(reply.body, outstanding);
            return wire::decode_response(Reply { body, ..reply });
        }
        match shared.way_to(&name) {
            Way::Here(entry) => {
                let served = Served::begin(&shared, &name, &call);
                let outcome = match bounded(request, &link) {
                    Ok(request) => entry.http(request, served.context(&call)).await,
                    Err(fault) => Err(fault),
                };
                served.end(outcome)
            }
            Way::Elsewhere => {
                let (head, body) = wire::encode_request(request)?;
                let reply = shared.call_elsewhere(&name, &call, head, body).await?;
                wire::decode_response(reply)
            }
        }
    }

    async fn message(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        message: BrokerMessage,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<Result<(), String>, Fault> {
        let shared = self.shared()?;
        let (link, name) = self.link(&shared, link, MESSAGE_HANDLER_FUNCTION)?;
        check_payload(&link, message.body.len())?;
        let deadline = shared.meters.admit(&link, deadline)?;
        let call = Call {
            link: &link,
            interface: &granted(&link, &self.messages),
            function: MESSAGE_HANDLER_FUNCTION,
            deadline,
            trace: trace.as_ref(),
            invocation: shared.invocations.next(),
        };
        if let Some(key) = key {
            let body = rmp_serde::to_vec_named(&MessagingRequest::Handle(message))
                .map_err(|error| Fault::internal(error.to_string()))?;
            let target = KeyedTarget::new(key, Uuid::new_v4());
            let called = shared.call_keyed(&call, target, Vec::new(), Bytes::new(), body.into());
            let (reply, _outstanding) = called.await?;
            return handled(reply).await;
        }
        match shared.way_to(&name) {
            Way::Here(entry) => {
                let served = Served::begin(&shared, &name, &call);
                let outcome = entry.message(message, &served.context(&call)).await;
                served.end(outcome)
            }
            Way::Elsewhere => {
                let body = rmp_serde::to_vec_named(&MessagingRequest::Handle(message))
                    .map_err(|error| Fault::internal(error.to_string()))?;
                let reply = shared.call_elsewhere(&name, &call, Bytes::new(), body.into()).await?;
                handled(reply).await
            }
        }
    }
}

/// Reads an actor's answer to a message.
async fn handled(reply: Reply) -> Result<Result<(), String>, Fault> {
    let bytes = reply.body.collect(REPLY_BYTES_MAX).await?;
    match rmp_serde::from_slice(&bytes) {
        Ok(MessagingReply::Done) => Ok(Ok(())),
        Ok(MessagingReply::HandlerError(error)) => Ok(Err(error)),
        Ok(_) | Err(_) => Err(Fault::internal("the answer to a message cannot be read")),
    }
}

/// Keeps a request that stays on this host to the link's limit.
fn bounded(request: http::Request<HttpBody>, link: &ActiveLink) -> Result<http::Request<HttpBody>, Fault> {
    match link.limits.payload_bytes_max {
        None => Ok(request),
        Some(max) => limit_request(request, max).map_err(|error| Fault::new(FaultKind::TooLarge, error.to_string())),
    }
}

/// The interface a call is made under: the one the link is for, or `usual` when that is a whole package; in a version that the
/// link grants, should it name any.
fn granted(link: &ActiveLink, usual: &InterfaceId) -> VersionedInterface {
    VersionedInterface::new(
        link.interface.as_interface().unwrap_or_else(|| usual.clone()),
        link.versions.first().cloned(),
    )
}

fn constant(interface: &str) -> InterfaceId {
    interface.parse().expect("a constant interface is well-formed")
}
