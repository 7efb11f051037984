//! How a provider that runs alone calls actors.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_capability::{BrokerMessage, CallContext, HttpBody, SpanRef};
use lattice_core::{ActorKey, Fault, LinkId, Party, ProviderName};
use lattice_mesh::{KeyedTarget, Member, new_invocation_id};
use uuid::Uuid;

use super::call::RemoteLink;
use super::{HTTP_HANDLER, HTTP_HANDLER_FUNCTION, http as wire, keyed, messaging};
use crate::ActorInvoker;

/// Calls actors for a provider that is a member by itself.
pub struct RemoteInvoker {
    member: Arc<Member>,
    provider: Party,
}

impl RemoteInvoker {
    /// Makes an invoker for the provider of that name on this member.
    #[must_use]
    pub fn new(member: Arc<Member>, provider: ProviderName) -> Self {
        Self {
            member,
            provider: Party::Provider(provider),
        }
    }

    /// The link, should it still be in force and this provider's.
    fn resolve(
        &self,
        id: &LinkId,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<(RemoteLink, CallContext), Fault> {
        let view = self.member.links().current();
        let link = view
            .get(id)
            .ok_or_else(|| Fault::denied(format!("link `{id}` is not in force")))?;
        if link.source != self.provider {
            return Err(Fault::denied(format!(
                "link `{id}` is for {}, not for {}",
                link.source, self.provider
            )));
        }
        let ctx = CallContext {
            deadline,
            source: self.provider.clone(),
            link: id.clone(),
            invocation: new_invocation_id(),
            trace,
        };
        Ok((RemoteLink::new(Arc::clone(&self.member), Arc::clone(link)), ctx))
    }
}

#[async_trait]
impl ActorInvoker for RemoteInvoker {
    async fn http(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        request: http::Request<HttpBody>,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<http::Response<HttpBody>, Fault> {
        let (link, ctx) = self.resolve(link, deadline, trace)?;
        let interface = link.interface_or(HTTP_HANDLER)?;
        let Some(key) = key else {
            let (head, body) = wire::encode_request(request)?;
            let reply = link.call(&ctx, interface, HTTP_HANDLER_FUNCTION, head, body);
            return wire::decode_response(reply.await?);
        };
        let target = keyed::target_of(&ctx.link, key, request.headers());
        let request = keyed::collect(request, link.collect_max(), deadline).await?;
        let (head, body) = wire::encode_collected(request)?;
        let reply = link.call_keyed(&ctx, interface, HTTP_HANDLER_FUNCTION, head, body, target);
        let (mut reply, outstanding) = reply.await?;
        reply.body = keyed::holding(reply.body, outstanding);
        wire::decode_response(reply)
    }

    async fn message(
        &self,
        link: &LinkId,
        key: Option<ActorKey>,
        message: BrokerMessage,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<Result<(), String>, Fault> {
        let (link, ctx) = self.resolve(link, deadline, trace)?;
        let target = key.map(|key| KeyedTarget::new(key, Uuid::new_v4()));
        match messaging::exchange(&link, &ctx, target, &MessagingRequest::Handle(message)).await? {
            MessagingReply::Done => Ok(Ok(())),
            MessagingReply::HandlerError(error) => Ok(Err(error)),
            _ => Err(Fault::internal(
                "the actor's host answered something else than was asked",
            )),
        }
    }
}
