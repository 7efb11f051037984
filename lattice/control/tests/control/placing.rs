//! Placing and moving actors over stand-in hosts.

use std::time::Duration;

use lattice_control::*;
use lattice_core::{ActorSpec, Digest};

use crate::{
    fixture::{Mood, TestHost, TestLattice, spec},
    roll_call::introduce,
};

const LONG: Duration = Duration::from_secs(30);

struct Three {
    lattice: TestLattice,
    hosts: [TestHost; 3],
    client: ControlClient,
}

async fn three() -> Three {
    let lattice = TestLattice::start().await;
    let hosts = [
        lattice.host("cloud", "zone=cloud").await,
        lattice.host("edge", "zone=edge").await,
        lattice.host("pi", "zone=edge").await,
    ];
    introduce(&[&hosts[0], &hosts[1], &hosts[2]]);
    let client = lattice.client().await;
    Three { lattice, hosts, client }
}

impl Three {
    async fn place(&self, replicas: u32, selector: &str) -> Result<Placed, ControlError> {
        self.place_spec(spec("hello"), replicas, selector).await
    }

    async fn place_spec(&self, spec: ActorSpec, replicas: u32, selector: &str) -> Result<Placed, ControlError> {
        let selector = selector.parse().expect("labels");
        let place = Place {
            spec,
            replicas,
            selector,
            drain: Duration::ZERO,
            within: LONG,
        };
        self.client.place(&place, &|_, _| {}).await
    }

    fn counts(&self) -> [u32; 3] {
        self.hosts.each_ref().map(|host| host.replicas("hello"))
    }

    fn relocation(&self, from: usize, to: usize) -> Relocate {
        Relocate {
            actor: "hello".parse().expect("a name"),
            from: self.hosts[from].summary(),
            to: self.hosts[to].summary(),
            component: None,
            drain: Duration::ZERO,
            within: LONG,
        }
    }
}

#[tokio::test]
async fn replicas_are_spread_and_spread_again() {
    let three = three().await;
    let placed = three.place(6, "").await.expect("places");
    assert_eq!(three.counts(), [2, 2, 2]);
    assert_eq!(
        placed
            .placements
            .iter()
            .map(|placement| placement.replicas)
            .sum::<u32>(),
        6
    );
    assert!(
        !three.place(6, "").await.expect("places").changed,
        "nothing to do the second time"
    );
    three.place(4, "zone=edge").await.expect("places");
    assert_eq!(three.counts(), [0, 2, 2]);
    three.place(0, "").await.expect("places");
    assert_eq!(three.counts(), [0, 0, 0]);
}

#[tokio::test]
async fn no_host_matches() {
    let three = three().await;
    let error = three.place(1, "zone=moon").await.expect_err("no such zone");
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn another_component_of_the_same_name_is_a_conflict() {
    let three = three().await;
    three.place(2, "zone=edge").await.expect("places");
    let other = ActorSpec {
        digest: Digest::of(b"another"),
        ..spec("hello")
    };
    assert_eq!(
        three
            .place_spec(other, 2, "")
            .await
            .expect_err("another component")
            .kind,
        ErrorKind::Conflict
    );
    assert_eq!(three.counts(), [0, 1, 1], "nothing was touched");
    let elsewhere = ActorSpec {
        image: "file:///somewhere/else.wasm".into(),
        ..spec("hello")
    };
    three
        .place_spec(elsewhere, 3, "")
        .await
        .expect("the same component from another path is the same");
}

#[tokio::test]
async fn a_host_that_refuses_is_named_and_so_is_what_was_done() {
    let three = three().await;
    three.hosts[1].host.set_mood(Mood::Unwilling);
    let error = three.place(3, "").await.expect_err("edge is unwilling");
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert!(
        error.message.contains("edge: no room here") && error.message.contains("started on cloud"),
        "{error}"
    );
}

#[tokio::test]
async fn a_move_starts_there_before_it_stops_here() {
    let three = three().await;
    three.place(2, "zone=cloud").await.expect("places");
    let moved = three
        .client
        .relocate(&three.relocation(0, 2), &|_, _| {})
        .await
        .expect("moves");
    assert_eq!(three.counts(), [0, 0, 2]);
    assert_eq!(
        (moved.to.replicas, moved.to.host.as_str(), moved.cancelled),
        (2, "pi", 0)
    );
}

#[tokio::test]
async fn a_move_to_where_it_runs_adds_up() {
    let three = three().await;
    three.place(3, "").await.expect("places");
    three
        .client
        .relocate(&three.relocation(0, 1), &|_, _| {})
        .await
        .expect("moves");
    assert_eq!(three.counts(), [0, 2, 1]);
}

#[tokio::test]
async fn a_move_that_cannot_start_leaves_the_actor_where_it_was() {
    let three = three().await;
    three.place(1, "zone=cloud").await.expect("places");
    three.hosts[1].host.set_mood(Mood::Unwilling);
    let error = three
        .client
        .relocate(&three.relocation(0, 1), &|_, _| {})
        .await
        .expect_err("edge is unwilling");
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert_eq!(three.counts(), [1, 0, 0]);
}

#[tokio::test]
async fn a_move_that_somebody_does_not_see_is_undone() {
    let three = three().await;
    three.place(1, "zone=cloud").await.expect("places");
    three.hosts[2].host.set_mood(Mood::Blind);
    let error = three
        .client
        .relocate(&three.relocation(0, 1), &|_, _| {})
        .await
        .expect_err("pi does not see it");
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("pi"), "{error}");
    assert_eq!(three.counts(), [1, 0, 0], "back to what it was");
}

#[tokio::test]
async fn impossible_moves_are_named() {
    let three = three().await;
    let relocate = |from, to| three.relocation(from, to);
    let error = three
        .client
        .relocate(&relocate(0, 1), &|_, _| {})
        .await
        .expect_err("it does not run there");
    assert_eq!(error.kind, ErrorKind::NotFound);
    let error = three
        .client
        .relocate(&relocate(1, 1), &|_, _| {})
        .await
        .expect_err("to itself");
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(three.lattice.id.as_str(), "test");
}
