//! HTTP in, from this host and from another one; key-value out, likewise.

use http::{Method, StatusCode};

use crate::support::{Http, INCOMING, lattice, serve, start_guest, streamer};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_serves_http_on_its_own_host() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    start_guest(&lattice, "hello-http", &[&host]).await;
    let url = serve(&lattice, &host, "hello-http").await;
    assert!(Http::new().get(&url).await.ok().contains("Hello"), "greets");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_serves_http_that_comes_in_on_another_host() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    start_guest(&lattice, "hello-http", &[&back]).await;
    let url = serve(&lattice, &front, "hello-http").await;
    let http = Http::new();
    for _ in 0..20 {
        assert!(http.get(&url).await.ok().contains("Hello"));
    }
    let inventory = lattice
        .client()
        .read(back.id(), &lattice_control::Inventory {})
        .await
        .unwrap();
    assert_eq!(inventory.actors[0].served, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wasi_0_3_component_serves_here_and_from_elsewhere() {
    let (_nats, lattice) = lattice().await;
    let (front, back) = (lattice.host("front").await, lattice.host("back").await);
    start_guest(&lattice, "hello-http-p3", &[&back]).await;
    let (near, far) = (
        lattice.start_http(&back, "near").await,
        lattice.start_http(&front, "far").await,
    );
    lattice
        .link("provider/near", INCOMING, "actor/hello-http-p3", &[("path", "/")])
        .await;
    lattice
        .link(
            "provider/far",
            "wasi:http/handler",
            "actor/hello-http-p3",
            &[("path", "/")],
        )
        .await;
    let http = Http::new();
    assert_eq!(http.get(&near).await.ok(), http.get(&far).await.ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_counts_on_jetstream_from_hosts_with_and_without_the_provider() {
    let (_nats, lattice) = lattice().await;
    let (with, without) = (lattice.host("with").await, lattice.host("without").await);
    lattice.start_provider(&with, "kv", "keyvalue-nats", &[]).await;
    lattice
        .link("actor/counter", "wasi:keyvalue", "provider/kv", &[("bucket", "counts")])
        .await;
    start_guest(&lattice, "counter", &[&with, &without]).await;
    let (here, there) = (
        lattice.start_http(&with, "here").await,
        lattice.start_http(&without, "there").await,
    );
    for provider in ["provider/here", "provider/there"] {
        lattice
            .link(provider, INCOMING, "actor/counter", &[("path", "/")])
            .await;
    }
    let http = Http::new();
    let counts = (0..10).map(|n| {
        let (http, url) = (http.clone(), if n % 2 == 0 { here.clone() } else { there.clone() });
        tokio::spawn(async move { http.post(&format!("{url}/visits"), "").await.ok() })
    });
    for count in counts.collect::<Vec<_>>() {
        count.await.unwrap();
    }
    let answer = http.get(&format!("{there}/visits")).await.ok();
    assert!(answer.contains("\"value\":10"), "no increment is lost: {answer}");
    let answer = http.request(Method::DELETE, &format!("{here}/visits"), "").await.ok();
    assert!(answer.contains("\"value\":0"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_on_several_hosts_share_the_load() {
    let (_nats, lattice) = lattice().await;
    let front = lattice.host("front").await;
    let backs = [
        lattice.host("a").await,
        lattice.host("b").await,
        lattice.host("c").await,
    ];
    start_guest(&lattice, "hello-http", &backs.each_ref()).await;
    let url = serve(&lattice, &front, "hello-http").await;
    let http = Http::new();
    for _ in 0..15 {
        let round = (0..20).map(|_| {
            let (http, url) = (http.clone(), url.clone());
            tokio::spawn(async move { http.get(&url).await.ok() })
        });
        for answer in round.collect::<Vec<_>>() {
            answer.await.unwrap();
        }
    }
    for back in &backs {
        let inventory = lattice
            .client()
            .read(back.id(), &lattice_control::Inventory {})
            .await
            .unwrap();
        let served = inventory.actors[0].served;
        assert!((30..=200).contains(&served), "{} served {served} of 300", back.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_prefers_its_own_replica_and_spills_when_it_is_full() {
    let (_nats, lattice) = lattice().await;
    let (near, far) = (lattice.host("near").await, lattice.host("far").await);
    let mut spec = streamer(&lattice, "slow").await;
    spec.limits.concurrency = 2;
    spec.limits.queue = Some(0);
    lattice.start_actor(&near, &spec).await;
    lattice.start_actor(&far, &spec).await;
    let url = serve(&lattice, &near, "slow").await;
    let http = Http::new();
    for _ in 0..10 {
        http.get(&format!("{url}/slow?0")).await.ok();
    }
    let served = async |host| {
        lattice
            .client()
            .read::<lattice_control::Inventory>(host, &lattice_control::Inventory {})
            .await
            .unwrap()
            .actors[0]
            .served
    };
    assert_eq!(
        (served(near.id()).await, served(far.id()).await),
        (10, 0),
        "with room here, nothing leaves"
    );

    let together = (0..4).map(|_| {
        let (http, url) = (http.clone(), format!("{url}/slow?10"));
        tokio::spawn(async move { http.get(&url).await.status })
    });
    for status in together.collect::<Vec<_>>() {
        assert_eq!(status.await.unwrap(), StatusCode::OK, "two fit here, two go elsewhere");
    }
    assert_eq!(served(far.id()).await, 2);
}
