//! All that can happen.

mod claims;
mod moves;
mod over;
mod sessions;
mod turns;

use std::collections::BTreeSet;

use stateright::{Model, Property};

use crate::host::{Activation, Copy, Host, Session};
use crate::records::{
    DirectoryRecord, HostNumber, Image, MoveId, Owner, Revision, SessionRecord, StateRecord, Store, Write,
};

/// The protocol, within bounds, and with at most one thing left out.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    pub(crate) hosts: u8,
    /// Additions, each of which clients ask for as often and as late as they like.
    pub(crate) calls: u8,
    pub(crate) bounds: Bounds,
    /// The search goes no further than this epoch.
    pub(crate) epochs_max: u8,
    pub(crate) flaw: Option<Flaw>,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    pub(crate) steals: u8,
    pub(crate) moves: u8,
    pub(crate) renewals: u8,
    pub(crate) crashes: u8,
    /// Answers that never come, and writes that come late or never.
    pub(crate) losses: u8,
}

/// What an implementation might leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A new owner serves what it read, without writing it back.
    NoFenceWrite,
    /// A session is fenced before its lease can have run out.
    NoLeaseWait,
    /// The target of a move serves as soon as it has the copy.
    PromotesItself,
    /// A new owner whose fence write was refused writes it again, whatever epoch it finds.
    FencesOverNewerEpoch,
    /// The source of a move goes on when its answer was lost and the directory is as it was.
    UnsealsWhenUnchanged,
    /// A host that dropped its activation takes it up again without a new epoch.
    ReactivatesInOldEpoch,
    /// The target of a move takes any copy for the one that was meant.
    TakesAnyCopy,
    /// The reply cache does not move.
    AnswersStayBehind,
}

/// All records, hosts and messages, and what clients were told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) hosts: Vec<Host>,
    /// Copies on their way to the target of a move. That a target drops one after a time is not modelled: it is one that never learns.
    copies: BTreeSet<(MoveId, HostNumber, HostNumber, Revision, Image)>,
    /// Somebody has read a session's record and wants the session ended. Who does not matter: that needs nothing of a host's own.
    steal: Option<Steal>,
    /// One bit for each addition that a client was told to be done.
    acknowledged: u8,
    left: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Steal {
    from: HostNumber,
    waited: bool,
}

/// One thing that happens. A message that is late is one whose arrival has not happened yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A renewal is stored and the host hears of it, or it is refused.
    Renew(HostNumber),
    RenewUnheard(HostNumber),
    OpenSession(HostNumber),
    Crash(HostNumber),

    Suspect(HostNumber),
    WaitOutLease,
    FenceSession,

    LookForClaim(HostNumber),
    Claim(HostNumber),
    ClaimUnheard(HostNumber),
    ReadState(HostNumber),
    FenceState(HostNumber),
    FenceStateUnheard(HostNumber),

    Execute(HostNumber, u8),
    StoreCommit(HostNumber),
    HearCommit(HostNumber),
    GiveUpCommit(HostNumber),
    AnswerAgain(HostNumber, u8),

    Seal(HostNumber, HostNumber),
    Stage(MoveId),
    Unseal(HostNumber),
    DropDoubtful(HostNumber),
    CommitMove(HostNumber),
    CommitMoveUnheard(HostNumber),
    Settle(HostNumber),
    LearnOfMove(HostNumber),
    ActivateStaged(HostNumber),

    /// A write arrives that nobody waits for any more.
    Arrive(Write),
}

impl Model for Ownership {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let session = Session {
            number: 1,
            revision: 1,
            leased: true,
        };
        let mut hosts = vec![
            Host {
                session: Some(session),
                ..Host::default()
            };
            usize::from(self.hosts)
        ];
        // It begins with an owner: how it came to be one is the same as for the next.
        let copy = Copy {
            epoch: 1,
            revision: 1,
            image: Image::default(),
        };
        hosts[0].activation = Activation::Serving { copy, commit: None };
        let record = SessionRecord {
            number: 1,
            fenced: false,
            revision: 1,
        };
        let store = Store {
            sessions: vec![record; usize::from(self.hosts)],
            directory: DirectoryRecord {
                owner: Some(Owner { host: 0, session: 1 }),
                by_move: None,
                revision: 1,
            },
            state: StateRecord {
                epoch: 1,
                image: Image::default(),
                revision: 1,
            },
            late: BTreeSet::new(),
            epoch_went_back: false,
        };
        vec![State {
            store,
            hosts,
            copies: BTreeSet::new(),
            steal: None,
            acknowledged: 0,
            left: self.bounds,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // Everything is offered; `next_state` refuses what cannot happen now. So each precondition is written once.
        for host in 0..self.hosts {
            actions.extend([
                Action::Renew(host),
                Action::RenewUnheard(host),
                Action::OpenSession(host),
                Action::Crash(host),
                Action::Suspect(host),
                Action::LookForClaim(host),
                Action::Claim(host),
                Action::ClaimUnheard(host),
                Action::ReadState(host),
                Action::FenceState(host),
                Action::FenceStateUnheard(host),
                Action::StoreCommit(host),
                Action::HearCommit(host),
                Action::GiveUpCommit(host),
                Action::Unseal(host),
                Action::DropDoubtful(host),
                Action::CommitMove(host),
                Action::CommitMoveUnheard(host),
                Action::Settle(host),
                Action::LearnOfMove(host),
                Action::ActivateStaged(host),
            ]);
            actions.extend(
                (0..self.calls).flat_map(|call| [Action::Execute(host, call), Action::AnswerAgain(host, call)]),
            );
            actions.extend(
                (0..self.hosts)
                    .filter(|to| *to != host)
                    .map(|to| Action::Seal(host, to)),
            );
        }
        actions.extend([Action::WaitOutLease, Action::FenceSession]);
        actions.extend(state.copies.iter().map(|copy| Action::Stage(copy.0)));
        actions.extend(state.store.late.iter().map(|write| Action::Arrive(*write)));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.act(action, self.flaw)?;
        state.forget_what_is_over(self.flaw);
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        // Two hosts that do not know that their sessions are over may claim the actor from each other for ever.
        state.store.directory.revision <= self.epochs_max
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(EPOCHS_IN_ORDER, |_, state: &State| !state.store.epoch_went_back),
            Property::always(DONE_ONCE, |model: &Self, state: &State| {
                let image = state.store.state.image;
                (0..model.calls).all(|call| match image.times(call) {
                    0 => !state.is_acknowledged(call),
                    times => times == 1,
                })
            }),
            // A read is held against every moment in which it could be released, so reads need no steps of their own. That one is
            // executed earlier than it is released makes it no worse: it must hold what was acknowledged before it began.
            Property::always(READS_HOLD, |model: &Self, state: &State| {
                state
                    .releasing_reads()
                    .all(|copy| (0..model.calls).all(|call| !state.is_acknowledged(call) || copy.image.times(call) > 0))
            }),
            Property::always(ONE_RELEASES, |_, state: &State| state.releasing_reads().count() <= 1),
            // That the search gets somewhere.
            Property::sometimes(STOLEN, |model: &Self, state: &State| {
                state.all_done_by(model, |directory| directory.by_move.is_none() && directory.revision > 1)
            }),
            Property::sometimes(MOVED, |model: &Self, state: &State| {
                state.all_done_by(model, |directory| directory.by_move.is_some())
            }),
        ]
    }
}

pub(crate) const EPOCHS_IN_ORDER: &str = "no epoch commits after a newer one";
pub(crate) const DONE_ONCE: &str = "what was acknowledged is done, and nothing is done twice";
pub(crate) const READS_HOLD: &str = "a read holds what was acknowledged before";
pub(crate) const ONE_RELEASES: &str = "at most one host releases reads";
pub(crate) const STOLEN: &str = "a stolen actor does everything";
pub(crate) const MOVED: &str = "a moved actor does everything";

impl State {
    fn is_acknowledged(&self, call: u8) -> bool {
        self.acknowledged >> call & 1 == 1
    }

    /// The copies of which reads could be released now.
    fn releasing_reads(&self) -> impl Iterator<Item = &Copy> {
        let leased = |host: &&Host| host.session.is_some_and(|session| session.leased);
        self.hosts.iter().filter(leased).filter_map(Host::serving)
    }

    fn all_done_by(&self, model: &Ownership, how: impl Fn(&DirectoryRecord) -> bool) -> bool {
        let directory = &self.store.directory;
        (0..model.calls).all(|call| self.is_acknowledged(call))
            && how(directory)
            && self.store.state.epoch == directory.revision
            && self.releasing_reads().any(|copy| copy.epoch == directory.revision)
    }

    /// Lets it happen, or tells that it cannot.
    fn act(&mut self, action: Action, flaw: Option<Flaw>) -> Option<()> {
        match action {
            Action::Renew(host) => self.renew(host),
            Action::RenewUnheard(host) => self.renew_unheard(host),
            Action::OpenSession(host) => self.open_session(host),
            Action::Crash(host) => self.crash(host),
            Action::Suspect(host) => self.suspect(host),
            Action::WaitOutLease => self.wait_out_lease(),
            Action::FenceSession => self.fence_session(flaw),
            Action::LookForClaim(host) => self.look_for_claim(host, flaw),
            Action::Claim(host) => self.claim(host),
            Action::ClaimUnheard(host) => self.claim_unheard(host),
            Action::ReadState(host) => self.read_state(host, flaw),
            Action::FenceState(host) => self.fence_state(host),
            Action::FenceStateUnheard(host) => self.fence_state_unheard(host),
            Action::Execute(host, call) => self.execute(host, call),
            Action::StoreCommit(host) => self.store_commit(host),
            Action::HearCommit(host) => self.hear_commit(host),
            Action::GiveUpCommit(host) => self.give_up_commit(host),
            Action::AnswerAgain(host, call) => self.answer_again(host, call),
            Action::Seal(host, to) => self.seal(host, to, flaw),
            Action::Stage(id) => self.stage(id),
            Action::Unseal(host) => self.unseal(host),
            Action::DropDoubtful(host) => self.drop_doubtful(host),
            Action::CommitMove(host) => self.commit_move(host),
            Action::CommitMoveUnheard(host) => self.commit_move_unheard(host),
            Action::Settle(host) => self.settle(host, flaw),
            Action::LearnOfMove(host) => self.learn_of_move(host, flaw),
            Action::ActivateStaged(host) => self.activate_staged(host),
            Action::Arrive(write) => {
                self.store.late.remove(&write);
                self.store.apply(write).map(drop)
            }
        }
    }

    fn host(&mut self, host: HostNumber) -> &mut Host {
        &mut self.hosts[usize::from(host)]
    }
}

/// Takes one from what is left, if anything is.
fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}
