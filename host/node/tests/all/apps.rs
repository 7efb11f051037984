//! Applications: hosts with controllers make them so, and keep them so.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_control::{
    AppsProgress, HostSchedule, Inventory, InventoryReply, Revised,
    reconcile::{AppPhase, AppProgress},
};
use lattice_core::application::{Cause, DesiredActor, DesiredLink, DesiredProvider, Placement, Probe, Scale};
use lattice_core::presence::Scheduling;
use lattice_core::{ActorSpec, AppName, Application, LinkClaims, ProviderSpec};
use lattice_node::testing::{HostOptions, PATIENCE, TestHost, TestLattice, guest};
use lattice_telemetry::testing::{OtlpReceiver, tree};
use lattice_testkit::eventually;

use crate::drain::Load;
use crate::support::{Http, INCOMING, lattice};
use crate::traces::{of_host, paths, telemetry};

fn name(text: &str) -> AppName {
    text.parse().expect("a name")
}

/// An application of one actor behind an HTTP server, which runs on the hosts labelled `front`.
struct Shop {
    lattice: TestLattice,
    app: AppName,
}

impl Shop {
    fn new(lattice: TestLattice) -> Self {
        Self {
            lattice,
            app: name("shop"),
        }
    }

    async fn web(&self, component: &str) -> ActorSpec {
        let mut spec = self.lattice.actor("web", guest(component)).await;
        spec.app = Some(self.app.clone());
        spec
    }

    /// What it declares: this spec, so often.
    fn declare(&self, spec: ActorSpec, placement: Placement) -> Application {
        let mut http = ProviderSpec::new("http".parse().expect("a name"), "http-server".parse().expect("a kind"));
        http.managed = true;
        http.config.insert("address".to_owned(), "127.0.0.1:0".to_owned());
        let front = lattice_core::application::Share {
            name: None,
            labels: "front=yes".parse().expect("labels"),
            weight: 100,
        };
        let claims = LinkClaims::new(
            "provider/http".parse().expect("a party"),
            INCOMING.parse().expect("an interface"),
            "actor/web".parse().expect("a party"),
        );
        let path = [("path".to_owned(), "/".to_owned())].into();
        Application {
            actors: vec![DesiredActor {
                spec,
                placement,
                update: Default::default(),
            }],
            providers: vec![DesiredProvider {
                spec: http,
                placement: Placement {
                    scale: Scale::PerHost(1),
                    spread: vec![front],
                    ..Placement::default()
                },
            }],
            links: vec![DesiredLink::new(claims, path)],
            ..Application::empty(self.app.clone())
        }
    }

    async fn apply(&self, next: Application) -> Revised {
        self.write(next, Cause::Applied).await
    }

    async fn write(&self, next: Application, cause: Cause) -> Revised {
        let before = self.lattice.client().app(&next.name).await.expect("reads");
        let signer = self.lattice.app_signer();
        self.lattice
            .client()
            .revise(next, cause, before.as_ref(), &signer)
            .await
            .expect("writes the revision")
    }

    async fn progress(&self) -> Option<AppProgress> {
        let leader = self.lattice.client().leader().await.ok()??;
        let question = AppsProgress {
            apps: vec![self.app.clone()],
        };
        let reply = self.lattice.client().read(&leader, &question).await.ok()?;
        reply.apps.into_iter().next()
    }

    async fn until(&self, revision: u64, phase: AppPhase) -> AppProgress {
        eventually(&format!("revision {revision} to be {phase:?}"), PATIENCE, || async {
            let progress = self.progress().await?;
            (progress.revision == revision && progress.phase == phase).then_some(progress)
        })
        .await
    }

    async fn inventory(&self, host: &TestHost) -> InventoryReply {
        self.lattice
            .client()
            .read(host.id(), &Inventory {})
            .await
            .expect("answers")
    }

    async fn replicas(&self, hosts: &[&TestHost]) -> Vec<u32> {
        let mut replicas = Vec::new();
        for host in hosts {
            let inventory = self.inventory(host).await;
            replicas.push(inventory.actors.iter().map(|actor| actor.replicas).sum());
        }
        replicas
    }

    async fn url(&self, front: &TestHost) -> String {
        self.inventory(front).await.providers[0].endpoints[0].clone()
    }
}

fn leading(name: &str) -> HostOptions {
    HostOptions::named(name).leading()
}

async fn three(lattice: &TestLattice) -> (TestHost, TestHost, TestHost) {
    let front = lattice.host_with(leading("front").labels("front=yes")).await;
    let a = lattice.host_with(leading("a")).await;
    let b = lattice.host_with(leading("b")).await;
    (front, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_spread_serves_and_leaves_nothing_when_it_is_deleted() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = three(&lattice).await;
    let shop = Shop::new(lattice);
    let first = shop
        .apply(shop.declare(shop.web("hello-http").await, Placement::replicas(4)))
        .await;
    assert_eq!(first.revision.number, 1);
    shop.until(1, AppPhase::Ready).await;
    let mut replicas = shop.replicas(&[&front, &a, &b]).await;
    replicas.sort_unstable();
    assert_eq!(replicas, [1, 1, 2]);
    let url = shop.url(&front).await;
    assert!(Http::new().get(&url).await.ok().contains("Hello"));

    // The same again is nothing to do.
    let again = shop
        .apply(shop.declare(shop.web("hello-http").await, Placement::replicas(4)))
        .await;
    assert!(!again.changed);

    let gone = shop.write(Application::empty(name("shop")), Cause::Deleted).await;
    shop.until(gone.revision.number, AppPhase::Deleted).await;
    for host in [&front, &a, &b] {
        let inventory = shop.inventory(host).await;
        assert!(
            inventory.actors.is_empty() && inventory.providers.is_empty(),
            "{inventory:?}"
        );
        assert_eq!(host.node().member().links().current().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_is_one_trace_over_every_host_it_touches() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let (_nats, lattice) = lattice().await;
    let telling = ["front", "a"].map(|name| telemetry(name, &receiver.endpoint(), "parentbased_traceidratio"));
    let front = leading("front").labels("front=yes").telling(&telling[0]);
    let _hosts = (
        lattice.host_with(front).await,
        lattice.host_with(leading("a").telling(&telling[1])).await,
    );
    let shop = Shop::new(lattice);
    shop.apply(shop.declare(shop.web("hello-http").await, Placement::replicas(2)))
        .await;
    shop.until(1, AppPhase::Ready).await;
    // Each host sends its own, when it comes to that.
    let came = receiver.wait_for(PATIENCE, |spans| {
        let count = |name| spans.iter().filter(|span| span.span.name == name).count();
        count("apply") == 1 && count("control actor-start") == 2 && count("control provider-start") == 1
    });
    let came = of_host(&came.await.expect("the trace comes"));
    let applied: Vec<_> = came.iter().filter(|(_, span)| span.name == "apply").collect();
    assert_eq!(applied.len(), 1, "{applied:?}");
    let trace = applied[0].1.trace_id;
    let came: Vec<_> = came.into_iter().filter(|(_, span)| span.trace_id == trace).collect();
    assert_eq!(tree::check(came.iter().map(|(_, span)| span)), Ok(()));
    let leader = &came.iter().find(|(_, span)| span.name == "apply").expect("it came").0;
    let paths = paths(&came);
    let root = format!("{leader} internal apply");
    assert!(paths.iter().all(|path| path.starts_with(&root)), "{paths:?}");
    for host in ["front", "a"] {
        let start = format!("{root} > {leader} client apply start-actor > {host} server control actor-start");
        assert!(paths.contains(&start), "{start} is not in {paths:?}");
    }
    let start = format!("{root} > {leader} client apply start-provider > front server control provider-start");
    assert!(paths.contains(&start), "{paths:?}");
    assert!(
        paths.contains(&format!("{root} > {leader} client apply put-link")),
        "{paths:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_under_load_fails_no_request_and_a_bad_one_is_taken_back() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = three(&lattice).await;
    let shop = Shop::new(lattice);
    shop.apply(shop.declare(shop.web("hello-http").await, Placement::replicas(3)))
        .await;
    shop.until(1, AppPhase::Ready).await;
    let url = format!("{}/head", shop.url(&front).await);
    let http = Http::new();
    let load = Load::start(&http, &url, 4);
    load.more(40).await;

    // Both components answer this path, each in its own way.
    let mut second = shop.declare(shop.web("test-http-stream").await, Placement::replicas(3));
    let fetch = LinkClaims::new(
        "actor/web".parse().expect("a party"),
        "wasi:http/outgoing-handler".parse().expect("an interface"),
        "provider/nobody".parse().expect("a party"),
    );
    second.links.push(DesiredLink::new(fetch, Default::default()));
    let second = shop.apply(second).await;
    shop.until(second.revision.number, AppPhase::Ready).await;
    assert!(!http.get(&url).await.ok().contains("Hello"), "the new one answers");
    load.more(40).await;

    // This one starts, and does not answer its probe.
    let mut third = shop.declare(shop.web("hello-http").await, Placement::replicas(3));
    third.actors[0].spec.limits.memory_bytes = 64 << 10;
    third.actors[0].update.probe = Some(Probe::Http("/".to_owned()));
    let third = shop.apply(third).await;
    let back = shop.until(third.revision.number + 1, AppPhase::Ready).await;
    let stored = shop
        .lattice
        .client()
        .app(&shop.app)
        .await
        .expect("reads")
        .expect("is there");
    let cause = stored.revision.expect("is believed").revision.cause;
    assert!(
        matches!(&cause, Cause::Failed { revision, to, reason } if *revision == third.revision.number
            && *to == second.revision.number && reason.contains("not ready")),
        "{cause:?}"
    );
    assert_eq!(back.actors[0].ready, 3);
    load.more(40).await;
    let sent = load.stop().await;
    assert!(sent > 100, "{sent}");
    assert_eq!(shop.replicas(&[&front, &a, &b]).await, [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_host_is_made_up_for_and_its_leadership_taken_over() {
    let (_nats, lattice) = lattice().await;
    let first = lattice.host_with(leading("first")).await;
    let shop = Shop::new(lattice);
    eventually("somebody to lead", PATIENCE, || async {
        shop.lattice.client().leader().await.ok().flatten()
    })
    .await;
    let (front, b) = (
        shop.lattice.host_with(leading("front").labels("front=yes")).await,
        shop.lattice.host_with(leading("b")).await,
    );
    shop.apply(shop.declare(shop.web("hello-http").await, Placement::replicas(3)))
        .await;
    shop.until(1, AppPhase::Ready).await;
    assert_eq!(shop.replicas(&[&first, &front, &b]).await, [1, 1, 1]);
    // As a crash: nobody is told, and the lease runs out.
    drop(first);
    eventually("the share of the lost host to run elsewhere", PATIENCE, || async {
        let replicas = shop.replicas(&[&front, &b]).await;
        (replicas.iter().sum::<u32>() == 3).then_some(())
    })
    .await;
    shop.until(1, AppPhase::Ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_host_is_emptied_and_a_stopping_one_hands_over_first() {
    let (_nats, lattice) = lattice().await;
    let (front, a, b) = three(&lattice).await;
    let shop = Shop::new(lattice);
    shop.apply(shop.declare(shop.web("hello-http").await, Placement::replicas(3)))
        .await;
    shop.until(1, AppPhase::Ready).await;
    let load = Load::start(&Http::new(), &shop.url(&front).await, 4);
    load.more(20).await;
    let evacuate = HostSchedule {
        scheduling: Scheduling::Evacuating,
    };
    shop.lattice.send(&a, &evacuate).await.expect("takes it down");
    eventually("the drained host to be empty", PATIENCE, || async {
        (shop.replicas(&[&a]).await == [0] && shop.inventory(&a).await.actors.is_empty()).then_some(())
    })
    .await;
    let open = HostSchedule {
        scheduling: Scheduling::Open,
    };
    shop.lattice.send(&a, &open).await.expect("takes it down");
    eventually("the host to get its share again", PATIENCE, || async {
        (shop.replicas(&[&front, &a, &b]).await == [1, 1, 1]).then_some(())
    })
    .await;
    load.more(20).await;
    b.stop(PATIENCE).await;
    assert_eq!(
        shop.replicas(&[&front, &a]).await.iter().sum::<u32>(),
        3,
        "it went when others had taken over"
    );
    load.more(20).await;
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_restarted_runs_what_it_ran_although_nobody_leads() {
    let (_nats, lattice) = lattice().await;
    let leader = lattice.host_with(leading("leader")).await;
    let edge = lattice.host_with(HostOptions::named("edge").labels("front=yes")).await;
    let shop = Shop::new(lattice);
    let mut placement = Placement::replicas(2);
    placement.spread = shop
        .declare(shop.web("hello-http").await, Placement::default())
        .providers[0]
        .placement
        .spread
        .clone();
    shop.apply(shop.declare(shop.web("hello-http").await, placement)).await;
    shop.until(1, AppPhase::Ready).await;
    drop(leader);
    // Its orders are on disk soon after it was told.
    tokio::time::timeout(PATIENCE, async {
        while !edge.folder().join("orders.json").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the orders are kept");
    let edge = edge.restart(&shop.lattice).await;
    eventually("it to run what it ran", PATIENCE, || async {
        let inventory = shop.inventory(&edge).await;
        (inventory.actors.len() == 1 && inventory.actors[0].replicas == 2 && inventory.providers.len() == 1)
            .then_some(())
    })
    .await;
    let url = shop.url(&edge).await;
    assert!(Http::new().get(&url).await.ok().contains("Hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_cut_off_serves_again_after_a_restart() {
    let (_nats, lattice) = lattice().await;
    let leader = lattice.host_with(leading("leader")).await;
    let options = HostOptions::named("edge").labels("front=yes");
    let edge = lattice.host_with(options.clone()).await;
    let shop = Shop::new(lattice);
    let mut declared = shop.declare(shop.web("hello-http").await, Placement::replicas(1));
    let address = format!("127.0.0.1:{}", lattice_testkit::free_port());
    declared.providers[0]
        .spec
        .config
        .insert("address".to_owned(), address.clone());
    declared.actors[0].placement.spread = declared.providers[0].placement.spread.clone();
    shop.apply(declared).await;
    shop.until(1, AppPhase::Ready).await;
    let url = format!("http://{address}");
    assert!(Http::new().get(&url).await.ok().contains("Hello"));
    drop(leader);
    edge.stop(PATIENCE).await;

    // What is left at the edge is a server that knows nobody, and has nothing of the lattice's state.
    let alone = lattice_testkit::NatsServer::builder().without_jetstream().start().await;
    let _edge = shop.lattice.host_with(options.url(alone.url())).await;
    let http = Http::new();
    eventually("it to serve as before", PATIENCE, || async {
        let answer = http.try_request(http::Method::GET, &url, "").await.ok()?;
        answer.text().contains("Hello").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_at_once_are_told_of_each_other() {
    let (_nats, lattice) = lattice().await;
    let shop = Shop::new(lattice);
    let web = shop.web("hello-http").await;
    shop.apply(shop.declare(web.clone(), Placement::replicas(1))).await;
    let before = shop.lattice.client().app(&shop.app).await.expect("reads");
    let signer = shop.lattice.app_signer();
    let client = shop.lattice.client();
    let write = |count| {
        client.revise(
            shop.declare(web.clone(), Placement::replicas(count)),
            Cause::Applied,
            before.as_ref(),
            &signer,
        )
    };
    let (one, other) = tokio::join!(write(2), write(3));
    let (won, lost) = match (one, other) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("exactly one wins: {both:?}"),
    };
    assert_eq!(won.revision.number, 2);
    assert_eq!(lost.kind, lattice_control::ErrorKind::Conflict);
    assert!(lost.message.contains("revision 2"), "{}", lost.message);
}

/// The time between two kills, and how many applies there are at most `EVERY / PAUSE` of between them. `LATTICE_CHAOS_EVERY` (in
/// seconds) makes it as slow as one likes.
fn every() -> Duration {
    let slow = std::env::var("LATTICE_CHAOS_EVERY")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(slow.unwrap_or(3))
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_die_while_fifty_applications_are_applied_and_nothing_is_left_or_doubled() {
    const APPLIES: u32 = 50;
    let (_nats, lattice) = lattice().await;
    let names = ["a", "b", "c"];
    let mut hosts: Vec<TestHost> = Vec::new();
    for name in names {
        hosts.push(lattice.host_with(leading(name)).await);
    }
    let digest = lattice.store(guest("pong")).await;
    let signer = lattice.app_signer();
    let declare = |index: u32| {
        // Ten applications, each applied five times, with more replicas each time, and two actors or one.
        let app = name(&format!("app-{}", index % 10));
        let actor = |which: &str, replicas: u32| {
            let mut spec = ActorSpec::new(format!("{app}-{which}").parse().expect("a name"), digest, "test:pong");
            spec.app = Some(app.clone());
            spec.config.insert("round".to_owned(), (index / 10).to_string());
            DesiredActor {
                spec,
                placement: Placement::replicas(replicas),
                update: Default::default(),
            }
        };
        let mut actors = vec![actor("one", 1 + index / 10)];
        if index / 10 != 4 {
            actors.push(actor("two", 2));
        }
        Application {
            actors,
            ..Application::empty(app)
        }
    };
    let pause = every() * 5 / APPLIES;
    let applying = async {
        for index in 0..APPLIES {
            let next = declare(index);
            let before = lattice.client().app(&next.name).await.expect("reads");
            lattice
                .client()
                .revise(next, Cause::Applied, before.as_ref(), &signer)
                .await
                .expect("writes");
            tokio::time::sleep(pause).await;
        }
    };
    let killing = async {
        let mut killed = 0;
        for _ in 0..5 {
            tokio::time::sleep(every()).await;
            let Some(leader) = lattice.client().leader().await.expect("reads") else {
                continue;
            };
            let Some(at) = hosts.iter().position(|host| *host.id() == leader) else {
                continue;
            };
            let host = hosts.swap_remove(at);
            let again = host.name().to_owned();
            drop(host);
            killed += 1;
            hosts.push(lattice.host_with(leading(&again)).await);
        }
        killed
    };
    let ((), killed) = tokio::join!(applying, killing);
    assert!(killed >= 3, "{killed}");
    let asked = AppsProgress::default();
    eventually(
        "every application to be ready in its last revision",
        PATIENCE,
        || async {
            let leader = lattice.client().leader().await.ok()??;
            let reply = lattice.client().read(&leader, &asked).await.ok()?;
            let ready = reply
                .apps
                .iter()
                .filter(|app| app.phase == AppPhase::Ready && app.revision == 5)
                .count();
            (ready == 10).then_some(())
        },
    )
    .await;
    // The host that was started again last may still run what it ran before, until the controller has seen it.
    let expected: BTreeMap<(String, String), u32> = (0..10)
        .map(|index| ((format!("app-{index}-one"), "4".to_owned()), 5))
        .collect();
    eventually(
        "what runs to be what was applied last, and nothing else",
        PATIENCE,
        || async {
            let mut running = BTreeMap::new();
            for host in &hosts {
                let inventory: InventoryReply = lattice.client().read(host.id(), &Inventory {}).await.ok()?;
                for actor in inventory.actors {
                    let version = actor.spec.config["round"].clone();
                    *running.entry((actor.spec.name.to_string(), version)).or_insert(0) += actor.replicas;
                }
            }
            (running == expected).then_some(())
        },
    )
    .await;
}
