//! A message broker on another member.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_capability::{BrokerMessage, CallContext, Messaging, MessagingError};
use lattice_core::{ActiveLink, Fault, FaultKind};
use lattice_mesh::{KeyedTarget, Member};

use super::MESSAGE_BYTES_MAX;
use super::call::{RemoteLink, parse};

/// The broker that a link leads to, in a provider on another member.
pub struct RemoteMessaging(RemoteLink);

impl RemoteMessaging {
    /// Makes a handle; nothing is called yet.
    #[must_use]
    pub fn new(member: Arc<Member>, link: Arc<ActiveLink>) -> Self {
        Self(RemoteLink::new(member, link))
    }

    async fn call(
        &self,
        ctx: &CallContext,
        subject: &str,
        request: &MessagingRequest,
    ) -> Result<MessagingReply, MessagingError> {
        exchange(&self.0, ctx, None, request)
            .await
            .map_err(|fault| match fault.kind {
                FaultKind::Denied => MessagingError::Denied {
                    subject: subject.to_owned(),
                    reason: fault.message,
                },
                FaultKind::DeadlineExceeded => MessagingError::TimedOut(subject.to_owned()),
                _ => MessagingError::Other(fault.to_string()),
            })
    }
}

/// Makes one messaging call, in either direction.
pub(super) async fn exchange(
    link: &RemoteLink,
    ctx: &CallContext,
    target: Option<KeyedTarget>,
    request: &MessagingRequest,
) -> Result<MessagingReply, Fault> {
    let (interface, function) = request.operation();
    let interface = parse(&format!("wasmcloud:messaging/{interface}"))?;
    let body = rmp_serde::to_vec_named(request).map_err(|error| Fault::internal(error.to_string()))?;
    let (head, body) = (Bytes::new(), body.into());
    let (reply, outstanding) = match target {
        None => (link.call(ctx, interface, function, head, body).await?, None),
        Some(target) => {
            let answered = link.call_keyed(ctx, interface, function, head, body, target);
            let (reply, outstanding) = answered.await?;
            (reply, Some(outstanding))
        }
    };
    let bytes = reply.body.collect(MESSAGE_BYTES_MAX).await?;
    drop(outstanding);
    rmp_serde::from_slice(&bytes).map_err(|error| Fault::internal(format!("the answer cannot be read: {error}")))
}

/// The provider failed, or answered a question that was not asked.
fn unexpected<T>(reply: MessagingReply) -> Result<T, MessagingError> {
    match reply {
        MessagingReply::Failed(error) => Err(error),
        _ => Err(MessagingError::Other(
            "the provider answered something else than was asked".to_owned(),
        )),
    }
}

#[async_trait]
impl Messaging for RemoteMessaging {
    async fn publish(&self, ctx: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        let subject = message.subject.clone();
        match self.call(ctx, &subject, &MessagingRequest::Publish(message)).await? {
            MessagingReply::Done => Ok(()),
            other => unexpected(other),
        }
    }

    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        let request = MessagingRequest::Request {
            subject: subject.to_owned(),
            body,
            timeout,
        };
        match self.call(ctx, subject, &request).await? {
            MessagingReply::Message(message) => Ok(message),
            other => unexpected(other),
        }
    }
}
