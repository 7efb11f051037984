//! A site behind a leaf node: what goes on there while it is cut off, and that nothing is disturbed when it is back.

use std::time::Duration;

use lattice_bus::{BucketConfig, Bus, BusConfig};
use lattice_control::{
    ActorStart, AppsProgress, CommandSigner, ControlClient, ErrorKind, Inventory, InventoryReply,
    reconcile::{AppPhase, AppProgress},
};
use lattice_core::application::{Cause, DesiredActor, DesiredLink, DesiredProvider, Placement, Scale};
use lattice_core::{
    ActorKind, ActorSpec, Application, LinkClaims, OnPartition, ProviderSpec, SITE_LABEL, Stateful, subject,
};
use lattice_node::testing::{HUB, HostOptions, PATIENCE, TestHost, TestLattice, guest};
use lattice_testkit::{FaultProxy, NatsServer, eventually};

use crate::support::{Http, INCOMING, start_logging};

const SITE: &str = "leaf1";

/// A hub with a host that leads, and a site with two hosts behind a link that can be cut.
struct Edge {
    lattice: TestLattice,
    cloud: TestHost,
    a: TestHost,
    b: TestHost,
    link: FaultProxy,
    leaf: NatsServer,
    _hub: NatsServer,
}

impl Edge {
    async fn start() -> Self {
        start_logging();
        let hub = NatsServer::builder()
            .name("hub")
            .domain(HUB)
            .accept_leafs()
            .start()
            .await;
        let link = FaultProxy::start(hub.leaf_url().trim_start_matches("nats-leaf://").to_owned()).await;
        let leaf = NatsServer::builder()
            .name(SITE)
            .domain(SITE)
            .leaf_of(&format!("nats-leaf://{}", link.address()))
            .start()
            .await;
        let lattice = TestLattice::start(&hub.url()).await;
        let cloud = lattice.host_with(HostOptions::named("cloud").leading()).await;
        let at_site = |name: &str| HostOptions {
            site: Some(SITE.parse().expect("a site")),
            ..HostOptions::named(name).url(leaf.url())
        };
        let a = lattice.host_with(at_site("a").labels("site=leaf1")).await;
        let b = lattice.host_with(at_site("b").labels("site=leaf1,front=yes")).await;
        Self {
            lattice,
            cloud,
            a,
            b,
            link,
            leaf,
            _hub: hub,
        }
    }

    /// `hello` on all three hosts; `cart` and `counter` at the site, with their state there; an HTTP server on `b`.
    async fn apply(&self) {
        let app = "shop".parse().expect("a name");
        let provider = |name: &str, kind: &str, config: &[(&str, &str)], labels: &str| {
            let mut spec = ProviderSpec::new(name.parse().expect("a name"), kind.parse().expect("a kind"));
            spec.managed = true;
            spec.config = config
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect();
            let share = lattice_core::application::Share {
                name: None,
                labels: labels.parse().expect("labels"),
                weight: 100,
            };
            DesiredProvider {
                spec,
                placement: Placement {
                    scale: Scale::PerHost(1),
                    spread: vec![share],
                    ..Placement::default()
                },
            }
        };
        let link = |source: &str, interface: &str, target: &str, label: &str, config: (&str, &str)| {
            let mut claims = LinkClaims::new(
                source.parse().expect("a party"),
                interface.parse().expect("an interface"),
                target.parse().expect("a party"),
            );
            claims.label = label.parse().expect("a label");
            DesiredLink::new(claims, [(config.0.to_owned(), config.1.to_owned())].into())
        };
        let mut cart = self.spec("cart").await;
        cart.kind = ActorKind::Stateful(Stateful::default());
        cart.on_partition = Some(OnPartition::Stay);
        let mut counter = self.spec("counter").await;
        for spec in [&mut cart, &mut counter] {
            spec.placement.insert(SITE_LABEL, SITE).expect("a label");
        }
        let actor = |spec, replicas| DesiredActor {
            spec,
            placement: Placement::replicas(replicas),
            update: Default::default(),
        };
        let hello = self.spec("hello-http").await;
        let routes = [("hello-http", "/"), ("counter", "/count"), ("cart", "/cart/{key}")];
        let routes = routes.map(|(actor, path)| {
            let target = format!("actor/{actor}");
            link("provider/http", INCOMING, &target, actor, ("path", path))
        });
        let mut links = Vec::from(routes);
        links.push(link(
            "actor/counter",
            "wasi:keyvalue",
            "provider/kv",
            "default",
            ("bucket", "counts"),
        ));
        let next = Application {
            actors: vec![actor(hello, 3), actor(cart, 2), actor(counter, 2)],
            providers: vec![
                provider("http", "http-server", &[("address", "127.0.0.1:0")], "front=yes"),
                provider("kv", "keyvalue-nats", &[("domain", SITE)], "site=leaf1"),
            ],
            links,
            ..Application::empty(app)
        };
        let signer = self.lattice.app_signer();
        let client = self.lattice.client();
        client
            .revise(next, Cause::Applied, None, &signer)
            .await
            .expect("writes the revision");
        self.until_ready().await;
    }

    async fn spec(&self, guest_name: &str) -> ActorSpec {
        let mut spec = self.lattice.actor(guest_name, guest(guest_name)).await;
        spec.app = Some("shop".parse().expect("a name"));
        spec
    }

    async fn progress(&self) -> Option<AppProgress> {
        let leader = self.lattice.client().leader().await.ok()??;
        let question = AppsProgress::default();
        let reply = self.lattice.client().read(&leader, &question).await.ok()?;
        reply.apps.into_iter().next()
    }

    async fn until_ready(&self) {
        eventually("the application to be ready", PATIENCE, || async {
            let progress = self.progress().await?;
            (progress.phase == AppPhase::Ready).then_some(())
        })
        .await;
    }

    async fn inventory(&self, host: &TestHost) -> InventoryReply {
        self.lattice
            .client()
            .read(host.id(), &Inventory {})
            .await
            .expect("answers")
    }

    /// Until `host` does, or does not, hear of `other`.
    async fn until_seen(&self, host: &TestHost, other: &TestHost, seen: bool) {
        let directory = host.node().member().directory();
        eventually("the hosts to lose, or to find, each other", PATIENCE, || async {
            (directory.get(other.id()).is_some() == seen).then_some(())
        })
        .await;
    }
}

fn number(text: &str, key: &str) -> u64 {
    let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
    answer[key].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_cut_off_serves_restarts_and_comes_back_without_a_restart() {
    let mut edge = Edge::start().await;
    edge.apply().await;
    let url = edge
        .inventory(&edge.b)
        .await
        .providers
        .into_iter()
        .find(|of| of.spec.name.as_str() == "http");
    let url = url.expect("the HTTP server runs on b").endpoints[0].clone();
    let http = Http::new();
    assert!(http.get(&url).await.ok().contains("Hello"));
    assert_eq!(
        number(
            &http.post(&format!("{url}/cart/alice/add?by=1"), "").await.ok(),
            "count"
        ),
        1
    );
    assert_eq!(
        number(&http.post(&format!("{url}/count/visits"), "").await.ok(), "value"),
        1
    );
    let cloud_before = edge.inventory(&edge.cloud).await;
    let run_before = edge.b.node().incarnation();

    edge.link.cut();
    edge.until_seen(&edge.b, &edge.cloud, false).await;
    edge.until_seen(&edge.cloud, &edge.b, false).await;
    for turn in 2..6 {
        assert!(http.get(&url).await.ok().contains("Hello"));
        assert_eq!(
            number(
                &http.post(&format!("{url}/cart/alice/add?by=1"), "").await.ok(),
                "count"
            ),
            turn
        );
        assert_eq!(
            number(&http.post(&format!("{url}/count/visits"), "").await.ok(), "value"),
            turn
        );
    }

    // A host there starts again: what it ran runs again, out of what is at the site.
    edge.a = edge.a.crash(&edge.lattice).await;
    let directory = edge.b.node().member().directory();
    eventually("all of it to run again", PATIENCE, || async {
        let a = directory.get(edge.a.id())?;
        let runs = |actor: &str| {
            a.presence
                .actor(&actor.parse().expect("a name"))
                .is_some_and(|actor| actor.replicas == 1)
        };
        (runs("hello-http") && runs("cart") && runs("counter")).then_some(())
    })
    .await;
    assert_eq!(
        number(
            &http.post(&format!("{url}/cart/alice/add?by=1"), "").await.ok(),
            "count"
        ),
        6
    );
    assert_eq!(
        edge.a.node().member().links().current().len(),
        4,
        "links are verified again"
    );

    // Whoever may use the site's NATS, and signs for nobody, gets nothing accepted.
    let inside = Bus::connect(BusConfig::new("stranger").server(edge.leaf.url()))
        .await
        .expect("connects");
    let stranger = CommandSigner::new(nkeys::KeyPair::new_account()).expect("a key");
    let client = ControlClient::new(inside.clone(), edge.lattice.id().clone()).with_signer(stranger);
    let order = ActorStart::new(
        ActorSpec::new("evil".parse().expect("a name"), guest_digest(), "file://evil"),
        1,
    );
    let members = client.members().await.expect("the site answers");
    let b = members.iter().find(|of| of.member == *edge.b.id()).expect("b is there");
    let refused = client.send(b, &order, PATIENCE, |_| ()).await.expect_err("refused");
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused:?}");
    let forged = inside
        .in_domain(SITE)
        .bucket(BucketConfig::new(subject::buckets(edge.lattice.id()).links))
        .await;
    forged
        .expect("a bucket")
        .put("forged", "not.a.token".into())
        .await
        .expect("written");
    assert_eq!(edge.b.node().member().links().current().len(), 4);

    // Nobody outside takes the place of what goes on there.
    let cloud_cut = edge.inventory(&edge.cloud).await;
    let counts = |inventory: &InventoryReply| -> Vec<_> {
        inventory
            .actors
            .iter()
            .map(|actor| (actor.spec.name.clone(), actor.replicas))
            .collect()
    };
    assert_eq!(counts(&cloud_cut), counts(&cloud_before));

    edge.link.heal();
    edge.until_seen(&edge.cloud, &edge.a, true).await;
    edge.until_seen(&edge.cloud, &edge.b, true).await;
    edge.until_ready().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    edge.until_ready().await;
    assert_eq!(edge.b.node().incarnation(), run_before);
    let b = edge.inventory(&edge.b).await;
    let hello = b
        .actors
        .iter()
        .find(|actor| actor.spec.name.as_str() == "hello-http")
        .expect("it runs");
    assert!(
        hello.served >= 1,
        "an actor that was started anew has served nothing: {hello:?}"
    );
    assert_eq!(
        number(
            &http.post(&format!("{url}/cart/alice/add?by=1"), "").await.ok(),
            "count"
        ),
        7
    );
    assert_eq!(counts(&edge.inventory(&edge.cloud).await), counts(&cloud_before));
}

fn guest_digest() -> lattice_core::Digest {
    lattice_core::Digest::of(&guest("hello-http"))
}
