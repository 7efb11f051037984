//! Making calls to other members.

mod attempt;
mod exchange;
mod route;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_bus::Bus;
use lattice_core::{Fault, FaultKind, MemberId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::Directory;
use crate::identity::{Address, Identity};
use crate::links::Links;
use crate::outbox::Outbox;
use crate::peer::{Peer, Peers};
use crate::stream::Streams;
use crate::wire::EncodedRoutes;
use crate::{OutgoingCall, Reply};
use attempt::Attempt;
use exchange::Answer;

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
}

impl Invoker {
    /// Calls one member.
    pub(crate) async fn invoke(&self, call: OutgoingCall, to: &MemberId) -> Result<Reply, Fault> {
        let mut attempt = self.prepare(call)?;
        let known = self
            .directory
            .get(to)
            .ok_or_else(|| Fault::new(FaultKind::NoResponders, format!("{to} is not there")))?;
        self.try_at(&mut attempt, &known.address()).await
    }

    /// The caller's own check of the link: a call that its own table does not allow does not leave.
    fn prepare(&self, call: OutgoingCall) -> Result<Attempt, Fault> {
        let link = self.links.current().get(&call.link).cloned();
        let link = link.ok_or_else(|| Fault::denied(format!("link `{}` is not in force", call.link)))?;
        if !link.allows(call.function.as_str()) {
            return Err(Fault::denied(format!(
                "link `{}` does not allow `{}`",
                call.link, call.function
            )));
        }
        Ok(Attempt::new(call))
    }

    /// Calls one run of one member. The attempt can be used again if the fault is safe to retry and its body untouched.
    async fn try_at(&self, attempt: &mut Attempt, to: &Address) -> Result<Reply, Fault> {
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

    async fn try_peer(&self, attempt: &mut Attempt, peer: &Arc<Peer>) -> Result<Reply, Fault> {
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
    if left.is_zero() {
        return Err(
            Fault::new(FaultKind::DeadlineExceeded, "the deadline passed before an answer came")
                .blaming(lattice_core::Blame::Lattice),
        );
    }
    Ok(left)
}
