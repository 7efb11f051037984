//! Who is there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lattice_control::*;
use lattice_testkit::eventually;
use nkeys::KeyPair;

use crate::fixture::{TestHost, TestLattice};

fn names(members: &[MemberSummary]) -> Vec<&str> {
    let mut names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    names
}

pub(crate) fn introduce(hosts: &[&TestHost]) {
    for host in hosts {
        let all = hosts.iter().map(|other| Arc::clone(&other.host)).collect();
        *host.host.others.lock().expect("not poisoned") = all;
    }
}

#[tokio::test]
async fn returns_as_soon_as_everybody_who_is_seen_has_answered() {
    let lattice = TestLattice::start().await;
    let (cloud, edge, pi) = (
        lattice.host("cloud", "").await,
        lattice.host("edge", "").await,
        lattice.host("pi", "").await,
    );
    introduce(&[&cloud, &edge, &pi]);
    let client = lattice.reader().await;
    let started = Instant::now();
    assert_eq!(
        names(&client.members().await.expect("answers")),
        ["cloud", "edge", "pi"]
    );
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "no time was waited out: {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_silent_member_is_waited_for_but_not_for_ever() {
    let lattice = TestLattice::start().await;
    let (cloud, edge) = (lattice.host("cloud", "").await, lattice.host("edge", "").await);
    introduce(&[&cloud, &edge]);
    edge.server.shutdown(Duration::from_secs(5)).await;
    let started = Instant::now();
    assert_eq!(
        names(&lattice.reader().await.members().await.expect("answers")),
        ["cloud"]
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_empty_lattice_is_no_failure() {
    let lattice = TestLattice::start().await;
    assert_eq!(lattice.reader().await.members().await, Ok(vec![]));
    assert_eq!(lattice.reader().await.inventories().await, Ok(vec![]));
}

#[tokio::test]
async fn members_that_nobody_trusted_enrolled_do_not_count() {
    let lattice = TestLattice::start().await;
    let cloud = lattice.host("cloud", "").await;
    introduce(&[&cloud]);
    let stranger = KeyPair::new_account();
    let _impostor = lattice
        .host_enrolled_by(&stranger, "impostor", "", KeyPair::new_server(), 1)
        .await;
    assert_eq!(
        names(&lattice.reader().await.members().await.expect("answers")),
        ["cloud"]
    );

    // Whoever trusts blindly sees it; that is what the trust is for. Nobody names it, so it may come too late for a look.
    let blind = ControlClient::new(lattice.bus().await, lattice.id.clone());
    eventually("the impostor is seen", Duration::from_secs(30), || async {
        blind
            .members()
            .await
            .expect("answers")
            .iter()
            .find(|member| member.name == "impostor")
            .map(drop)
    })
    .await;
}

#[tokio::test]
async fn each_is_asked_and_each_answer_is_told() {
    let lattice = TestLattice::start().await;
    let (cloud, edge) = (lattice.host("cloud", "").await, lattice.host("edge", "").await);
    introduce(&[&cloud, &edge]);
    let members = [cloud.summary(), edge.summary()];
    edge.server.shutdown(Duration::from_secs(5)).await;
    edge.bus.drain(Duration::from_secs(5)).await;
    let replies = lattice.reader().await.read_each(&members, &Inventory {}).await;
    assert_eq!(replies.len(), 2);
    assert!(replies[0].1.is_ok());
    assert_eq!(
        replies[1].1.as_ref().expect_err("it is gone").kind,
        ErrorKind::Unreachable
    );
}
