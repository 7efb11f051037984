//! Where a call to a stateful actor goes next. A pure decision: it is told what was heard, and says what to do.
//!
//! The actor lives on one member, which can only be guessed: it may move, or its member may die, while the call is on its way. Asking in the
//! wrong place costs time and nothing else, since whoever is asked knows the call by its name. So the call goes first to the last known
//! owner, then where those who do not have the actor point to, and else to those who may run it, in an order that all callers agree on.
//!
//! A member that says nothing at all may be frozen. After a while another one is asked besides, who will either point back or take over.

use std::collections::HashSet;
use std::time::Duration;

use lattice_core::{Fault, FaultKind, MemberId};

/// After so long a silence another member is asked besides, and again after the next.
const SILENCE: Duration = Duration::from_secs(1);
/// Members asked at a time: the one that is silent, and one more.
const AT_A_TIME: usize = 2;
/// The first and the longest pause when all that could be asked was asked in vain, or members point at each other.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask this member.
    Ask {
        member: MemberId,
        /// Whether to say that the owner could not be reached.
        owner_unreachable: bool,
    },
    /// Wait so long, or for what comes from those who were asked.
    Wait(Duration),
}

/// What a fault means for the call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the answer.
    Answer(Fault),
    /// The call goes on.
    GoOn,
}

/// How things stood when a fault came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Whether all of the body is still there.
    pub(super) whole: bool,
    /// Whether our own line is up; without it nobody can be reached, which says nothing about the owner.
    pub(super) connected: bool,
}

/// One call on its way to one actor.
#[derive(Debug)]
pub(super) struct Pursuit {
    me: MemberId,
    /// Whether the body can be sent to two members at a time.
    repeatable: bool,
    /// Where the actor should be, by the last who knew.
    hint: Option<MemberId>,
    /// Who was asked and has said nothing yet.
    out: Vec<MemberId>,
    /// Who is not asked again before the others were.
    skipped: Vec<MemberId>,
    /// Who was ever asked in vain.
    in_vain: HashSet<MemberId>,
    owner_unreachable: bool,
    /// Whether those asked have been silent for long enough.
    silent: bool,
    pause_due: bool,
    pauses: u32,
    /// The last fault that leaves open whether the call has run.
    unknown: Option<Fault>,
    last: Option<Fault>,
}

impl Pursuit {
    /// Begins with the last known owner.
    pub(super) fn new(me: MemberId, owner: Option<MemberId>, repeatable: bool) -> Self {
        Self {
            me,
            repeatable,
            hint: owner,
            out: Vec::new(),
            skipped: Vec::new(),
            in_vain: HashSet::new(),
            owner_unreachable: false,
            silent: false,
            pause_due: false,
            pauses: 0,
            unknown: None,
            last: None,
        }
    }

    /// What to do now. `is_here` knows who is there, `order` who may run the actor, best first; `dice` is any random number.
    pub(super) fn next(
        &mut self,
        is_here: impl Fn(&MemberId) -> bool,
        order: impl FnOnce() -> Vec<MemberId>,
        dice: u64,
    ) -> Next {
        if std::mem::take(&mut self.pause_due) {
            return self.pause(dice);
        }
        if let Some(hint) = self.hint.take() {
            if is_here(&hint) {
                return self.ask(hint);
            }
            self.in_vain.insert(hint);
            self.owner_unreachable = true;
        }
        let waiting = !self.out.is_empty();
        if waiting && !(std::mem::take(&mut self.silent) && self.may_ask_another()) {
            return Next::Wait(SILENCE);
        }
        let free = |member: &MemberId| !self.out.contains(member) && !self.skipped.contains(member);
        match order().into_iter().find(free) {
            Some(member) => self.ask(member),
            None => {
                self.skipped.clear();
                if waiting { Next::Wait(SILENCE) } else { self.pause(dice) }
            }
        }
    }

    /// Takes note that the time to wait is over.
    pub(super) fn waited(&mut self) {
        self.silent = !self.out.is_empty();
    }

    /// Takes note of what a member said that has no reply for us.
    pub(super) fn heard(&mut self, by: &MemberId, fault: Fault, standing: Standing) -> Verdict {
        self.out.retain(|member| member != by);
        self.silent = false;
        match fault.kind {
            // It cannot be made again.
            FaultKind::NotHere | FaultKind::NoResponders | FaultKind::Draining | FaultKind::Unreachable
                if !standing.whole =>
            {
                return Verdict::Answer(fault);
            }
            FaultKind::NotHere => match &fault.moved_to {
                // Who was asked first has it, and is slow.
                Some(owner) if self.out.contains(owner) => {}
                Some(owner) => {
                    let in_circles = owner == by || self.in_vain.contains(owner);
                    // As long as somebody else is at work there is no hurry to go round once more.
                    if !in_circles || self.out.is_empty() {
                        self.hint = Some(owner.clone());
                        self.pause_due = in_circles;
                    }
                }
                None => self.skipped.push(by.clone()),
            },
            FaultKind::NoResponders | FaultKind::Draining | FaultKind::Unreachable => {
                self.owner_unreachable |= standing.connected;
                self.skipped.push(by.clone());
                if fault.kind == FaultKind::Unreachable {
                    self.unknown = Some(fault.clone());
                }
            }
            FaultKind::Overloaded if !self.out.is_empty() => self.skipped.push(by.clone()),
            // Neither may hide that the call may have run.
            FaultKind::Overloaded | FaultKind::DeadlineExceeded => {
                return Verdict::Answer(self.unknown.take().unwrap_or(fault));
            }
            _ => return Verdict::Answer(fault),
        }
        self.in_vain.insert(by.clone());
        self.last = Some(fault);
        Verdict::GoOn
    }

    /// Whether anybody was asked yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.out.is_empty() && self.in_vain.is_empty()
    }

    /// What to say when the deadline has passed: the most that is known, but never that nothing ran when something may have.
    pub(super) fn too_late(self) -> Fault {
        let nothing_out = self.out.is_empty();
        self.unknown
            .or(self.last.filter(|_| nothing_out))
            .unwrap_or_else(super::too_late)
    }

    fn ask(&mut self, member: MemberId) -> Next {
        let owner_unreachable = self.owner_unreachable || !self.out.is_empty();
        self.out.push(member.clone());
        Next::Ask {
            member,
            owner_unreachable,
        }
    }

    /// This member is not silent to itself, only slow.
    fn may_ask_another(&self) -> bool {
        self.repeatable && self.out.len() < AT_A_TIME && !self.out.contains(&self.me)
    }

    /// Twice as long each time, and half of it by chance, so that callers do not come back all at once.
    fn pause(&mut self, dice: u64) -> Next {
        let whole = PAUSE_MIN.saturating_mul(1 << self.pauses.min(16)).min(PAUSE_MAX);
        self.pauses += 1;
        let half = whole / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        Next::Wait(half + Duration::from_nanos(dice % nanos.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;
    use proptest::prelude::*;

    use super::*;

    const FINE: Standing = Standing {
        whole: true,
        connected: true,
    };

    /// A call to an actor that `members` may run, in this order; the caller is none of them.
    struct Chase {
        pursuit: Pursuit,
        members: Vec<MemberId>,
        here: Vec<MemberId>,
    }

    fn member() -> MemberId {
        KeyPair::new_server().public_key().parse().expect("a host key")
    }

    impl Chase {
        fn new(owner: Option<usize>) -> Self {
            let members: Vec<_> = (0..3).map(|_| member()).collect();
            let owner = owner.map(|owner| members[owner].clone());
            Self {
                pursuit: Pursuit::new(member(), owner, true),
                here: members.clone(),
                members,
            }
        }

        fn next(&mut self) -> Next {
            let (here, members) = (&self.here, &self.members);
            self.pursuit
                .next(|member| here.contains(member), || members.clone(), u64::MAX)
        }

        /// Expects that this one is asked, and whether it is told that the owner could not be reached.
        #[track_caller]
        fn asks(&mut self, number: usize, owner_unreachable: bool) {
            let member = self.members[number].clone();
            let expect = Next::Ask {
                member,
                owner_unreachable,
            };
            assert_eq!(self.next(), expect, "of {:?}", self.members);
        }

        #[track_caller]
        fn waits(&mut self) -> Duration {
            match self.next() {
                Next::Wait(pause) => pause,
                other => panic!("{other:?} instead of waiting"),
            }
        }

        #[track_caller]
        fn silence(&mut self) {
            assert_eq!(self.waits(), SILENCE);
            self.pursuit.waited();
        }

        fn says(&mut self, number: usize, fault: Fault) -> Verdict {
            self.pursuit.heard(&self.members[number], fault, FINE)
        }

        #[track_caller]
        fn goes_on(&mut self, number: usize, kind: FaultKind) {
            assert_eq!(self.says(number, Fault::new(kind, "no")), Verdict::GoOn);
        }

        #[track_caller]
        fn points(&mut self, from: usize, to: usize) {
            let to = self.members[to].clone();
            assert_eq!(self.says(from, Fault::not_here("moved", Some(to))), Verdict::GoOn);
        }
    }

    #[test]
    fn asks_the_known_owner_first_and_follows_the_actor() {
        let mut chase = Chase::new(Some(2));
        chase.asks(2, false);
        chase.points(2, 1);
        chase.asks(1, false);
        assert_eq!(chase.waits(), SILENCE);
    }

    #[test]
    fn an_owner_that_is_not_there_is_not_asked() {
        let mut chase = Chase::new(Some(2));
        chase.here.pop();
        chase.asks(0, true);
    }

    #[test]
    fn without_a_known_owner_the_candidates_are_asked_in_order_with_a_pause_after_each_round() {
        let mut chase = Chase::new(None);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            for number in 0..3 {
                chase.asks(number, false);
                chase.goes_on(number, FaultKind::NotHere);
            }
            pauses.push(chase.waits());
        }
        assert!(
            pauses[0] <= PAUSE_MIN && pauses[7] <= PAUSE_MAX && pauses[7] >= PAUSE_MAX / 2,
            "{pauses:?}"
        );
    }

    #[test]
    fn whoever_cannot_be_reached_is_reported_to_the_next() {
        for kind in [FaultKind::NoResponders, FaultKind::Draining, FaultKind::Unreachable] {
            let mut chase = Chase::new(Some(0));
            chase.asks(0, false);
            chase.goes_on(0, kind);
            chase.asks(1, true);
            // Who still believes in the lost owner sends us there once; from then on there is a pause before each turn.
            chase.points(1, 0);
            assert!(chase.waits() <= PAUSE_MIN);
            chase.asks(0, true);
            chase.goes_on(0, kind);
            chase.asks(1, true);
        }
    }

    #[test]
    fn our_own_line_being_down_says_nothing_about_the_owner() {
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        let offline = Standing {
            connected: false,
            ..FINE
        };
        let fault = Fault::new(FaultKind::NoResponders, "offline");
        let owner = chase.members[0].clone();
        assert_eq!(chase.pursuit.heard(&owner, fault, offline), Verdict::GoOn);
        chase.asks(1, false);
    }

    #[test]
    fn two_that_point_at_each_other_are_asked_ever_more_slowly() {
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        chase.points(0, 1);
        let mut pauses = Vec::new();
        for (this, other) in [(1, 0), (0, 1), (1, 0), (0, 1)] {
            chase.asks(this, false);
            chase.points(this, other);
            pauses.push(chase.waits());
        }
        assert!(pauses.is_sorted() && pauses[3] > pauses[0], "{pauses:?}");
    }

    #[test]
    fn a_silent_owner_gets_company_and_again_when_the_other_points_back() {
        let mut chase = Chase::new(Some(1));
        chase.asks(1, false);
        chase.silence();
        chase.asks(0, true);
        // Two are enough.
        chase.silence();
        assert_eq!(chase.waits(), SILENCE);
        chase.points(0, 1);
        chase.silence();
        chase.asks(0, true);
        // The silent one may turn out to be gone while the other is at work.
        chase.goes_on(1, FaultKind::Unreachable);
        assert_eq!(chase.waits(), SILENCE);
    }

    #[test]
    fn company_that_knows_a_third_place_is_followed_at_once() {
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        chase.silence();
        chase.asks(1, true);
        chase.points(1, 2);
        chase.asks(2, true);
    }

    #[test]
    fn company_that_is_busy_answers_nothing() {
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        chase.silence();
        chase.asks(1, true);
        chase.goes_on(1, FaultKind::Overloaded);
        chase.silence();
        chase.asks(2, true);
    }

    #[test]
    fn this_member_and_a_stream_get_no_company() {
        let mut own = Chase::new(Some(0));
        own.pursuit.me = own.members[0].clone();
        let mut stream = Chase::new(Some(0));
        stream.pursuit.repeatable = false;
        for mut chase in [own, stream] {
            chase.asks(0, false);
            chase.silence();
            assert_eq!(chase.waits(), SILENCE);
        }
    }

    #[test]
    fn everything_else_is_the_answer() {
        for kind in FaultKind::ALL {
            let mut chase = Chase::new(Some(0));
            chase.asks(0, false);
            let goes_on = matches!(
                kind,
                FaultKind::NotHere | FaultKind::NoResponders | FaultKind::Draining | FaultKind::Unreachable
            );
            let verdict = chase.says(0, Fault::new(kind, "no"));
            assert_eq!(verdict == Verdict::GoOn, goes_on, "{kind}");
        }
    }

    #[test]
    fn a_body_that_was_read_ends_it() {
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        let (owner, fault) = (chase.members[0].clone(), Fault::new(FaultKind::Unreachable, "lost"));
        let read = Standing { whole: false, ..FINE };
        assert_eq!(chase.pursuit.heard(&owner, fault.clone(), read), Verdict::Answer(fault));
    }

    #[test]
    fn what_may_have_run_is_never_said_not_to_have() {
        let lost = Fault::new(FaultKind::Unreachable, "lost");
        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        assert_eq!(chase.says(0, lost.clone()), Verdict::GoOn);
        chase.asks(1, true);
        let busy = Fault::new(FaultKind::Overloaded, "busy");
        assert_eq!(chase.says(1, busy), Verdict::Answer(lost.clone()));

        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        assert_eq!(chase.says(0, lost.clone()), Verdict::GoOn);
        chase.asks(1, true);
        chase.goes_on(1, FaultKind::NotHere);
        assert_eq!(chase.pursuit.too_late(), lost);

        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        chase.goes_on(0, FaultKind::NotHere);
        chase.asks(1, false);
        assert_eq!(chase.pursuit.too_late().kind, FaultKind::DeadlineExceeded);

        let mut chase = Chase::new(Some(0));
        chase.asks(0, false);
        chase.goes_on(0, FaultKind::NotHere);
        assert_eq!(chase.pursuit.too_late().kind, FaultKind::NotHere);
    }

    proptest! {
        /// Whatever is said: nobody is asked twice at a time, no more than two are, and there is always a pause before long.
        #[test]
        fn never_spins(words in prop::collection::vec((0..3_usize, 0..8_u8, any::<bool>()), 1..200)) {
            let mut chase = Chase::new(Some(0));
            let mut asked: Vec<MemberId> = Vec::new();
            for (pick, word, wait) in words {
                for step in 0.. {
                    prop_assert!(step < 8, "asks and asks");
                    match chase.next() {
                        Next::Ask { member, .. } => {
                            prop_assert!(!asked.contains(&member) && asked.len() < AT_A_TIME);
                            asked.push(member);
                        }
                        Next::Wait(_) => break,
                    }
                }
                if wait || asked.is_empty() {
                    chase.pursuit.waited();
                    continue;
                }
                let by = asked.swap_remove(pick % asked.len());
                let fault = match word {
                    0..3 => Fault::not_here("moved", Some(chase.members[usize::from(word)].clone())),
                    3 => Fault::not_here("gone", None),
                    4 => Fault::new(FaultKind::NoResponders, "gone"),
                    5 => Fault::new(FaultKind::Unreachable, "lost"),
                    6 => Fault::new(FaultKind::Draining, "going"),
                    _ => Fault::not_here("moved", Some(member())),
                };
                prop_assert_eq!(chase.pursuit.heard(&by, fault, FINE), Verdict::GoOn);
            }
        }
    }
}
