//! Makes the calls of one link.

use std::sync::Arc;

use bytes::Bytes;
use lattice_capability::CallContext;
use lattice_core::{ActiveLink, Fault, FunctionName, InterfaceId, MemberId, VersionedInterface};
use lattice_mesh::{Body, KeyedTarget, Member, OutgoingCall, Outstanding, Reply, new_invocation_id};

use super::keyed::BODY_BYTES_MAX;

/// A link whose target is on some other member.
#[derive(Clone)]
pub(super) struct RemoteLink {
    member: Arc<Member>,
    link: Arc<ActiveLink>,
}

impl RemoteLink {
    pub(super) fn new(member: Arc<Member>, link: Arc<ActiveLink>) -> Self {
        Self { member, link }
    }

    /// Returns the interface that the link is for, or `usual` when it is for a whole package.
    pub(super) fn interface_or(&self, usual: &str) -> Result<InterfaceId, Fault> {
        match self.link.interface.as_interface() {
            Some(interface) => Ok(interface),
            None => parse(usual),
        }
    }

    /// The most bytes that a request may have which is to be collected before it is sent.
    pub(super) fn collect_max(&self) -> u64 {
        self.link.limits.payload_bytes_max.unwrap_or(BODY_BYTES_MAX)
    }

    /// Calls a function of the link's target, wherever that runs.
    pub(super) async fn call(
        &self,
        ctx: &CallContext,
        interface: InterfaceId,
        function: &str,
        head: Bytes,
        body: Body,
    ) -> Result<Reply, Fault> {
        let call = self.outgoing(ctx, interface, function, head, body)?;
        match &self.link.target_key {
            Some(key) => self.member.invoke(call, &MemberId::from(key)).await,
            None => {
                self.member
                    .invoke_any(call, std::slice::from_ref(self.member.id()))
                    .await
            }
        }
    }

    /// As [`call`](Self::call), for one of the stateful actors of the link's target. The answer is to be kept there until what comes with it
    /// is dropped.
    pub(super) async fn call_keyed(
        &self,
        ctx: &CallContext,
        interface: InterfaceId,
        function: &str,
        head: Bytes,
        body: Body,
        target: KeyedTarget,
    ) -> Result<(Reply, Outstanding), Fault> {
        let call = self.outgoing(ctx, interface, function, head, body)?;
        self.member.invoke_keyed(call, target).await
    }

    fn outgoing(
        &self,
        ctx: &CallContext,
        interface: InterfaceId,
        function: &str,
        head: Bytes,
        body: Body,
    ) -> Result<OutgoingCall, Fault> {
        Ok(OutgoingCall {
            id: new_invocation_id(),
            source: ctx.source.clone(),
            target: self.link.target.clone(),
            link: self.link.id.clone(),
            // Capabilities have no versions here; where the link has, name one that it grants.
            interface: VersionedInterface::new(interface, self.link.versions.first().cloned()),
            function: function
                .parse::<FunctionName>()
                .map_err(|error| Fault::internal(error.to_string()))?,
            deadline: ctx.deadline,
            trace: ctx.trace.clone(),
            head,
            body,
        })
    }
}

/// Reads one of our own interfaces without its version: [`RemoteLink::call`] knows which one to name.
pub(super) fn parse(interface: &str) -> Result<InterfaceId, Fault> {
    let name = interface.split_once('@').map_or(interface, |(name, _)| name);
    name.parse()
        .map_err(|error| Fault::internal(format!("`{interface}` is no interface: {error}")))
}
