//! What actors send to others, and to themselves at a time.

use std::time::Duration;

use lattice_core::Stateful;
use lattice_testkit::eventually;

use crate::world::{Counter, LIMIT, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_once_in_effect_across_moves_and_losses() {
    let world = World::start().await;
    let kind = Counter::new("v1", Stateful::default());
    let (one, other) = (world.host(kind.clone()).await, world.host(kind).await);
    for _ in 0..30 {
        world.call("a", "credit counter/b").await;
    }
    let (from, to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    from.move_to("a", to).await.expect("moved");
    for _ in 0..30 {
        world.call("a", "credit counter/b").await;
    }
    let sixty = async || (world.call("b", "get").await == "60").then_some(());
    eventually("all to arrive", LIMIT, sixty).await;
    eventually("the outbox to be empty", LIMIT, async || {
        let found = to.runtime.find(&actor("a")).await.expect("read").expect("known");
        (found.letters == 0).then_some(())
    })
    .await;
    // Once the host is lost with letters under way, its successor sends them again.
    for _ in 0..5 {
        world.call("a", "credit counter/b").await;
    }
    let more = async || (world.call("b", "get").await == "65").then_some(());
    one.vanish();
    other.vanish();
    drop((one, other));
    let _third = world.host(Counter::new("v1", Stateful::default())).await;
    eventually("the rest to arrive", LIMIT, more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_fire_at_rest_after_a_move_and_after_the_loss_of_a_host() {
    let world = World::start().await;
    let policy = Stateful {
        idle_after_ms: 100,
        ..Stateful::default()
    };
    let kind = Counter::new("v1", policy);
    let (one, other) = (world.host(kind.clone()).await, world.host(kind.clone()).await);
    world.call("a", "remind 700").await;
    let (from, to) = if one.has("a") { (&one, &other) } else { (&other, &one) };
    eventually("rest", LIMIT, async || (!from.has("a")).then_some(())).await;
    eventually("it to fire at rest", LIMIT, async || {
        (world.call("a", "get").await == "1").then_some(())
    })
    .await;
    world.call("a", "remind 800").await;
    from.move_to("a", to).await.expect("moved");
    eventually("it to fire after a move", LIMIT, async || {
        (world.call("a", "get").await == "2").then_some(())
    })
    .await;
    // Every 300 ms, and the host is lost: nobody calls, and it still fires.
    world.call("a", "remind 300 300").await;
    to.vanish();
    let (survivor, lost) = if to.id == one.id { (other, one) } else { (one, other) };
    drop(lost);
    let before = kind.woken.lock().len();
    eventually("the survivor to wake it", LIMIT, async || {
        (kind.woken.lock().len() > before).then_some(())
    })
    .await;
    let fired = world.call("a", "get").await.parse::<u64>().expect("a number");
    eventually("it to go on", LIMIT, async || {
        let now = world.call("a", "get").await.parse::<u64>().expect("a number");
        (now > fired).then_some(())
    })
    .await;
    drop(survivor);
    tokio::time::timeout(Duration::from_secs(1), async {})
        .await
        .expect("ends");
}
