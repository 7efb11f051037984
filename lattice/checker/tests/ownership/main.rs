//! The ownership of stateful actors, searched exhaustively within small bounds.
//!
//! The protocol, as it is modelled. Every record is changed by compare-and-swap only.
//!
//! * A host has a *session*, whose record it renews. Who wants its actors reads the record, waits until the lease of the renewal that it
//!   read must have run out, and then fences the session; a renewal in between makes that fail. A host that finds itself fenced forgets
//!   everything before it opens the next session.
//! * The *directory* says who owns an actor, in which session; its revision is the epoch. A host claims an actor that nobody owns in a
//!   session that lasts, and one that it owns itself but does not serve: each activation has an epoch of its own.
//! * A new owner writes the *state* back with its epoch before it serves. It gives up where it finds a newer epoch than its own.
//! * An addition is executed in memory and acknowledged once it is stored; one whose answer is known is answered from the stored reply
//!   cache. A refused commit ends the activation. A read is released from what is stored, while the lease lasts.
//! * A *move* seals the source, copies, and writes the directory. The target serves once the directory names it and the very move by which
//!   it got its copy; it needs no fence write, since the source has nothing under way. When the source does not hear whether the
//!   directory was written, it writes its own name there with a new epoch, which goes wrong if the other write was first and makes it go wrong
//!   if not.
//!
//! Each of these that was left out once is a [`Flaw`], and the search must find what breaks. It also shows that the model can see it.

mod host;
mod model;
mod records;

use stateright::{Checker, HasDiscoveries, Model};

use model::{Bounds, DONE_ONCE, EPOCHS_IN_ORDER, Flaw, MOVED, ONE_RELEASES, Ownership, READS_HOLD, STOLEN};

const NOTHING: Bounds = Bounds {
    steals: 0,
    moves: 0,
    renewals: 0,
    crashes: 0,
    losses: 0,
};

/// Searches everything within the bounds. What the model must be able to do is named, so that it does not hold its promises by
/// standing still.
#[track_caller]
fn holds(hosts: u8, calls: u8, bounds: Bounds, happens: &[&'static str]) {
    let model = Ownership {
        hosts,
        calls,
        bounds,
        epochs_max: 5,
        flaw: None,
    };
    let checker = model
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{} states, at most {} steps deep",
        checker.unique_state_count(),
        checker.max_depth()
    );
    for property in [EPOCHS_IN_ORDER, DONE_ONCE, READS_HOLD, ONE_RELEASES] {
        if let Some(path) = checker.discovery(property) {
            panic!("not so: {property}\n{:#?}", path.into_actions());
        }
    }
    for property in happens {
        assert!(checker.discovery(property).is_some(), "never: {property}");
    }
}

/// Searches until a promise is broken: in the breadth, so after few steps.
#[track_caller]
fn breaks(flaw: Flaw, hosts: u8, bounds: Bounds, broken: &[&'static str]) {
    let model = Ownership {
        hosts,
        calls: 1,
        bounds,
        epochs_max: 5,
        flaw: Some(flaw),
    };
    let checker = model
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = broken.iter().find_map(|property| checker.discovery(property));
    let path = found.unwrap_or_else(|| panic!("{flaw:?} was not found in {} states", checker.unique_state_count()));
    println!(
        "{flaw:?} after {} states: {:?}",
        checker.unique_state_count(),
        path.into_actions()
    );
}

#[test]
fn two_hosts_steal_from_each_other() {
    holds(
        2,
        2,
        Bounds {
            steals: 2,
            renewals: 1,
            losses: 1,
            ..NOTHING
        },
        &[STOLEN],
    );
}

#[test]
fn two_hosts_move_there_and_back() {
    holds(
        2,
        2,
        Bounds {
            moves: 2,
            losses: 2,
            ..NOTHING
        },
        &[MOVED],
    );
}

#[test]
fn two_hosts_move_while_they_steal() {
    holds(
        2,
        1,
        Bounds {
            steals: 2,
            moves: 2,
            renewals: 1,
            losses: 1,
            ..NOTHING
        },
        &[STOLEN, MOVED],
    );
}

#[test]
fn a_host_crashes() {
    holds(
        2,
        1,
        Bounds {
            steals: 1,
            moves: 1,
            renewals: 1,
            crashes: 1,
            losses: 1,
        },
        &[STOLEN, MOVED],
    );
}

#[test]
fn three_hosts_steal_and_move() {
    holds(
        3,
        1,
        Bounds {
            steals: 2,
            moves: 1,
            renewals: 1,
            losses: 1,
            ..NOTHING
        },
        &[STOLEN, MOVED],
    );
}

#[test]
fn without_the_fence_write_a_commit_comes_behind_the_new_owner() {
    breaks(Flaw::NoFenceWrite, 2, Bounds { steals: 1, ..NOTHING }, &[READS_HOLD]);
}

#[test]
fn without_the_lease_wait_two_release_reads() {
    breaks(
        Flaw::NoLeaseWait,
        2,
        Bounds { steals: 1, ..NOTHING },
        &[ONE_RELEASES, READS_HOLD],
    );
}

#[test]
fn a_target_that_promotes_itself_is_a_second_owner() {
    breaks(
        Flaw::PromotesItself,
        2,
        Bounds { moves: 1, ..NOTHING },
        &[ONE_RELEASES, READS_HOLD],
    );
}

#[test]
fn a_slow_claimant_must_not_fence_over_a_newer_epoch() {
    let bounds = Bounds {
        steals: 2,
        losses: 1,
        ..NOTHING
    };
    breaks(Flaw::FencesOverNewerEpoch, 3, bounds, &[EPOCHS_IN_ORDER]);
}

#[test]
fn an_unchanged_directory_does_not_mean_that_a_move_failed() {
    breaks(
        Flaw::UnsealsWhenUnchanged,
        2,
        Bounds {
            moves: 1,
            losses: 1,
            ..NOTHING
        },
        &[ONE_RELEASES, READS_HOLD],
    );
}

#[test]
fn an_activation_taken_up_again_needs_a_new_epoch() {
    breaks(
        Flaw::ReactivatesInOldEpoch,
        2,
        Bounds {
            moves: 1,
            losses: 1,
            ..NOTHING
        },
        &[ONE_RELEASES, READS_HOLD],
    );
}

#[test]
fn a_target_must_know_the_copy_that_was_meant() {
    breaks(Flaw::TakesAnyCopy, 2, Bounds { moves: 2, ..NOTHING }, &[READS_HOLD]);
}

#[test]
fn without_its_reply_cache_a_moved_actor_does_things_twice() {
    breaks(Flaw::AnswersStayBehind, 2, Bounds { moves: 1, ..NOTHING }, &[DONE_ONCE]);
}
