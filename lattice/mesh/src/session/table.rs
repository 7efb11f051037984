//! The sessions that others opened with this member.
//!
//! Bounded everywhere. A session counts only once its first frame was authenticated; until then it sits in a small waiting room, so that
//! replaying somebody's hello pushes out other replays and never a session in use. A member that opens too many pushes out its own.
//! A session pushed out is not an error: its caller is told "unknown session" and shakes hands again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use lattice_core::MemberId;

use super::Session;
use crate::wire::SessionId;

/// Unconfirmed sessions kept. When full: the oldest goes.
const WAITING_MAX: usize = 512;
/// Confirmed sessions kept. When full: the one unused for longest goes.
const CONFIRMED_MAX: usize = 8192;
/// Confirmed sessions kept per member. When full: the member's own, unused for longest, goes.
const PER_MEMBER_MAX: usize = 4;

/// Sessions by id.
#[derive(Debug, Default)]
pub(crate) struct SessionTable {
    waiting: HashMap<SessionId, Arc<Session>>,
    arrival: VecDeque<SessionId>,
    confirmed: HashMap<SessionId, Arc<Session>>,
    per_member: HashMap<MemberId, Vec<SessionId>>,
}

/// How far a session got.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// Its caller has proved that it holds the keys.
    Confirmed(Arc<Session>),
    /// Not yet.
    Waiting(Arc<Session>),
}

impl Standing {
    pub(crate) fn session(&self) -> &Arc<Session> {
        match self {
            Self::Confirmed(session) | Self::Waiting(session) => session,
        }
    }
}

impl SessionTable {
    /// Puts a fresh session in the waiting room.
    pub(crate) fn admit(&mut self, session: Arc<Session>) {
        if self.arrival.len() >= WAITING_MAX
            && let Some(oldest) = self.arrival.pop_front()
        {
            self.waiting.remove(&oldest);
        }
        self.arrival.push_back(session.id);
        self.waiting.insert(session.id, session);
    }

    /// Finds a session.
    pub(crate) fn get(&self, id: &SessionId) -> Option<Standing> {
        let confirmed = self.confirmed.get(id).cloned().map(Standing::Confirmed);
        confirmed.or_else(|| self.waiting.get(id).cloned().map(Standing::Waiting))
    }

    /// Moves a session out of the waiting room, after its first authenticated frame.
    pub(crate) fn confirm(&mut self, id: &SessionId) {
        let Some(session) = self.waiting.remove(id) else { return };
        self.arrival.retain(|waiting| waiting != id);
        let own = self.per_member.entry(session.peer.member.clone()).or_default();
        let surplus = if own.len() >= PER_MEMBER_MAX {
            least_used(own.iter().filter_map(|id| self.confirmed.get(id)))
        } else if self.confirmed.len() >= CONFIRMED_MAX {
            least_used(self.confirmed.values())
        } else {
            None
        };
        own.push(*id);
        self.confirmed.insert(*id, session);
        if let Some(surplus) = surplus {
            self.remove(&surplus);
        }
    }

    /// Drops the sessions that `keep` does not want, such as those whose token was revoked.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Session) -> bool) {
        let unwanted = |map: &HashMap<SessionId, Arc<Session>>| -> Vec<SessionId> {
            map.values()
                .filter(|session| !keep(session))
                .map(|session| session.id)
                .collect()
        };
        for id in unwanted(&self.confirmed) {
            self.remove(&id);
        }
        for id in unwanted(&self.waiting) {
            self.waiting.remove(&id);
            self.arrival.retain(|waiting| *waiting != id);
        }
    }

    fn remove(&mut self, id: &SessionId) {
        let Some(session) = self.confirmed.remove(id) else {
            return;
        };
        if let Some(own) = self.per_member.get_mut(&session.peer.member) {
            own.retain(|other| other != id);
            if own.is_empty() {
                self.per_member.remove(&session.peer.member);
            }
        }
    }
}

fn least_used<'a>(sessions: impl Iterator<Item = &'a Arc<Session>>) -> Option<SessionId> {
    sessions
        .min_by_key(|session| -> Instant { session.last_used() })
        .map(|session| session.id)
}

#[cfg(test)]
mod tests {
    use lattice_core::Incarnation;
    use nkeys::KeyPair;

    use super::*;
    use crate::identity::Address;
    use crate::session::handshake::Established;
    use crate::wire::MacKey;

    fn address() -> Address {
        let member = KeyPair::new_server().public_key().parse().expect("a host key");
        Address {
            member,
            incarnation: Incarnation::from(1),
        }
    }

    fn session(number: u16, peer: &Address) -> Arc<Session> {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let key = || MacKey::new([0; 32]);
        let peer = peer.clone();
        Arc::new(Session::asked(Established {
            id: SessionId(id),
            peer,
            outbound: key(),
            inbound: key(),
        }))
    }

    #[test]
    fn replayed_hellos_never_push_out_a_session_in_use() {
        let (mut table, peer) = (SessionTable::default(), address());
        let used = session(0, &peer);
        table.admit(used.clone());
        table.confirm(&used.id);
        for number in 1..2000 {
            table.admit(session(number, &peer));
        }
        assert!(matches!(table.get(&used.id), Some(Standing::Confirmed(_))));
        assert!(table.waiting.len() <= WAITING_MAX && table.arrival.len() == table.waiting.len());
    }

    #[test]
    fn a_member_with_many_sessions_pushes_out_its_own() {
        let (mut table, greedy, modest) = (SessionTable::default(), address(), address());
        let kept = session(0, &modest);
        table.admit(kept.clone());
        table.confirm(&kept.id);
        for number in 1..20 {
            let session = session(number, &greedy);
            table.admit(session.clone());
            table.confirm(&session.id);
            assert!(matches!(table.get(&session.id), Some(Standing::Confirmed(_))));
        }
        assert!(table.get(&kept.id).is_some());
        assert_eq!(table.per_member[&greedy.member].len(), PER_MEMBER_MAX);
        assert_eq!(table.confirmed.len(), PER_MEMBER_MAX + 1);
    }

    #[test]
    fn unwanted_sessions_go_at_once() {
        let (mut table, one, two) = (SessionTable::default(), address(), address());
        for (number, peer) in [(1, &one), (2, &two), (3, &one)] {
            table.admit(session(number, peer));
        }
        table.confirm(&session(1, &one).id);
        table.retain(|session| session.peer != one);
        assert!(table.get(&session(1, &one).id).is_none() && table.get(&session(3, &one).id).is_none());
        assert!(table.get(&session(2, &two).id).is_some());
        assert!(table.per_member.is_empty());
    }
}
