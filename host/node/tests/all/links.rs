//! Links open and close things, at once and everywhere.

use std::time::{Duration, Instant};

use http::StatusCode;
use lattice_control::{ErrorKind, Links, Verdict};
use lattice_core::UnixSeconds;
use lattice_node::testing::{PATIENCE, TestLattice, guest};
use lattice_testkit::eventually;

use crate::support::{Http, INCOMING, PONG, lattice, serve, start_guest, streamer};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_with_an_unlinked_import_is_refused_with_the_command_that_links_it() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let counter = lattice.actor("counter", guest("counter")).await;
    let error = lattice.try_start(&host, &counter, 1).await.expect_err("has no link");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("wasi:keyvalue/store@0.2.0-draft"), "{error:?}");
    let help = error.help.expect("help");
    assert!(
        help.contains("lattice link put actor/counter wasi:keyvalue provider/"),
        "{help}"
    );

    let ping = lattice.actor("ping", guest("ping")).await;
    let error = lattice.try_start(&host, &ping, 1).await.expect_err("has no link");
    let help = error.help.expect("help");
    assert!(
        help.contains("lattice link put actor/ping example:ping-pong/pong actor/"),
        "{help}"
    );

    lattice.start_provider(&host, "kv", "keyvalue-nats", &[]).await;
    lattice.link("actor/counter", "wasi:keyvalue", "provider/kv", &[]).await;
    lattice.start_actor(&host, &counter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_crosses_no_link_and_is_refused_clearly() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = lattice.actor("test-resource", guest("test-resource")).await;
    lattice
        .link("actor/test-resource", "test:types", "actor/pong", &[])
        .await;
    let error = lattice.try_start(&host, &spec, 1).await.expect_err("a resource");
    assert!(error.message.contains("resource"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unlinking_stops_calls_on_every_host_within_a_second() {
    let (_nats, lattice) = lattice().await;
    let (front, middle, back) = (
        lattice.host("front").await,
        lattice.host("middle").await,
        lattice.host("back").await,
    );
    let link = lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&front, &middle]).await;
    start_guest(&lattice, "pong", &[&back]).await;
    let (a, b) = (
        lattice.start_http(&front, "a").await,
        lattice.start_http(&middle, "b").await,
    );
    for provider in ["provider/a", "provider/b"] {
        lattice.link(provider, INCOMING, "actor/ping", &[("path", "/")]).await;
    }
    let http = Http::new();
    for url in [&a, &b] {
        http.get(url).await.ok();
    }
    let signed = Instant::now();
    lattice.unlink(&link).await;
    for url in [&a, &b] {
        let answer = http.get(url).await;
        assert_ne!(answer.status, StatusCode::OK, "the link is gone");
    }
    assert!(signed.elapsed() < Duration::from_secs(1), "took {:?}", signed.elapsed());

    lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    for url in [&a, &b] {
        assert_eq!(
            http.get(url).await.ok().trim(),
            "pong: ping",
            "linked again, without a restart"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_link_takes_effect_without_a_restart() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    lattice.start_provider(&host, "kv", "keyvalue-nats", &[]).await;
    lattice
        .link("actor/counter", "wasi:keyvalue", "provider/kv", &[("bucket", "first")])
        .await;
    start_guest(&lattice, "counter", &[&host]).await;
    let url = serve(&lattice, &host, "counter").await;
    let http = Http::new();
    assert!(http.post(&format!("{url}/n"), "").await.ok().contains("\"value\":1"));
    lattice
        .link("actor/counter", "wasi:keyvalue", "provider/kv", &[("bucket", "second")])
        .await;
    assert!(
        http.post(&format!("{url}/n"), "").await.ok().contains("\"value\":1"),
        "another bucket, from the start"
    );
    lattice
        .link("actor/counter", "wasi:keyvalue", "provider/kv", &[("bucket", "first")])
        .await;
    assert!(
        http.post(&format!("{url}/n"), "").await.ok().contains("\"value\":2"),
        "and back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_the_link_leaves_out_is_denied() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    lattice.start_provider(&host, "kv", "keyvalue-nats", &[]).await;
    lattice.link("actor/counter", "wasi:keyvalue", "provider/kv", &[]).await;
    start_guest(&lattice, "counter", &[&host]).await;
    let url = serve(&lattice, &host, "counter").await;
    let http = Http::new();
    http.post(&format!("{url}/n"), "").await.ok();
    let mut reading = TestLattice::draft("actor/counter", "wasi:keyvalue", "provider/kv", &[]);
    reading.claims.functions = "open,get".parse().unwrap();
    let (_, verdicts) = lattice.put_link(&reading).await;
    assert_eq!(verdicts.accepted(), 1, "{verdicts:?}");
    http.get(&format!("{url}/n")).await.ok();
    assert_ne!(
        http.post(&format!("{url}/n"), "").await.status,
        StatusCode::OK,
        "increment is not granted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_issuer_takes_its_links_along() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    let link = lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&front]).await;
    start_guest(&lattice, "pong", &[&back]).await;
    let url = serve(&lattice, &front, "ping").await;
    let http = Http::new();
    http.get(&url).await.ok();
    let token = lattice.client().stored_links().await.unwrap();
    let id = token
        .iter()
        .find(|stored| stored.key == link.link_key())
        .map(|stored| {
            lattice_core::token::Unverified::parse_bytes(&stored.token)
                .unwrap()
                .head()
                .id
                .clone()
        })
        .unwrap();
    let revoked = Instant::now();
    lattice
        .change_trust(2, |bundle| {
            bundle.revoked_ids.insert(id);
        })
        .await;
    eventually("the revocation reaches the host", Duration::from_secs(5), async || {
        (http.get(&url).await.status != StatusCode::OK).then_some(())
    })
    .await;
    assert!(
        revoked.elapsed() < Duration::from_secs(1),
        "took {:?}",
        revoked.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_for_one_route_are_a_conflict_that_everybody_can_see() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    start_guest(&lattice, "hello-http", &[&host]).await;
    let spec = streamer(&lattice, "test-http-stream").await;
    lattice.start_actor(&host, &spec).await;
    let url = serve(&lattice, &host, "hello-http").await;
    let second = TestLattice::draft("provider/http", INCOMING, "actor/test-http-stream", &[("path", "/")]);
    let mut second = second;
    second.claims.label = "second".parse().unwrap();
    let (signed, verdicts) = lattice.put_link(&second).await;
    assert!(
        matches!(&verdicts.members[0].1, Verdict::Hampered { problem } if problem.contains("taken")),
        "{verdicts:?}"
    );
    let view = lattice
        .client()
        .read(
            host.id(),
            &Links {
                link: Some(signed.id.clone()),
                ..Links::default()
            },
        )
        .await
        .unwrap();
    assert!(
        view.active[0]
            .problem
            .as_deref()
            .is_some_and(|problem| problem.contains("route")),
        "{view:?}"
    );
    let inventory = lattice
        .client()
        .read(host.id(), &lattice_control::Inventory {})
        .await
        .unwrap();
    let detail = inventory.providers[0].detail.clone().expect("the provider says so too");
    assert!(detail.contains("second"), "{detail}");
    assert!(
        Http::new().get(&url).await.ok().contains("Hello"),
        "the first one goes on"
    );

    // As soon as the first is gone, the second takes its place.
    lattice
        .unlink(&lattice_core::LinkId::new(
            lattice.id(),
            &"provider/http".parse().unwrap(),
            &INCOMING.parse().unwrap(),
            &Default::default(),
        ))
        .await;
    eventually("the second link is taken up", PATIENCE, async || {
        let view = lattice
            .client()
            .read(
                host.id(),
                &Links {
                    link: Some(signed.id.clone()),
                    ..Links::default()
                },
            )
            .await
            .unwrap();
        view.active[0].problem.is_none().then_some(())
    })
    .await;
    assert!(Http::new().get(&format!("{url}/slow?0")).await.status.is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_link_is_refused_and_shown_with_its_reason() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let good = lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    let stranger = nkeys::KeyPair::new_account();
    let mut claims = TestLattice::draft("actor/ping", PONG, "actor/evil", &[]).claims;
    claims.generation = 99;
    let now = UnixSeconds::from(std::time::SystemTime::now());
    let validity = lattice_core::token::Validity::lasting(now, Duration::from_secs(3600));
    let forged = claims.sign(&stranger, lattice.id(), validity).unwrap();
    lattice.client().store_link_token(&good, &forged).await.unwrap();
    let view = eventually("the host sees the forgery", PATIENCE, async || {
        let view = lattice
            .client()
            .read(
                host.id(),
                &Links {
                    link: Some(good.clone()),
                    ..Links::default()
                },
            )
            .await
            .unwrap();
        (!view.refused.is_empty()).then_some(view)
    })
    .await;
    assert_eq!(view.refused[0].code, "unknown-issuer");
    assert_eq!(view.refused[0].generation, Some(99));
    assert_eq!(
        view.active[0].target.to_string(),
        "actor/pong",
        "the good older link stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_host_still_has_its_links_and_refuses_older_ones() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let draft = TestLattice::draft("actor/ping", PONG, "actor/pong", &[]);
    let (first, _) = lattice.put_link(&draft).await;
    let (second, _) = lattice.put_link(&draft).await;
    assert!(second.generation > first.generation);
    let host = host.restart(&lattice).await;
    lattice
        .client()
        .store_link_token(&first.id, &first.token)
        .await
        .unwrap();
    let view = eventually("the host sees the older link", PATIENCE, async || {
        let view = lattice
            .client()
            .read(
                host.id(),
                &Links {
                    link: Some(first.id.clone()),
                    ..Links::default()
                },
            )
            .await
            .unwrap();
        (!view.refused.is_empty()).then_some(view)
    })
    .await;
    assert_eq!(view.refused[0].code, "older-generation");
    assert_eq!(view.active[0].generation, second.generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_chooses_among_links_by_name() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    lattice.start_provider(&host, "kv", "keyvalue-nats", &[]).await;
    for (label, bucket) in [("red", "reds"), ("blue", "blues")] {
        let mut draft = TestLattice::draft(
            "actor/test-links",
            "wasi:keyvalue",
            "provider/kv",
            &[("bucket", bucket)],
        );
        draft.claims.label = label.parse().unwrap();
        let (_, verdicts) = lattice.put_link(&draft).await;
        assert_eq!(verdicts.accepted(), 1, "{verdicts:?}");
        let mut draft = TestLattice::draft("actor/test-links", PONG, "actor/pong", &[]);
        draft.claims.label = label.parse().unwrap();
        lattice.put_link(&draft).await;
    }
    start_guest(&lattice, "pong", &[&host]).await;
    start_guest(&lattice, "test-links", &[&host]).await;
    let url = serve(&lattice, &host, "test-links").await;
    let http = Http::new();
    http.post(&format!("{url}/red/set/k"), "crimson").await.ok();
    http.post(&format!("{url}/blue/set/k"), "azure").await.ok();
    assert!(http.get(&format!("{url}/red/get/k")).await.ok().contains("crimson"));
    assert!(http.get(&format!("{url}/blue/get/k")).await.ok().contains("azure"));
    assert!(http.get(&format!("{url}/red/ping/x")).await.ok().contains("pong: x"));
    let unknown = http.get(&format!("{url}/green/get/k")).await;
    assert!(!unknown.text().contains("\"ok\""), "{}", unknown.text());
}
