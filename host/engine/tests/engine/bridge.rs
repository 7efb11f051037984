//! Calls from actor to actor.

use std::sync::Arc;

use lattice_core::{Blame, FaultKind, LinkLabel};
use lattice_engine::Actor;

use crate::stub::World;
use crate::support::{call, get, guest, interface, options, start, text, world};

async fn every_type_comes_back(over_the_wire: bool) {
    let world = Arc::new(World {
        over_the_wire,
        ..World::default()
    });
    let echo = start(guest("test-types"), options("echo"), &world).await;
    world.actors.lock().insert(LinkLabel::default(), echo);
    let caller = start(guest("test-types-caller"), options("caller"), &world).await;
    let checks = interface("test:types/checks@0.1.0");
    let answer = caller
        .call_text(&checks, "run", "", &call())
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(answer.starts_with("ok("), "{answer}");
    let fault = caller
        .call_text(&checks, "provoke-trap", "\"on purpose\"", &call())
        .await
        .expect_err("traps");
    assert_eq!((fault.kind, fault.blame), (FaultKind::Trap, Blame::Guest), "{fault}");
    assert!(fault.message.contains("test:types/echo@0.1.0.trap"), "{fault}");
}

#[tokio::test]
async fn every_type_comes_back_within_a_process() {
    every_type_comes_back(false).await;
}

#[tokio::test]
async fn every_type_comes_back_from_another_host() {
    every_type_comes_back(true).await;
}

#[tokio::test]
async fn actors_call_each_other() {
    let world = world();
    let pong = start(guest("pong"), options("pong"), &world).await;
    world.actors.lock().insert(LinkLabel::default(), pong);
    let ping = start(guest("ping"), options("ping"), &world).await;
    assert!(get(&ping, "/anna").await.expect("answers").contains("anna"));
    let relay = start(guest("test-relay"), options("relay"), &world).await;
    let answer = relay
        .call_text(&interface("test:relay/relay"), "many", "100, 1000", &call())
        .await;
    assert_eq!(answer.expect("answers"), "100");
}

#[tokio::test]
async fn labels_choose_among_links() {
    let world = world();
    for place in ["here", "there"] {
        let mut options = options("pong");
        options.config.insert("place".into(), place.into());
        let pong = start(guest("pong"), options, &world).await;
        world.actors.lock().insert(place.parse().expect("a label"), pong);
    }
    let links = start(guest("test-links"), options("links"), &world).await;
    let there: LinkLabel = "there".parse().expect("a label");
    world.missing.lock().push("nowhere".parse().expect("a label"));
    assert!(get(&links, "/here/ping/x").await.expect("answers").contains("pong: x"));
    crate::support::send(&links, http::Method::POST, "/there/set/k", "v")
        .await
        .expect("answers");
    assert_eq!(get(&links, "/there/get/k").await.expect("answers"), r#"{"ok":"v"}"#);
    assert_eq!(get(&links, "/here/get/k").await.expect("answers"), r#"{"ok":null}"#);
    let refused = get(&links, "/nowhere/get/k").await.expect("answers");
    assert!(refused.contains("no link named `nowhere`"), "{refused}");
    // A choice lasts as long as the invocation that made it.
    assert_eq!(get(&links, "/-/get/k").await.expect("answers"), r#"{"ok":null}"#);
    world.missing.lock().push(there);
    assert!(
        get(&links, "/there/get/k")
            .await
            .expect("answers")
            .contains("no link named")
    );
}

#[tokio::test]
async fn a_callee_of_another_type_is_named_with_the_difference() {
    // Imports `ping` with a number, where `pong` has a string.
    let caller = text(
        r#"(component
            (import "example:ping-pong/pong@0.1.0" (instance $pong (export "ping" (func (param "message" u32)))))
            (core func $ping (canon lower (func $pong "ping")))
            (core module $m (import "" "ping" (func $ping (param i32))) (func (export "go") (call $ping (i32.const 1))))
            (core instance $i (instantiate $m (with "" (instance (export "ping" (func $ping))))))
            (func $go (canon lift (core func $i "go")))
            (instance $x (export "go" (func $go)))
            (export "test:caller/caller" (instance $x)))"#,
    );
    let world = world();
    let pong = start(guest("pong"), options("pong"), &world).await;
    world.actors.lock().insert(LinkLabel::default(), pong);
    let caller = start(caller, options("caller"), &world).await;
    let fault = caller
        .call_text(&interface("test:caller/caller"), "go", "", &call())
        .await
        .expect_err("differs");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    assert!(
        fault
            .message
            .contains("parameter `message`: the caller has u32, the callee string"),
        "{fault}"
    );
}

async fn text_call(actor: &Actor, function: &str, args: &str) -> Result<String, lattice_core::Fault> {
    actor
        .call_text(&interface("test:types/echo@0.1.0"), function, args, &call())
        .await
}

#[tokio::test]
async fn people_call_in_wave_or_json() {
    let actor = start(guest("test-types"), options("types"), &world()).await;
    let check = async |function: &str, args: &str, expect: &str| {
        let answer = text_call(&actor, function, args).await;
        assert_eq!(
            answer.unwrap_or_else(|fault| panic!("{function} {args}: {fault}")),
            expect,
            "{function} {args}"
        );
    };
    check("echo-string", "\"a\"", "\"a\"").await;
    check("echo-string", "(\"a\")", "\"a\"").await;
    check("echo-string", "[\"a\"]", "\"a\"").await;
    check("echo-record", "{x: 1, y: -2}", "{x: 1, y: -2}").await;
    check("echo-record", r#"{"x": 1, "y": -2}"#, r#"{"x":1,"y":-2}"#).await;
    check("echo-record", r#"[{"x": 1, "y": -2}]"#, r#"{"x":1,"y":-2}"#).await;
    check("echo-nested-option", "some(none)", "some(none)").await;
    check("echo-nested-option", r#"{"some": null}"#, r#"{"some":null}"#).await;
    check("echo-variant", "letter(\"dear\")", "letter(\"dear\")").await;
    check("echo-variant", r#"{"letter": "dear"}"#, r#"{"letter":"dear"}"#).await;
    check("echo-result", "err(\"no\")", "err(\"no\")").await;
    check("echo-flags", "{read, execute}", "{read, execute}").await;
    check("echo-flags", r#"["read", "execute"]"#, r#"["read","execute"]"#).await;
    check("echo-bytes", "[1, 2, 255]", "[1, 2, 255]").await;
    check("nothing", "", "").await;
    let fault = text_call(&actor, "echo-u8", "256").await.expect_err("does not fit");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    assert!(fault.message.contains("echo-u8: func(v: u8) -> u8"), "{fault}");
    let fault = text_call(&actor, "echo-u9", "256").await.expect_err("is no function");
    assert_eq!(fault.kind, FaultKind::NotFound);
}

#[tokio::test]
async fn a_link_that_is_withdrawn_stops_working_at_once() {
    let world = world();
    let pong = start(guest("pong"), options("pong"), &world).await;
    world.actors.lock().insert(LinkLabel::default(), pong);
    let relay = start(guest("test-relay"), options("relay"), &world).await;
    let once = async || {
        relay
            .call_text(&interface("test:relay/relay"), "once", "\"x\"", &call())
            .await
    };
    assert_eq!(once().await.expect("answers"), "\"pong: x\"");
    world.actors.lock().clear();
    assert_eq!(once().await.expect_err("is gone").kind, FaultKind::Denied);
}

#[tokio::test]
async fn an_asynchronous_import_reaches_an_actor_of_either_kind() {
    // `go` adds one by way of whoever exports `add`: asynchronous itself, so that it may wait.
    let caller = text(
        r#"(component
            (import "test:sums/sums" (instance $sums (export "add" (func async (param "v" u32) (result u32)))))
            (core func $add (canon lower (func $sums "add")))
            (core module $m
                (import "" "add" (func $add (param i32) (result i32)))
                (func (export "go") (param i32) (result i32) (call $add (local.get 0))))
            (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
            (func $go async (param "v" u32) (result u32) (canon lift (core func $i "go")))
            (instance $x (export "go" (func $go)))
            (export "test:sums/goes" (instance $x)))"#,
    );
    let callee = |is_async: &str| {
        text(&format!(
            r#"(component
                (core module $m (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
                (core instance $i (instantiate $m))
                (func $add {is_async} (param "v" u32) (result u32) (canon lift (core func $i "add")))
                (instance $x (export "add" (func $add)))
                (export "test:sums/sums" (instance $x)))"#
        ))
    };
    for is_async in ["", "async"] {
        let world = world();
        let sums = start(callee(is_async), options("sums"), &world).await;
        assert_eq!(sums.compiled().shape().is_async, !is_async.is_empty());
        world.actors.lock().insert(LinkLabel::default(), sums);
        let goes = start(caller.clone(), options("goes"), &world).await;
        assert_eq!(
            goes.compiled().shape().imports[0].functions[0].text,
            "add: async func(v: u32) -> u32"
        );
        let answer = goes.call_text(&interface("test:sums/goes"), "go", "41", &call()).await;
        assert_eq!(answer.unwrap_or_else(|fault| panic!("{is_async}: {fault}")), "42");
        world.actors.lock().clear();
        let fault = goes
            .call_text(&interface("test:sums/goes"), "go", "41", &call())
            .await
            .expect_err("has no link");
        assert_eq!(fault.kind, FaultKind::Denied);
    }
}
