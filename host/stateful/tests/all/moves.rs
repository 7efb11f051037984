//! Actors change hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lattice_core::stateful::Cause;
use lattice_core::{Durability, Stateful};
use lattice_stateful::MoveError;

use crate::world::{Counter, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_moves_to_and_fro_under_load_and_nothing_is_lost_or_doubled() {
    for durability in [Durability::Commit, Durability::Volatile, Durability::Checkpoint(50)] {
        let world = Arc::new(World::start().await);
        let policy = Stateful {
            durability,
            ..Stateful::default()
        };
        let kind = Counter::new("v1", policy);
        let (one, other) = (world.host(kind.clone()).await, world.host(kind.clone()).await);
        world.call("a", "add 0").await;
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..8)
            .map(|_| {
                let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut added = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        world.call("a", "add 1").await;
                        added += 1;
                    }
                    added
                })
            })
            .collect();
        let (mut from, mut to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
        for _ in 0..20 {
            let moved = from.move_to("a", to).await.expect("moved");
            assert!(moved.pause < Duration::from_secs(2), "{moved:?}");
            std::mem::swap(&mut from, &mut to);
        }
        stop.store(true, Ordering::Relaxed);
        let mut added = 0;
        for client in load {
            added += client.await.expect("no panic");
        }
        assert_eq!(world.call("a", "get").await, added.to_string(), "{durability:?}");
        let causes: Vec<_> = kind.woken.lock().iter().map(|waking| waking.cause).collect();
        assert_eq!(
            causes.iter().filter(|cause| **cause == Cause::Migrated).count(),
            20,
            "{causes:?}"
        );
        let epochs: Vec<_> = kind.woken.lock().iter().map(|waking| waking.epoch).collect();
        assert!(epochs.is_sorted(), "{epochs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_at_rest_moves_as_well() {
    let world = World::start().await;
    let policy = Stateful {
        idle_after_ms: 100,
        ..Stateful::default()
    };
    let kind = Counter::new("v1", policy);
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    world.call("a", "add 3").await;
    let (from, to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    lattice_testkit::eventually("rest", crate::world::LIMIT, async || (!from.has("a")).then_some(())).await;
    // There, back and there again: whoever had it before does not send callers after where it went then.
    from.move_to("a", to).await.expect("moved");
    to.move_to("a", from).await.expect("moved back");
    from.move_to("a", to).await.expect("moved again");
    assert_eq!(world.call("a", "get").await, "3");
    assert!(to.has("a") && !from.has("a"));
    let again = from.move_to("a", to).await.expect_err("it is there");
    assert!(matches!(again, MoveError::AlreadyThere), "{again:?}");
    let back = from.move_to("b", to).await.expect_err("never lived");
    assert!(matches!(back, MoveError::NotHere(None)), "{back:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_is_called_while_it_moves_at_rest_lives_once() {
    let world = World::start().await;
    let policy = Stateful {
        idle_after_ms: 50,
        ..Stateful::default()
    };
    let kind = Counter::new("v1", policy);
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    world.call("a", "add 0").await;
    let (mut from, mut to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    for round in (0..60).step_by(2) {
        lattice_testkit::eventually("rest", crate::world::LIMIT, async || (!from.has("a")).then_some(())).await;
        // Whoever is asked has it, or knows who does; nobody has it twice.
        let (moved, _) = tokio::join!(from.move_to("a", to), from.ask("a", "get"));
        moved.expect("moved");
        assert_eq!(to.ask("a", "add 1").await.expect("it is here"), (round + 1).to_string());
        let fault = from.ask("a", "get").await.expect_err("it is not here any more");
        assert_eq!(fault.moved_to.as_ref(), Some(&to.id), "{fault}");
        assert_eq!(world.call("a", "add 1").await, (round + 2).to_string());
        std::mem::swap(&mut from, &mut to);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_travel_stays_and_goes_on() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    let host_of = |key: &str| if one.has(key) { (&one, &other) } else { (&other, &one) };

    world.call("holds", "add 1").await;
    world.call("holds", "hold").await;
    let (from, to) = host_of("holds");
    let error = from.move_to("holds", to).await.expect_err("it holds something");
    assert!(error.to_string().contains("a bucket"), "{error}");
    assert_eq!(world.call("holds", "add 1").await, "2");
    assert!(from.has("holds"));

    world.call("slow", "add 1").await;
    let (from, to) = host_of("slow");
    let error = from
        .move_within("slow", to, Duration::ZERO)
        .await
        .expect_err("too slow");
    assert!(matches!(error, MoveError::TooSlow { .. }), "{error}");
    assert_eq!(world.call("slow", "add 1").await, "2");

    world.call("gone", "add 1").await;
    let (from, to) = host_of("gone");
    to.vanish();
    let error = from.move_to("gone", to).await.expect_err("nobody there");
    assert!(matches!(error, MoveError::Unreachable(_)), "{error}");
    assert_eq!(world.call("gone", "add 1").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_moves_with_all_that_it_owes() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    world.call("a", "pad 700000").await;
    world.call("a", "cell x").await;
    world.call("a", "remind 60000").await;
    let (from, to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    let moved = from.move_to("a", to).await.expect("moved");
    assert!(moved.bytes > 700_000);
    assert_eq!(world.call("a", "cell?").await, "x");
    let found = to.runtime.find(&actor("a")).await.expect("read").expect("known");
    assert_eq!((found.owner.as_ref(), found.epoch), (Some(&to.id), moved.epoch));
    assert!(found.reminder_ms.is_some());
}
