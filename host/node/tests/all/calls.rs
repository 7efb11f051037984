//! Calls from actor to actor, through interfaces of their own.

use lattice_control::{Call, KeyedMove, TextEncoding};
use lattice_node::testing::{PATIENCE, TestHost, TestLattice};

use crate::support::{Http, PONG, lattice, serve, start_guest};

async fn call(
    lattice: &TestLattice,
    host: &TestHost,
    actor: &str,
    interface: &str,
    function: &str,
    args: &str,
) -> String {
    let call = Call {
        key: None,
        owner_unreachable: false,
        actor: actor.parse().unwrap(),
        interface: interface.to_owned(),
        function: function.to_owned(),
        arguments: args.to_owned(),
        encoding: TextEncoding::Wave,
        deadline_ms: u64::try_from(PATIENCE.as_millis()).unwrap(),
    };
    let reply = lattice.send(host, &call).await;
    reply
        .unwrap_or_else(|error| panic!("{actor} {interface}.{function}({args}): {error:?}"))
        .result
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_reaches_pong_on_the_same_host_and_on_another() {
    let (_nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    lattice.link("actor/ping", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "ping", &[&here]).await;
    start_guest(&lattice, "pong", &[&here]).await;
    let url = serve(&lattice, &here, "ping").await;
    let http = Http::new();
    let near = (http.get(&url).await.ok(), http.get(&format!("{url}/ada")).await.ok());
    assert_eq!(near.0.trim(), "pong: ping");

    start_guest(&lattice, "pong", &[&there]).await;
    lattice.stop_actor(&here, &"pong".parse().unwrap(), PATIENCE).await;
    let far = (http.get(&url).await.ok(), http.get(&format!("{url}/ada")).await.ok());
    assert_eq!(near, far, "the same wherever pong lives");
    let refused = http.get(&format!("{url}/sleepy")).await;
    assert_eq!(
        refused.status,
        409,
        "a variant of the callee's own error type: {}",
        refused.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_crosses_unharmed_within_a_host_and_between_hosts() {
    let (_nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    lattice
        .link("actor/test-types-caller", "test:types/echo", "actor/test-types", &[])
        .await;
    start_guest(&lattice, "test-types-caller", &[&here]).await;
    start_guest(&lattice, "test-types", &[&here]).await;
    let run = async || call(&lattice, &here, "test-types-caller", "test:types/checks", "run", "").await;
    let near = run().await;
    assert!(near.contains("ok("), "{near}");
    start_guest(&lattice, "test-types", &[&there]).await;
    lattice
        .stop_actor(&here, &"test-types".parse().unwrap(), PATIENCE)
        .await;
    assert_eq!(run().await, near, "as many checks pass over the lattice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_of_the_callee_is_the_guests_fault_wherever_it_ran() {
    let (_nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    lattice
        .link("actor/test-types-caller", "test:types/echo", "actor/test-types", &[])
        .await;
    start_guest(&lattice, "test-types-caller", &[&here]).await;
    for callee in [&here, &there] {
        start_guest(&lattice, "test-types", &[callee]).await;
        let provoke = Call {
            key: None,
            owner_unreachable: false,
            actor: "test-types-caller".parse().unwrap(),
            interface: "test:types/checks".to_owned(),
            function: "provoke-trap".to_owned(),
            arguments: "\"bang\"".to_owned(),
            encoding: TextEncoding::Wave,
            deadline_ms: 20_000,
        };
        let error = lattice.send(&here, &provoke).await.expect_err("traps");
        assert_eq!(error.kind, lattice_control::ErrorKind::Guest, "{error:?}");
        lattice
            .stop_actor(callee, &"test-types".parse().unwrap(), PATIENCE)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_by_hand_in_wave_and_in_json() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    start_guest(&lattice, "pong", &[&host]).await;
    assert_eq!(
        call(&lattice, &host, "pong", PONG, "ping", "\"hello\"").await,
        "\"pong: hello\""
    );
    assert_eq!(
        call(&lattice, &host, "pong", PONG, "ping", "[\"hello\"]").await,
        "\"pong: hello\""
    );
    let unknown = Call {
        key: None,
        owner_unreachable: false,
        actor: "pong".parse().unwrap(),
        interface: PONG.to_owned(),
        function: "pang".to_owned(),
        arguments: String::new(),
        encoding: TextEncoding::Wave,
        deadline_ms: 1_000,
    };
    let error = lattice.send(&host, &unknown).await.expect_err("no such function");
    assert_eq!(error.kind, lattice_control::ErrorKind::NotFound, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_argument_crosses_between_hosts() {
    let (_nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    lattice.link("actor/test-relay", PONG, "actor/pong", &[]).await;
    start_guest(&lattice, "test-relay", &[&here]).await;
    start_guest(&lattice, "pong", &[&there]).await;
    // Several times what one message of NATS holds.
    let bytes = 5 << 20;
    let done = call(
        &lattice,
        &here,
        "test-relay",
        "test:relay/relay",
        "many",
        &format!("2, {bytes}"),
    )
    .await;
    assert_eq!(done, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_calls_one_with_state_on_its_own_host_and_where_that_has_gone() {
    let (_nats, lattice) = lattice().await;
    let (here, there) = (lattice.host("here").await, lattice.host("there").await);
    let (relay, stateful) = ("actor/test-keyed-relay", "actor/test-stateful");
    lattice.link(relay, PONG, "actor/pong", &[]).await;
    lattice.link(relay, "test:stateful/operations", stateful, &[]).await;
    lattice.link(stateful, PONG, "actor/pong", &[]).await;
    // It could do more, and starts only when all of that leads somewhere.
    for interface in [
        "wasi:keyvalue/store",
        "wasi:http/outgoing-handler",
        "wasmcloud:messaging/consumer",
    ] {
        lattice.link(stateful, interface, "provider/nobody", &[]).await;
    }
    start_guest(&lattice, "pong", &[&here]).await;
    start_guest(&lattice, "test-stateful", &[&here]).await;
    start_guest(&lattice, "test-keyed-relay", &[&here]).await;
    let many = async |function: &str, arguments: &str| {
        let interface = "test:keyed-relay/relay";
        call(&lattice, &here, "test-keyed-relay", interface, function, arguments).await
    };
    assert_eq!(many("plain", "20, 16").await, "20");
    assert_eq!(many("keyed", "\"ada\", 20, 16").await, "20");

    start_guest(&lattice, "test-stateful", &[&there]).await;
    let order = KeyedMove {
        name: "test-stateful".parse().expect("a name"),
        key: Some("ada".parse().expect("a key")),
        to: there.id().clone(),
        pause_max_ms: 5_000,
    };
    lattice.send(&here, &order).await.expect("moved");
    assert_eq!(many("keyed", "\"ada\", 20, 16").await, "20");
}
