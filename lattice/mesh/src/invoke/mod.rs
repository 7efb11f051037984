//! Making calls to other members.

mod ask;
mod attempt;
mod exchange;
mod keyed;
mod lane;
mod owners;
mod pursuit;
mod route;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_bus::Bus;
use lattice_core::{Fault, FaultKind, MemberId, Party};
use lattice_telemetry::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::{Directory, KnownMember};
use crate::identity::{Address, Identity};
use crate::links::Links;
use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::peer::{Peer, Peers};
use crate::spans::{Done, Making};
use crate::stream::Streams;
use crate::wire::{Aim, CallRoute, EncodedRoutes};
use crate::{OutgoingCall, Reply};
use attempt::{Attempt, Source};
use exchange::Answer;
pub(crate) use lane::Lanes;
pub use lane::Outstanding;
pub(crate) use owners::Owners;

/// Everything it takes to make a call.
#[derive(Debug)]
pub(crate) struct Invoker {
    pub(crate) me: Arc<Identity>,
    pub(crate) bus: Bus,
    pub(crate) links: Arc<Links>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) outbox: Outbox,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
    pub(crate) routes: EncodedRoutes,
    /// Where calls go that stay on this member.
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) owners: Owners,
    pub(crate) tracer: Tracer,
}

impl Invoker {
    /// Calls one member.
    pub(crate) async fn invoke(&self, call: OutgoingCall, to: &MemberId) -> Result<Reply, Fault> {
        let (making, attempt) = self.prepare(call);
        let work = async { self.try_at(&attempt?, &self.known(to)?.address()).await };
        let outcome = work.await;
        Ok(making.end(outcome.map(|done| (done, ())))?.0)
    }

    fn known(&self, member: &MemberId) -> Result<Arc<KnownMember>, Fault> {
        self.directory
            .get(member)
            .ok_or_else(|| Fault::new(FaultKind::NoResponders, format!("{member} is not there")))
    }

    /// Begins the span of a call, and makes it ready to be sent.
    fn prepare(&self, call: OutgoingCall) -> (Making, Result<Attempt, Fault>) {
        let route = CallRoute::new(call.source, call.target, call.link, call.interface, call.function);
        let making = Making::begin(&self.tracer, route, call.trace.as_ref());
        let attempt = self.check(&making.route).map(|()| Attempt {
            id: call.id,
            aim: Aim::Party(self.routes.encode(&making.route)),
            deadline: call.deadline,
            trace: making.context(),
            head: call.head,
            body: Source::new(call.body),
        });
        (making, attempt)
    }

    /// The caller's own check of the link: a call that its own table does not allow does not leave.
    fn check(&self, route: &CallRoute) -> Result<(), Fault> {
        let (link, function) = (&route.link, &route.function);
        let current = self.links.current();
        match current.get(link) {
            None => Err(Fault::denied(format!("link `{link}` is not in force"))),
            Some(found) if !found.allows(function.as_str()) => {
                Err(Fault::denied(format!("link `{link}` does not allow `{function}`")))
            }
            Some(_) => Ok(()),
        }
    }

    /// Calls one run of one member. The attempt can be used again if the fault is safe to retry and its body untouched.
    async fn try_at(&self, attempt: &Attempt, to: &Address) -> Result<Done, Fault> {
        let Some(peer) = self.peers.get(to) else {
            return Err(Fault::new(
                FaultKind::NoResponders,
                format!("{} was started anew", to.member),
            ));
        };
        let _counted = peer.count_call();
        let outcome = self.try_peer(attempt, &peer).await;
        if let Err(fault) = &outcome
            && fault.kind == FaultKind::NoResponders
            && self.bus.is_connected()
        {
            self.directory.suspect(to);
        }
        outcome
    }

    async fn try_peer(&self, attempt: &Attempt, peer: &Arc<Peer>) -> Result<Done, Fault> {
        let session = peer.session(&self.me, &self.bus, None, attempt.remaining()?).await?;
        match self.exchange(attempt, peer, &session).await? {
            Answer::Reply(done) => return Ok(done),
            Answer::UnknownSession => {}
        }
        // That answer proves nothing by itself. The next handshake says under signature whether the peer really has no such session: only
        // then has the call not run, and may be made again.
        let lost = session.id;
        let session = peer
            .session(&self.me, &self.bus, Some(lost), attempt.remaining()?)
            .await?;
        if !peer.disowned(lost) {
            let fault = format!(
                "{} denied the session it has; the call may have run",
                peer.address.member
            );
            return Err(Fault::new(FaultKind::Unreachable, fault));
        }
        match self.exchange(attempt, peer, &session).await? {
            Answer::Reply(done) => Ok(done),
            Answer::UnknownSession => Err(Fault::new(
                FaultKind::Overloaded,
                format!("{} keeps forgetting its sessions", peer.address.member),
            )),
        }
    }
}

/// What is left until a deadline; a fault when that is nothing.
fn remaining(deadline: Instant) -> Result<Duration, Fault> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(too_late()) } else { Ok(left) }
}

fn too_late() -> Fault {
    Fault::new(FaultKind::DeadlineExceeded, "the deadline passed before an answer came")
        .blaming(lattice_core::Blame::Lattice)
}

fn nobody(target: &Party) -> Fault {
    Fault::new(FaultKind::NoResponders, format!("no member runs {target}"))
}
