//! What happens is told, kept, and says who ordered it.

use lattice_bus::{Journal, JournalStart};
use lattice_control::{Event, HostSchedule};
use lattice_core::presence::Scheduling;
use lattice_core::subject;
use lattice_node::events::names;
use lattice_node::testing::{HostOptions, PATIENCE, TestLattice, guest};
use lattice_testkit::eventually;

use crate::support::{Http, lattice, serve, start_guest, wat};

/// The stream of events, once the first host has made it.
async fn journal(lattice: &TestLattice) -> Journal {
    let (bus, name) = (lattice.client().bus(), subject::events_stream(lattice.id()));
    eventually("events are kept", PATIENCE, async || {
        let journal = bus.journal(&name).await.map_err(|error| error.to_string())?;
        journal.ok_or_else(|| "no stream".to_owned())
    })
    .await
}

/// All that is kept.
async fn kept(lattice: &TestLattice, journal: &Journal) -> Vec<Event> {
    let filter = subject::event_wildcard(lattice.id());
    let mut reader = journal.read(JournalStart::Oldest, &filter).await.expect("readable");
    let mut events = Vec::new();
    while !reader.is_caught_up() {
        let entry = reader.next().await.expect("readable");
        events.push(serde_json::from_slice(&entry.payload).expect("an event"));
    }
    reader.close().await;
    events
}

/// Waits until an event that is wanted is kept.
async fn told(lattice: &TestLattice, journal: &Journal, name: &str, about: &str) -> Event {
    let what = format!("{name} of {about}");
    eventually(&what, PATIENCE, async || {
        let events = kept(lattice, journal).await;
        let found = events.iter().find(|event| {
            let is_about = event.subject.as_deref().is_none_or(|subject| subject == about);
            event.name() == name && is_about
        });
        let all = || {
            events
                .iter()
                .map(|event| event.name().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        found.cloned().ok_or_else(all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_an_actor_is_kept_and_says_who_ordered_it() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let journal = journal(&lattice).await;
    let spec = lattice.actor("hello-http", guest("hello-http")).await;
    lattice.try_start(&host, &spec, 1).await.expect("starts");
    lattice.scale(&host, &spec.name, 3).await;
    lattice.stop_actor(&host, &spec.name, PATIENCE).await;
    let by = lattice.issuer().public_key();
    let about = "actor/hello-http";
    for name in [names::ACTOR_STARTED, names::ACTOR_SCALED, names::ACTOR_STOPPED] {
        let event = told(&lattice, &journal, name, about).await;
        assert_eq!(event.text("by"), Some(by.as_str()), "{event:?}");
        assert_eq!(event.member().as_ref(), Some(host.id()), "{event:?}");
    }
    let scaled = told(&lattice, &journal, names::ACTOR_SCALED, about).await;
    assert_eq!(
        (scaled.data["before"].as_u64(), scaled.data["replicas"].as_u64()),
        (Some(1), Some(3))
    );
    let nothing = lattice.actor("nothing", "not a component").await;
    lattice.try_start(&host, &nothing, 1).await.expect_err("nonsense");
    let failed = told(&lattice, &journal, names::ACTOR_START_FAILED, "actor/nothing").await;
    assert!(failed.text("reason").is_some(), "{failed:?}");
    let heartbeats = kept(&lattice, &journal).await;
    assert!(
        heartbeats.iter().all(|event| event.name() != "presence"),
        "no heartbeat is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_host_is_kept_from_beginning_to_end() {
    let (_nats, lattice) = lattice().await;
    let leader = lattice.host_with(HostOptions::named("leader").leading()).await;
    let (leaves, dies) = (lattice.host("leaves").await, lattice.host("dies").await);
    let journal = journal(&lattice).await;
    told(&lattice, &journal, names::CONTROLLER_LEADS, "").await;
    let cordon = HostSchedule {
        scheduling: Scheduling::Cordoned,
    };
    lattice.send(&leaves, &cordon).await.expect("cordoned");
    let about = format!("host/{}", leaves.id());
    let cordoned = told(&lattice, &journal, names::HOST_SCHEDULING, &about).await;
    assert_eq!(cordoned.text("scheduling"), Some("cordoned"));
    assert_eq!(cordoned.text("by"), Some(lattice.issuer().public_key().as_str()));
    let (gone, lost) = (leaves.id().clone(), format!("host/{}", dies.id()));
    leaves.stop(PATIENCE).await;
    eventually("the host's last words", PATIENCE, async || {
        let events = kept(&lattice, &journal).await;
        let last = events.into_iter().rfind(|event| event.member().as_ref() == Some(&gone));
        match last {
            Some(event) if event.name() == names::HOST_STOPPED => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    // As a crash: nobody is told.
    drop(dies);
    let event = told(&lattice, &journal, names::HOST_LOST, &lost).await;
    assert_eq!(event.member().as_ref(), Some(leader.id()));
    assert_eq!(event.text("name"), Some("dies"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_told_when_they_come_into_force_and_when_they_end() {
    let (_nats, lattice) = lattice().await;
    let _host = lattice.host("one").await;
    let journal = journal(&lattice).await;
    let link = lattice
        .link("actor/ping", "example:ping-pong/pong", "actor/pong", &[])
        .await;
    let accepted = told(&lattice, &journal, names::LINK_ACCEPTED, link.as_ref()).await;
    assert_eq!(accepted.text("by"), Some(lattice.issuer().public_key().as_str()));
    lattice.unlink(&link).await;
    let ended = told(&lattice, &journal, names::LINK_ENDED, link.as_ref()).await;
    assert_eq!(ended.text("code"), Some("unlinked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_fails_again_and_again_is_told_of_seldom() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let journal = journal(&lattice).await;
    let spec = lattice.actor("hog", wat::hog()).await;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "hog").await;
    let http = Http::new();
    for _ in 0..20 {
        assert!(http.get(&url).await.status.is_server_error());
    }
    told(&lattice, &journal, names::ACTOR_FAILED, "actor/hog").await;
    let failures = async || {
        let events = kept(&lattice, &journal).await;
        let failed = events.iter().filter(|event| event.name() == names::ACTOR_FAILED);
        let counts: Vec<u64> = failed.filter_map(|event| event.data["count"].as_u64()).collect();
        counts
    };
    eventually("all failures", PATIENCE, async || {
        let counts = failures().await;
        match counts.iter().sum::<u64>() {
            20 => Ok(()),
            _ => Err(format!("{counts:?}")),
        }
    })
    .await;
    assert!(failures().await.len() <= 4, "{:?}", failures().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_nats_is_away_is_told_when_it_is_back() {
    let (mut nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let journal = journal(&lattice).await;
    start_guest(&lattice, "hello-http", &[&host]).await;
    nats.kill();
    let member = host.node().member();
    eventually("the host notices", PATIENCE, async || {
        (!member.bus().is_connected()).then_some(()).ok_or("still connected")
    })
    .await;
    let events = member.events();
    events.tell(names::TRUST_REFUSED, None, serde_json::json!({ "reason": "made up" }));
    nats.restart().await;
    told(&lattice, &journal, names::TRUST_REFUSED, "").await;
}
