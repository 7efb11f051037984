//! Calling an actor, wherever it runs: here if it is here and has room, elsewhere otherwise.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use lattice_capability::{CallContext, SpanRef};
use lattice_core::presence::MemberState;
use lattice_core::{
    ActiveLink, ActorName, Fault, FaultKind, FunctionName, InvocationId, MemberId, Party, VersionedInterface,
};
use lattice_engine::{Args, Signature, Values};
use lattice_mesh::{Body, OutgoingCall, Reply};
use parking_lot::RwLock;

use crate::actors::Entry;
use crate::meter::check_payload;
use crate::route::{Load, Route, choose};
use crate::shared::Shared;
use crate::spans::Served;

/// The longest reply of a typed call that is read from another host.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// Where a call goes.
pub(crate) enum Way {
    /// To the replicas on this host; the call is let in already.
    Here(Entry),
    /// To another host.
    Elsewhere,
}

/// What all calls over one link have in common.
pub(crate) struct Call<'a> {
    pub(crate) link: &'a Arc<ActiveLink>,
    pub(crate) interface: &'a VersionedInterface,
    pub(crate) function: &'a str,
    pub(crate) deadline: Instant,
    pub(crate) trace: Option<&'a SpanRef>,
    pub(crate) invocation: InvocationId,
}

impl Shared {
    /// Decides where a call to an actor goes, and lets it in when that is here.
    pub(crate) fn way_to(&self, name: &ActorName) -> Way {
        let here = self.actors.get(name);
        let local = here
            .as_ref()
            .filter(|hosted| !hosted.is_leaving())
            .map(|hosted| hosted.load());
        // Nearly always the answer, so others are only asked after otherwise.
        if local.is_some_and(Load::has_room)
            && let Some(entry) = here.and_then(|hosted| hosted.enter())
        {
            return Way::Here(entry);
        }
        match choose(local, self.load_elsewhere(name)) {
            Route::Remote => Way::Elsewhere,
            // Nowhere: perhaps it is just leaving, and nobody has it yet. As long as it is open, it is better than nothing.
            Route::Local | Route::Nowhere => self.actors.enter(name).map_or(Way::Elsewhere, Way::Here),
        }
    }

    /// Calls a function of an actor, with arguments that are still the caller's. Here they are passed as they are.
    pub(crate) async fn call_actor(&self, name: &ActorName, call: &Call<'_>, args: Args<'_>) -> Result<Values, Fault> {
        match self.way_to(name) {
            Way::Here(entry) => {
                if call.link.limits.payload_bytes_max.is_some() {
                    check_payload(call.link, encode(&args)?.len())?;
                }
                let served = Served::begin(self, name, call);
                let outcome = entry
                    .call(call.interface, call.function, args, &served.context(call))
                    .await;
                served.end(outcome)
            }
            Way::Elsewhere => {
                let (body, signature) = (encode(&args)?, args.signature().clone());
                // Elsewhere: calls that stay here do not carry the room for it.
                let reply = Box::pin(self.call_elsewhere(name, call, Bytes::new(), body.into())).await?;
                let bytes = reply.body.collect(REPLY_BYTES_MAX).await?;
                decode_results(&signature, call.function, &bytes)
            }
        }
    }

    /// Calls an actor on another host.
    pub(crate) async fn call_elsewhere(
        &self,
        name: &ActorName,
        call: &Call<'_>,
        head: Bytes,
        body: Body,
    ) -> Result<Reply, Fault> {
        let _counted = self.spills.count(name);
        let outgoing = self.outgoing(call, head, body)?;
        self.member
            .invoke_any(outgoing, std::slice::from_ref(self.member.id()))
            .await
    }

    /// The call as it leaves this host.
    pub(crate) fn outgoing(&self, call: &Call<'_>, head: Bytes, body: Body) -> Result<OutgoingCall, Fault> {
        let function = call
            .function
            .parse::<FunctionName>()
            .map_err(|error| Fault::internal(error.to_string()))?;
        Ok(OutgoingCall {
            // Its own id: the member over there knows calls by it.
            id: self.invocations.next(),
            source: call.link.source.clone(),
            target: call.link.target.clone(),
            link: call.link.id.clone(),
            interface: call.interface.clone(),
            function,
            deadline: call.deadline,
            trace: call.trace.cloned(),
            head,
            body,
        })
    }

    /// How busy the actor's replicas on other hosts are, all together; `None` without any.
    fn load_elsewhere(&self, name: &ActorName) -> Option<Load> {
        let party = Party::Actor(name.clone());
        let me: &MemberId = self.member.id();
        let members = self.member.directory().running(&party);
        let others = members
            .iter()
            .filter(|member| member.id() != me && member.presence.state == MemberState::Ready);
        let placements = others
            .filter_map(|member| member.presence.actor(name))
            .filter(|placement| placement.replicas > 0);
        let total = placements.fold(None, |total: Option<Load>, placement| {
            let (in_flight, capacity) = total.map_or((0, 0), |load| (load.in_flight, load.capacity));
            Some(Load {
                in_flight: in_flight + placement.in_flight as usize,
                capacity: capacity + placement.capacity as usize,
            })
        })?;
        // Heartbeats are seconds old; what we sent there since is not in them.
        Some(Load {
            in_flight: total.in_flight.max(self.spills.of(name)),
            ..total
        })
    }
}

impl Call<'_> {
    pub(crate) fn context(&self) -> CallContext {
        CallContext {
            deadline: self.deadline,
            source: self.link.source.clone(),
            link: self.link.id.clone(),
            invocation: self.invocation,
            trace: self.trace.cloned(),
        }
    }
}

/// Reads results by the type that the caller has of the function.
pub(crate) fn decode_results(signature: &Signature, function: &str, bytes: &[u8]) -> Result<Values, Fault> {
    Values::decode_results(signature, bytes).map_err(|error| {
        let fault = format!("the results of {function} differ from its type: {error}");
        Fault::new(FaultKind::BadArguments, fault).blaming(lattice_core::Blame::Guest)
    })
}

pub(crate) fn encode(args: &Args<'_>) -> Result<Bytes, Fault> {
    args.encode()
        .map_err(|error| Fault::new(FaultKind::BadArguments, error.to_string()))
}

/// How many calls to each actor this host has given to others, and not had an answer to.
#[derive(Default)]
pub(crate) struct Spills {
    out: RwLock<HashMap<ActorName, Arc<AtomicUsize>>>,
}

/// Counts one call for as long as it lives.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Spills {
    fn count(&self, name: &ActorName) -> Counted {
        let known = self.out.read().get(name).cloned();
        let counter = known.unwrap_or_else(|| Arc::clone(self.out.write().entry(name.clone()).or_default()));
        counter.fetch_add(1, Ordering::Relaxed);
        Counted(counter)
    }

    fn of(&self, name: &ActorName) -> usize {
        self.out
            .read()
            .get(name)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
