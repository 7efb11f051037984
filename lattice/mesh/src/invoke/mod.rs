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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::{Directory, KnownMember};
use crate::identity::{Address, Identity};
use crate::links::Links;
use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::peer::{Peer, Peers};
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
}

impl Invoker {
    /// Calls one member.
    pub(crate) async fn invoke(&self, call: OutgoingCall, to: &MemberId) -> Result<Reply, Fault> {
        let (attempt, _) = self.prepare(call)?;
        self.try_at(&attempt, &self.known(to)?.address()).await
    }

    fn known(&self, member: &MemberId) -> Result<Arc<KnownMember>, Fault> {
        self.directory
            .get(member)
            .ok_or_else(|| Fault::new(FaultKind::NoResponders, format!("{member} is not there")))
    }

    /// The caller's own check of the link: a call that its own table does not allow does not leave.
    fn prepare(&self, call: OutgoingCall) -> Result<(Attempt, CallRoute), Fault> {
        let link = self.links.current().get(&call.link).cloned();
        let link = link.ok_or_else(|| Fault::denied(format!("link `{}` is not in force", call.link)))?;
        if !link.allows(call.function.as_str()) {
            return Err(Fault::denied(format!(
                "link `{}` does not allow `{}`",
                call.link, call.function
            )));
        }
        let route = CallRoute::new(call.source, call.target, call.link, call.interface, call.function);
        let attempt = Attempt {
            id: call.id,
            aim: Aim::Party(self.routes.encode(&route)),
            deadline: call.deadline,
            trace: call.trace,
            head: call.head,
            body: Source::new(call.body),
        };
        Ok((attempt, route))
    }

    /// Calls one run of one member. The attempt can be used again if the fault is safe to retry and its body untouched.
    async fn try_at(&self, attempt: &Attempt, to: &Address) -> Result<Reply, Fault> {
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

    async fn try_peer(&self, attempt: &Attempt, peer: &Arc<Peer>) -> Result<Reply, Fault> {
        let session = peer.session(&self.me, &self.bus, None, attempt.remaining()?).await?;
        match self.exchange(attempt, peer, &session).await? {
            Answer::Reply(reply) => return Ok(reply),
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
            Answer::Reply(reply) => Ok(reply),
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
