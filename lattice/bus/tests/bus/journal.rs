//! Journals: what was published, in order.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lattice_bus::{Bus, Headers, JournalConfig, JournalReader, JournalStart, Replicas};

use crate::{LIMIT, server_and_bus};

fn config(subjects: &[&str]) -> JournalConfig {
    JournalConfig {
        name: "lat_test_events".to_owned(),
        description: "for a test".to_owned(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
        max_age: Duration::from_secs(3600),
        bytes_max: 64 << 20,
        message_bytes_max: 64 << 10,
        replicas: Replicas::Auto,
    }
}

async fn publish(bus: &Bus, subject: &str, text: &str) {
    let sent = bus.publish(subject, Headers::new(), Bytes::from(text.to_owned())).await;
    sent.expect("a good subject");
}

async fn read(reader: &mut JournalReader) -> String {
    let entry = tokio::time::timeout(LIMIT, reader.next())
        .await
        .expect("in time")
        .expect("readable");
    String::from_utf8(entry.payload.to_vec()).expect("text")
}

#[tokio::test]
async fn what_is_published_is_kept_in_order_and_nothing_else_is() {
    let (_nats, bus) = server_and_bus().await;
    assert!(bus.journal("lat_test_events").await.expect("readable").is_none());
    let journal = bus
        .keep_journal(config(&["evt.*.born", "evt.*.gone"]))
        .await
        .expect("kept");
    for (subject, text) in [
        ("evt.a.born", "1"),
        ("evt.a.presence", "no"),
        ("evt.b.gone", "2"),
        ("evt.b.born", "3"),
    ] {
        publish(&bus, subject, text).await;
    }
    bus.round_trip(LIMIT).await.expect("stored by now");
    let mut all = journal.read(JournalStart::Oldest, "evt.>").await.expect("readable");
    assert!(!all.is_caught_up());
    assert_eq!([read(&mut all).await, read(&mut all).await], ["1", "2"]);
    assert!(!all.is_caught_up());
    assert_eq!(read(&mut all).await, "3");
    assert!(all.is_caught_up());
    publish(&bus, "evt.c.gone", "4").await;
    assert_eq!(read(&mut all).await, "4");

    let again = bus.journal("lat_test_events").await.expect("readable").expect("there");
    let mut gone = again.read(JournalStart::Oldest, "evt.*.gone").await.expect("readable");
    assert_eq!([read(&mut gone).await, read(&mut gone).await], ["2", "4"]);
    let mut latest = again.read(JournalStart::Latest(2), "evt.>").await.expect("readable");
    assert_eq!([read(&mut latest).await, read(&mut latest).await], ["3", "4"]);
    latest.close().await;
    let later = JournalStart::Since(SystemTime::now() + Duration::from_secs(60));
    assert!(again.read(later, "evt.>").await.expect("readable").is_caught_up());
    let before = JournalStart::Since(SystemTime::now() - Duration::from_secs(60));
    let mut recent = again.read(before, "evt.>").await.expect("readable");
    assert_eq!(read(&mut recent).await, "1");
}

#[tokio::test]
async fn a_journal_of_an_earlier_version_learns_new_subjects() {
    let (_nats, bus) = server_and_bus().await;
    bus.keep_journal(config(&["evt.*.born"])).await.expect("kept");
    let journal = bus.keep_journal(config(&["evt.*.other"])).await.expect("left as it is");
    publish(&bus, "evt.a.gone", "lost").await;
    let wanted = ["evt.*.born".to_owned(), "evt.*.gone".to_owned()];
    assert!(journal.listen_also(&wanted).await.expect("changed"));
    assert!(!journal.listen_also(&wanted).await.expect("as it is"));
    publish(&bus, "evt.a.gone", "kept").await;
    let mut reader = journal.read(JournalStart::Oldest, "evt.>").await.expect("readable");
    assert_eq!(read(&mut reader).await, "kept");
}
