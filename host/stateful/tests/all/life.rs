//! One actor: turns, storing, rest.

use std::time::Duration;

use lattice_core::stateful::Cause;
use lattice_core::{Durability, FaultKind, Stateful};
use lattice_testkit::eventually;
use uuid::Uuid;

use crate::world::{Counter, LIMIT, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn turns_add_up_and_survive_rest() {
    let world = World::start().await;
    let policy = Stateful {
        idle_after_ms: 200,
        ..Stateful::default()
    };
    let kind = Counter::new("v1", policy);
    let host = world.host(kind.clone()).await;
    assert_eq!(world.call("a", "add 2").await, "2");
    assert_eq!(world.call("a", "add 3").await, "5");
    assert_eq!(world.call("b", "get").await, "0");
    world.call("a", "cell x").await;
    eventually("both to rest", LIMIT, async || {
        host.runtime.live().is_empty().then_some(())
    })
    .await;
    assert_eq!(host.runtime.live_count(), 0);
    assert_eq!(world.call("a", "get").await, "5");
    assert_eq!(world.call("a", "cell?").await, "x");
    let causes: Vec<_> = kind.woken.lock().iter().map(|waking| waking.cause).collect();
    assert_eq!(causes, [Cause::Created, Cause::Created, Cause::Reactivated]);
    let found = host.runtime.find(&actor("a")).await.expect("read").expect("known");
    assert_eq!(found.owner.as_ref(), Some(&host.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_of_one_actor_share_writes_and_lose_nothing() {
    let world = World::start().await;
    let host = world.host(Counter::new("v1", Stateful::default())).await;
    let calls = (0..500).map(|_| world.call("a", "add 1"));
    let mut answers: Vec<u64> = futures::future::join_all(calls)
        .await
        .iter()
        .map(|answer| answer.parse().expect("a number"))
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, (1..=500).collect::<Vec<_>>());
    let found = host.runtime.find(&actor("a")).await.expect("read").expect("known");
    assert!(found.version < 500, "{} writes", found.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_made_again_is_answered_and_not_run_again() {
    let world = World::start().await;
    let _host = world.host(Counter::new("v1", Stateful::default())).await;
    let call = Uuid::new_v4();
    for _ in 0..3 {
        assert_eq!(
            world.hosts.call(&actor("a"), call, "add 1").await.expect("an answer"),
            "1"
        );
    }
    let slow = Uuid::new_v4();
    let target = actor("a");
    let (one, other) = tokio::join!(
        world.hosts.call(&target, slow, "sleep 100"),
        world.hosts.call(&target, slow, "sleep 100")
    );
    assert_eq!(
        (one.expect("an answer"), other.expect("an answer")),
        ("2".to_owned(), "2".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_takes_nothing_along_that_was_answered() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let _host = world.host(kind.clone()).await;
    world.call("a", "add 7").await;
    assert_eq!(world.fault("a", "die").await.kind, FaultKind::Trap);
    assert_eq!(world.call("a", "get").await, "7");
    let fault = world.fault("a", "break-save").await;
    assert!(fault.message.contains("trapped in save"), "{fault}");
    assert_eq!(world.call("a", "add 1").await, "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_beyond_its_limit_is_refused_and_what_was_stored_counts() {
    let world = World::start().await;
    let policy = Stateful {
        state_bytes_max: 1 << 20,
        ..Stateful::default()
    };
    let _host = world.host(Counter::new("v1", policy)).await;
    world.call("a", "add 7").await;
    let fault = world.fault("a", "pad 1048577").await;
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert_eq!(world.call("a", "get").await, "7");
    // Larger than a message: it lies in the object store, and the former one is collected.
    assert_eq!(world.call("a", "pad 1000000").await, "8");
    assert_eq!(world.call("a", "add 1").await, "9");
    assert_eq!(world.fault("a", "die").await.kind, FaultKind::Trap);
    assert_eq!(world.call("a", "get").await, "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn volatile_and_checkpointed_state_is_kept_at_rest() {
    for durability in [Durability::Volatile, Durability::Checkpoint(100)] {
        let world = World::start().await;
        let policy = Stateful {
            durability,
            idle_after_ms: 300,
            ..Stateful::default()
        };
        let host = world.host(Counter::new("v1", policy)).await;
        world.call("a", "add 7").await;
        eventually("it to rest", LIMIT, async || (!host.has("a")).then_some(())).await;
        assert_eq!(world.call("a", "get").await, "7", "{durability:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_actors_than_there_is_room_for_take_turns_and_none_is_lost() {
    let world = World::start().await;
    let policy = Stateful {
        active_max: 20,
        ..Stateful::default()
    };
    let host = world.host(Counter::new("v1", policy)).await;
    let keys: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    for chunk in keys.chunks(50) {
        futures::future::join_all(chunk.iter().map(|key| world.call(key, "add 1"))).await;
        assert!(host.runtime.live_count() <= 20);
    }
    for key in &keys {
        assert_eq!(world.call(key, "get").await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_in_its_own_chain_of_callers_is_refused_at_once() {
    let world = World::start().await;
    let _host = world.host(Counter::new("v1", Stateful::default())).await;
    let chain = vec![actor("a"), actor("b")];
    let target = actor("a");
    let asked = world.hosts.call_from(&target, Uuid::new_v4(), "get", None, chain);
    let fault = asked.await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Denied);
    assert!(
        fault.message.contains("counter/a calls counter/b calls counter/a"),
        "{fault}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_stores_everything_and_ends_every_task() {
    let world = World::start().await;
    let policy = Stateful {
        durability: Durability::Volatile,
        ..Stateful::default()
    };
    let one = world.host(Counter::new("v1", policy)).await;
    for key in ["a", "b", "c"] {
        world.call(key, "add 5").await;
    }
    one.vanish();
    one.runtime.stop(Duration::from_secs(10)).await;
    let _other = world.host(Counter::new("v1", policy)).await;
    // No wait for a lease: its host has said good-bye.
    for key in ["a", "b", "c"] {
        assert_eq!(world.call(key, "get").await, "5");
    }
}
