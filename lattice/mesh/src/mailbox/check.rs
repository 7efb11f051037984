//! Checking a call that came in against what this member knows by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_bus::{Headers, RequestError};
use lattice_core::presence::MemberKind;
use lattice_core::{ActiveLink, Fault, FaultKind, subject};

use super::Mailbox;
use super::guard::{Claimed, Misplaced, check_link, check_origin};
use crate::session::Session;
use crate::wire::{CallRoute, Incoming, OpenKind, open};

/// How long a member is waited for that is asked what it runs.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

impl Mailbox {
    /// The checks of a receiver: link, place of the source, rate. The session has proved the origin and the number already.
    pub(super) async fn check(&self, session: &Session, route: &CallRoute) -> Result<Arc<ActiveLink>, Fault> {
        check_enrolment(session)?;
        let link = self.granting(route)?;
        self.check_origin(session, &link).await?;
        match link.limits.rate_per_second {
            Some(rate) if !self.rates.take(&link.id, &session.peer.member, rate, Instant::now()) => Err(Fault::new(
                FaultKind::Overloaded,
                format!("link `{}` allows {rate} calls a second", link.id),
            )),
            _ => Ok(link),
        }
    }

    /// The link of a call, from this member's own table, if it grants the call.
    pub(super) fn granting(&self, route: &CallRoute) -> Result<Arc<ActiveLink>, Fault> {
        let link = self.links.current().get(&route.link).cloned();
        let link = link.ok_or_else(|| {
            Fault::denied(format!(
                "link `{}` is not in force on {}",
                route.link, self.me.address.member
            ))
        })?;
        let claimed = Claimed {
            source: &route.source,
            target: &route.target,
            interface: &route.interface,
            function: &route.function,
        };
        check_link(&link, &claimed, &self.me.address.member)?;
        Ok(link)
    }

    /// Checks that the source lives where the call came from. A source that was started a moment ago may call before its host's heartbeat
    /// is here, so that the host is asked before it is told no.
    async fn check_origin(&self, session: &Session, link: &ActiveLink) -> Result<(), Fault> {
        let origin = || self.directory.run_of(&session.peer.member, session.peer.incarnation);
        let refused = |misplaced| match misplaced {
            Misplaced::Denied(fault) => fault,
            Misplaced::NotThere => Fault::denied(format!(
                "{} does not run on {}, where the call came from",
                link.source, session.peer.member
            )),
        };
        match check_origin(link, origin().as_deref()) {
            Err(Misplaced::NotThere) => {}
            checked => return checked.map_err(refused),
        }
        Box::pin(self.ask_presence(session)).await;
        check_origin(link, origin().as_deref()).map_err(refused)
    }

    async fn ask_presence(&self, session: &Session) {
        let peer = &session.peer;
        let mailbox = subject::mailbox(&self.me.lattice, &peer.member, peer.incarnation);
        let asked = self
            .bus
            .request(mailbox, Headers::new(), open::bare(OpenKind::Who), ASK_TIMEOUT)
            .await;
        match asked.as_ref().map(|answer| Incoming::parse(&answer.payload)) {
            Ok(Ok(Incoming::Open(OpenKind::Presence, presence))) => {
                self.announcer.heard(&presence);
            }
            Ok(_) => tracing::debug!(peer = %peer.member, "asked for its presence, it answered something else"),
            Err(RequestError::NoResponders { .. }) => {}
            Err(error) => tracing::debug!(peer = %peer.member, %error, "asked for its presence in vain"),
        }
    }
}

/// Checks that whoever made the session is enrolled as a host, by the token that the handshake verified.
pub(super) fn check_host(session: &Session) -> Result<(), Fault> {
    check_enrolment(session)?;
    match &session.token {
        Some(token) if token.kind == MemberKind::Host => Ok(()),
        _ => Err(Fault::denied(format!(
            "{} is no host, and only hosts may ask this of each other",
            session.peer.member
        ))),
    }
}

fn check_enrolment(session: &Session) -> Result<(), Fault> {
    match &session.token {
        Some(token) if token.has_ended(crate::trust::now()) => Err(Fault::denied(format!(
            "the enrolment of {} is over",
            session.peer.member
        ))),
        _ => Ok(()),
    }
}
