//! Calling one stateful actor, wherever it lives by now.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lattice_core::stateful::{Lane, homes};
use lattice_core::{CallAddress, Fault, FaultKind, InvocationId, KeyedActor, MemberId, Party};
use uuid::Uuid;

use super::Invoker;
use super::attempt::Attempt;
use super::lane::Outstanding;
use super::pursuit::{Next, Pursuit, Standing, Verdict};
use crate::mailbox::OwnCall;
use crate::spans::Done;
use crate::wire::{Aim, CallRoute};
use crate::{KeyedTarget, OutgoingCall, Reply, dice, new_invocation_id};

/// A call to one actor, for as long as it takes.
struct KeyedCall<'a> {
    call: Uuid,
    lane: Option<Lane>,
    chain: Vec<KeyedActor>,
    attempt: Attempt,
    route: &'a CallRoute,
    encoded_route: Bytes,
    outstanding: Outstanding,
}

impl Invoker {
    /// Calls one stateful actor until there is an answer, or the deadline passes. Those in `chain` wait for it.
    pub(crate) async fn invoke_keyed(
        &self,
        call: OutgoingCall,
        target: KeyedTarget,
        chain: Vec<KeyedActor>,
    ) -> Result<(Reply, Outstanding), Fault> {
        let Party::Actor(name) = &call.target else {
            let fault = format!("{} is no actor: only actors have keys", call.target);
            return Err(Fault::new(FaultKind::BadArguments, fault));
        };
        let actor = KeyedActor::new(name.clone(), target.key);
        let (making, attempt) = self.prepare(call);
        let work = async {
            let attempt = attempt?;
            let owner = self.owners.get(&actor);
            let mut pursuit = Pursuit::new(self.me.address.member.clone(), owner, attempt.is_repeatable());
            let keyed = KeyedCall {
                call: target.call,
                lane: target.lane,
                chain,
                encoded_route: self.routes.encode(&making.route),
                attempt,
                route: &making.route,
                outstanding: self.lanes.enter(actor),
            };
            let deadline = keyed.attempt.deadline.into();
            match tokio::time::timeout_at(deadline, self.pursue(&keyed, &mut pursuit)).await {
                Ok(done) => Ok((done?, keyed.outstanding)),
                Err(_) => Err(pursuit.too_late()),
            }
        };
        let outcome = work.await;
        making.end(outcome)
    }

    async fn pursue(&self, keyed: &KeyedCall<'_>, pursuit: &mut Pursuit) -> Result<Done, Fault> {
        let (actor, target) = (keyed.outstanding.actor(), &keyed.route.target);
        let is_here = |member: &MemberId| self.directory.get(member).is_some();
        let order = || homes(actor, self.directory.takers(target));
        let mut id = Some(keyed.attempt.id);
        let mut attempts = FuturesUnordered::new();
        let mut failed = false;
        loop {
            let pause = match pursuit.next(is_here, order, dice::roll()) {
                Next::Ask {
                    member,
                    owner_unreachable,
                } => {
                    // Attempts may be under way side by side, and each needs an inbox for its body. The actor knows them by `call`.
                    let id = id.take().unwrap_or_else(new_invocation_id);
                    attempts.push(self.try_actor(keyed, id, member, owner_unreachable));
                    continue;
                }
                // Nobody ever ran it, as far as is known here: that is no matter of waiting.
                Next::Wait(_) if pursuit.is_fresh() && !self.directory.is_running(target) => {
                    return Err(super::nobody(target));
                }
                Next::Wait(pause) => pause,
            };
            tokio::select! {
                biased;
                Some((member, outcome)) = attempts.next() => match outcome {
                    Ok(done) => {
                        self.owners.remember(actor, member);
                        return Ok(done.after_failures(failed));
                    }
                    Err(fault) => {
                        tracing::debug!(%actor, %member, %fault, "asked for a stateful actor");
                        failed |= !fault.kind.is_redirect();
                        let standing = Standing {
                            whole: keyed.attempt.is_whole(),
                            connected: self.bus.is_connected(),
                        };
                        match pursuit.heard(&member, fault, standing) {
                            Verdict::Answer(fault) => return Err(fault),
                            Verdict::GoOn => self.owners.forget(actor, &member),
                        }
                    }
                },
                () = tokio::time::sleep(pause) => pursuit.waited(),
            }
        }
    }

    /// Asks one member, which may be this one.
    async fn try_actor(
        &self,
        keyed: &KeyedCall<'_>,
        id: InvocationId,
        member: MemberId,
        owner_unreachable: bool,
    ) -> (MemberId, Result<Done, Fault>) {
        let address = CallAddress {
            key: keyed.outstanding.actor().key.clone(),
            call: keyed.call,
            lane: keyed.lane.unwrap_or_else(|| keyed.outstanding.lane()),
            owner_unreachable,
            chain: keyed.chain.clone(),
        };
        let outcome = if member == self.me.address.member {
            let own = OwnCall {
                id,
                route: keyed.route,
                address,
                deadline: keyed.attempt.deadline,
                trace: keyed.attempt.trace.clone(),
                head: keyed.attempt.head.clone(),
                body: keyed.attempt.body(),
            };
            self.mailbox.receive_own(own).await
        } else {
            let attempt = keyed
                .attempt
                .again(id, Aim::Actor(address, keyed.encoded_route.clone()));
            match self.known(&member) {
                Ok(known) => self.try_at(&attempt, &known.address()).await,
                Err(fault) => Err(fault),
            }
        };
        (member, outcome)
    }
}
