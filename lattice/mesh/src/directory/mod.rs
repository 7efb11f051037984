//! The directory: which members are there and what they run, from signed heartbeats.
//!
//! Nobody keeps it for the others. A member that joins asks once and is answered by all; from then on it listens.

mod roster;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::presence::{MemberKind, PresenceError};
use lattice_core::token::{VerifiedMember, verify_member};
use lattice_core::{Incarnation, LatticeId, MemberId, Party, Presence, Refusal, Trust, UnixSeconds};
use parking_lot::RwLock;
use tokio::sync::broadcast;

use crate::identity::Address;
use roster::Roster;
pub(crate) use roster::{Candidate, Heard};
pub use roster::{DirectoryChange, KnownMember};

/// Changes kept for a slow reader. When full: the oldest are lost to that reader, who is told so and looks at the whole again.
const CHANGES: usize = 512;

/// Which members are there and what they run.
#[derive(Debug)]
pub struct Directory {
    lattice: LatticeId,
    roster: RwLock<Roster>,
    changes: broadcast::Sender<DirectoryChange>,
}

/// Why a heartbeat was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// The heartbeat itself is wrong.
    #[error(transparent)]
    Presence(#[from] PresenceError),
    /// Its token is not good.
    #[error("the token of {member} is not accepted")]
    Token {
        /// Whose.
        member: MemberId,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// It says more than its token allows.
    #[error("{member} claims to be what its token does not let it be")]
    Overreach {
        /// Who.
        member: MemberId,
    },
}

impl HeartbeatError {
    /// The member that signed it, and why it is not believed; `None` when nobody is known to have signed it.
    pub(crate) fn episode(&self) -> Option<(MemberId, &'static str)> {
        match self {
            Self::Presence(PresenceError::Stale { member, .. }) => Some((member.clone(), "stale")),
            Self::Presence(_) => None,
            Self::Token { member, refusal } => Some((member.clone(), refusal.code())),
            Self::Overreach { member } => Some((member.clone(), "overreach")),
        }
    }
}

impl Directory {
    pub(crate) fn new(lattice: LatticeId, me: MemberId, lost_after: Duration) -> Self {
        let roster = RwLock::new(Roster::new(me, lost_after, Instant::now()));
        Self {
            lattice,
            roster,
            changes: broadcast::Sender::new(CHANGES),
        }
    }

    /// The last word of a member, if it is there.
    pub fn get(&self, member: &MemberId) -> Option<Arc<KnownMember>> {
        self.roster.read().get(member, Instant::now())
    }

    /// Everybody who is there, this member included, in the order of their ids.
    pub fn members(&self) -> Vec<Arc<KnownMember>> {
        self.roster.read().here(Instant::now())
    }

    /// The hosts who are there.
    pub fn hosts(&self) -> Vec<Arc<KnownMember>> {
        let mut members = self.members();
        members.retain(|member| member.presence.kind == MemberKind::Host);
        members
    }

    /// The hosts at sites who are not heard any more, without having said good-bye: lost, or cut off together with their site.
    pub fn away(&self) -> Vec<Arc<KnownMember>> {
        let mut away = self.roster.read().away();
        away.retain(|member| member.presence.kind == MemberKind::Host);
        away
    }

    /// Those who run `party`, draining or not.
    pub fn running(&self, party: &Party) -> Vec<Arc<KnownMember>> {
        let mut members = self.members();
        members.retain(|member| member.runs(party));
        members
    }

    /// Whether anybody runs `party`.
    pub fn is_running(&self, party: &Party) -> bool {
        self.roster.read().is_known(party)
    }

    /// Follows changes. A reader that falls behind gets `Lagged` and has to look at [`members`](Self::members) again.
    pub fn changes(&self) -> broadcast::Receiver<DirectoryChange> {
        self.changes.subscribe()
    }

    /// Takes in a heartbeat from anywhere.
    pub(crate) fn hear(&self, bytes: &[u8], trust: &Trust) -> Result<Heard, HeartbeatError> {
        let now = UnixSeconds::from(std::time::SystemTime::now());
        let presence = Presence::open(bytes, &self.lattice, now)?;
        let known = self
            .roster
            .read()
            .get(&presence.member, Instant::now())
            .map(|known| known.token.clone());
        let token = match known.filter(|known| *known.token == *presence.token) {
            // Seen before, so that only revocation and time are new.
            Some(token) => token.recheck(trust, now).map(|()| token),
            None => verify_member(&presence.token, trust, now).map(Arc::new),
        };
        let token = token.map_err(|refusal| HeartbeatError::Token {
            member: presence.member.clone(),
            refusal,
        })?;
        if !is_within(&presence, &token) {
            return Err(HeartbeatError::Overreach {
                member: presence.member,
            });
        }
        Ok(self.insert(KnownMember::new(presence, token)))
    }

    /// Takes in a heartbeat that was checked, such as our own.
    pub(crate) fn insert(&self, member: KnownMember) -> Heard {
        let heard = self.roster.write().hear(member, Instant::now());
        if let Heard::Change(change) = &heard {
            self.tell(change);
        }
        heard
    }

    /// Notices who has been silent for too long.
    pub(crate) fn sweep(&self) -> Vec<DirectoryChange> {
        let changes = self.roster.write().sweep(Instant::now());
        changes.iter().for_each(|change| self.tell(change));
        changes
    }

    /// Looks at every token again, after a change of trust.
    pub(crate) fn recheck(&self, trust: &Trust) -> Vec<DirectoryChange> {
        let now = UnixSeconds::from(std::time::SystemTime::now());
        let changes = self.roster.write().distrust(|token| token.recheck(trust, now).is_ok());
        changes.iter().for_each(|change| self.tell(change));
        changes
    }

    pub(crate) fn line(&self, up: bool) {
        self.roster.write().line(up, Instant::now());
    }

    pub(crate) fn suspect(&self, address: &Address) {
        self.roster.write().suspect(address);
    }

    pub(crate) fn run_of(&self, member: &MemberId, incarnation: Incarnation) -> Option<Arc<KnownMember>> {
        self.roster.read().run_of(member, incarnation)
    }

    pub(crate) fn candidates(&self, party: &Party) -> Vec<Candidate> {
        self.roster.read().candidates(party, Instant::now())
    }

    /// The members that could take in an actor of this name that lives nowhere: ready, and with replicas.
    pub fn takers(&self, party: &Party) -> Vec<MemberId> {
        self.roster.read().takers(party, Instant::now())
    }

    fn tell(&self, change: &DirectoryChange) {
        // Nobody listening is fine.
        let _ = self.changes.send(change.clone());
    }
}

/// Whether a member is what its token lets it be.
fn is_within(presence: &Presence, token: &VerifiedMember) -> bool {
    token.id == presence.member
        && token.kind == presence.kind
        && presence
            .providers
            .iter()
            .all(|placement| token.may_provide(&placement.name))
        && (presence.kind == MemberKind::Host || presence.actors.is_empty())
}
