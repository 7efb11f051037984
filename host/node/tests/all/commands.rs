//! What commands answer, when it is not plain success.

use lattice_control::{
    ActorInspect, ActorScale, CheckStatus, Doctor, ErrorKind, ImportClass, InspectTarget, Inventory, Placements,
};
use lattice_core::presence::MemberState;
use lattice_node::testing::guest;

use crate::support::{PONG, lattice, start_guest};

#[tokio::test(flavor = "multi_thread")]
async fn starting_what_runs_already_is_success_and_scales() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = lattice.actor("hello-http", guest("hello-http")).await;
    let first = lattice.try_start(&host, &spec, 1).await.unwrap();
    assert!(!first.was_running);
    let again = lattice.try_start(&host, &spec, 3).await.unwrap();
    assert!(again.was_running);
    assert_eq!((again.status.replicas, again.status.capacity), (3, 3 * 128));
    assert_eq!(lattice.scale(&host, &spec.name, 2).await.capacity, 2 * 128);
    let zero = ActorScale {
        actor: spec.name.clone(),
        replicas: 0,
    };
    assert_eq!(
        lattice.send(&host, &zero).await.expect_err("that is a stop").kind,
        ErrorKind::Invalid
    );
    let nobody = ActorScale {
        actor: "nobody".parse().unwrap(),
        replicas: 1,
    };
    assert_eq!(
        lattice.send(&host, &nobody).await.expect_err("not here").kind,
        ErrorKind::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_component_are_refused() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let spec = lattice.actor("nonsense", "not a component").await;
    let error = lattice.try_start(&host, &spec, 1).await.expect_err("nonsense");
    assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
    let mut missing = spec.clone();
    missing.digest = lattice_core::Digest::of(b"never stored");
    let error = lattice.try_start(&host, &missing, 1).await.expect_err("not stored");
    assert_eq!(error.kind, ErrorKind::NotFound, "{error:?}");
    let inventory = lattice.client().read(host.id(), &Inventory {}).await.unwrap();
    assert!(inventory.actors.is_empty(), "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_wants_other_labels_is_refused() {
    let (_nats, lattice) = lattice().await;
    let edge = lattice
        .host_with(lattice_node::testing::HostOptions::named("edge").labels("zone=edge"))
        .await;
    let mut spec = lattice.actor("hello-http", guest("hello-http")).await;
    spec.placement = "zone=cloud".parse().unwrap();
    let error = lattice.try_start(&edge, &spec, 1).await.expect_err("the wrong zone");
    assert!(error.message.contains("zone=edge"), "{error:?}");
    spec.placement = "zone=edge".parse().unwrap();
    lattice.start_actor(&edge, &spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_shows_what_satisfies_each_import() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let link = lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&host]).await;
    let inspect = ActorInspect {
        target: InspectTarget::Actor("ping".parse().unwrap()),
    };
    let shape = lattice.client().read(host.id(), &inspect).await.unwrap();
    let pong = shape
        .imports
        .iter()
        .find(|import| import.interface.id.as_str() == PONG)
        .unwrap();
    assert_eq!(
        (pong.class, pong.links.as_slice()),
        (Some(ImportClass::Actor), [link].as_slice())
    );
    assert!(
        pong.functions
            .iter()
            .any(|f| f.name == "ping" && f.signature.starts_with("func(")),
        "{pong:?}"
    );
    assert!(
        shape
            .exports
            .iter()
            .any(|export| export.interface.id.as_str() == "wasi:http/incoming-handler")
    );

    let digest = lattice.store(guest("test-resource")).await;
    let inspect = ActorInspect {
        target: InspectTarget::Artifact(digest),
    };
    let shape = lattice.client().read(host.id(), &inspect).await.unwrap();
    let problem = shape
        .imports
        .iter()
        .find_map(|import| import.problem.clone())
        .expect("a resource is a problem");
    assert!(problem.contains("resource"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_tells_its_health_and_what_it_sees() {
    let (_nats, lattice) = lattice().await;
    let (one, two) = (lattice.host("one").await, lattice.host("two").await);
    let report = lattice.client().read(one.id(), &Doctor {}).await.unwrap();
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    for name in ["engine", "nats", "jetstream", "clock", "trust", "enrolment", "disk"] {
        assert!(
            report.checks.iter().any(|check| check.name == name),
            "{name}: {report:?}"
        );
    }
    let members = lattice.client().members().await.unwrap();
    assert_eq!(members.len(), 2);
    assert!(
        members
            .iter()
            .all(|member| member.state == MemberState::Ready && member.sees.len() == 2),
        "{members:?}"
    );

    start_guest(&lattice, "hello-http", &[&two]).await;
    let party = "actor/hello-http".parse().unwrap();
    let placements = lattice.client().read(one.id(), &Placements { party }).await.unwrap();
    assert_eq!(
        placements.members,
        [two.id().clone()],
        "told before the command was answered"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_start_says_why() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let start = async |kind: &str, config: &[(&str, &str)]| {
        let mut spec = lattice_core::ProviderSpec::new("p".parse().unwrap(), kind.parse().unwrap());
        spec.config = lattice_core::ConfigMap::from_iter(config.iter().copied()).0;
        lattice
            .send(&host, &lattice_control::ProviderStart { spec })
            .await
            .expect_err("does not start")
    };
    assert!(
        start("http-sever", &[])
            .await
            .message
            .contains("did you mean `http-server`")
    );
    let mistakes = start("http-server", &[("adress", "127.0.0.1:0"), ("timeout", "soon")])
        .await
        .message;
    assert!(
        mistakes.contains("adress") && mistakes.contains("timeout"),
        "all at once: {mistakes}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(
        start("http-server", &[("address", &address)])
            .await
            .message
            .contains(&address)
    );
    let inventory = lattice.client().read(host.id(), &Inventory {}).await.unwrap();
    assert!(inventory.providers.is_empty(), "nothing is left of it");
}
