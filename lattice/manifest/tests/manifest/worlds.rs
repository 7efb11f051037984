//! Links against the worlds of components.

use std::collections::BTreeMap;

use lattice_core::{ActorName, VersionedInterface};
use lattice_manifest::{Options, Severity, World, read};

use crate::support::text;

const SHOP: &str = "apiVersion: lattice.dev/v1
kind: Application
metadata: {name: shop}
spec:
  actors:
    - {name: web, image: web.wasm}
    - {name: pong, image: pong.wasm}
  providers:
    - {name: http, kind: http-server}
    - {name: kv, kind: keyvalue-nats}
  links:
    - {source: web, interface: wasi:keyvalue/atomics, target: kv}
    - {source: web, interface: example:ping-pong/pong, target: pong}
  routes:
    - {provider: http, actor: web}
";

fn world(imports: &[&str], exports: &[&str]) -> World {
    let parse = |names: &[&str]| -> Vec<VersionedInterface> {
        names.iter().map(|name| name.parse().expect("an interface")).collect()
    };
    World {
        imports: parse(imports),
        exports: parse(exports),
        writes_to_peers: false,
    }
}

fn told(worlds: &[(&str, World)]) -> Vec<String> {
    told_of(SHOP, worlds)
}

fn told_of(manifest: &str, worlds: &[(&str, World)]) -> Vec<String> {
    let manifests = read(&text(manifest), &Options::default()).expect("a good one");
    let worlds: BTreeMap<ActorName, World> = worlds
        .iter()
        .map(|(name, world)| (name.parse().expect("a name"), world.clone()))
        .collect();
    manifests[0]
        .check_worlds(&worlds)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn worlds_that_fit_are_not_mentioned() {
    let web = world(
        &["wasi:keyvalue/atomics@0.2.0-draft", "example:ping-pong/pong@0.1.0"],
        &["wasi:http/incoming-handler@0.2.2"],
    );
    assert_eq!(
        told(&[("web", web), ("pong", world(&[], &["example:ping-pong/pong"]))]),
        [""; 0]
    );
    assert_eq!(told(&[]), [""; 0]);
    let p3 = world(
        &["wasi:keyvalue/atomics", "example:ping-pong/pong"],
        &["wasi:http/handler@0.3.0"],
    );
    assert_eq!(told(&[("web", p3)]), [""; 0]);
}

#[test]
fn an_import_without_a_link_is_told_with_the_link_that_it_needs() {
    let imports = ["wasi:keyvalue/atomic@0.2.0-draft", "wasmcloud:messaging/consumer@0.2.0"];
    let told = told(&[("web", world(&imports, &["wasi:http/handler@0.3.0"]))]);
    assert_eq!(
        told,
        [
            "a.yaml:6:26: error: actor `web` imports wasi:keyvalue/atomic@0.2.0-draft, and no link grants it\n  |\n6 |     - {name: web, image: web.wasm}\n  |                          ^^^^^^^^\n help: its link for `wasi:keyvalue/atomics` is nearly that: write `wasi:keyvalue/atomic`",
            "a.yaml:6:26: error: actor `web` imports wasmcloud:messaging/consumer@0.2.0, and no link grants it\n  |\n6 |     - {name: web, image: web.wasm}\n  |                          ^^^^^^^^\n help: write under `links`\n       - source: web\n         interface: wasmcloud:messaging\n         target: …",
            "a.yaml:12:16: warning: actor/web imports nothing that this link grants: it is never used\n   |\n12 |     - {source: web, interface: wasi:keyvalue/atomics, target: kv}\n   |                ^^^\n help: it imports wasi:keyvalue/atomic@0.2.0-draft, wasmcloud:messaging/consumer@0.2.0",
            "a.yaml:13:16: warning: actor/web imports nothing that this link grants: it is never used\n   |\n13 |     - {source: web, interface: example:ping-pong/pong, target: pong}\n   |                ^^^\n help: it imports wasi:keyvalue/atomic@0.2.0-draft, wasmcloud:messaging/consumer@0.2.0",
        ]
    );
}

#[test]
fn a_target_must_export_what_it_is_linked_for() {
    let manifests = read(&text(SHOP), &Options::default()).expect("a good one");
    let worlds = BTreeMap::from([("pong".parse().expect("a name"), world(&[], &["example:ping-pong/ping"]))]);
    let mistakes = manifests[0].check_worlds(&worlds);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!((mistakes[0].severity, mistakes[0].line), (Severity::Error, 13));
    assert_eq!(mistakes[0].message, "actor/pong does not export example:ping-pong/pong");
}

const CARTS: &str = "apiVersion: lattice.dev/v1
kind: Application
metadata: {name: carts}
spec:
  actors:
    - {name: web, image: web.wasm}
    - {name: cart, image: cart.wasm, state: {durability: volatile}}
  links:
    - {source: web, interface: lattice:actor/peer-handler, target: cart}
";

fn writing() -> World {
    World {
        writes_to_peers: true,
        ..World::default()
    }
}

const LIFECYCLE: &str = "lattice:actor/lifecycle@0.1.0";
const PEER_HANDLER: &str = "lattice:actor/peer-handler@0.1.0";

#[test]
fn links_for_peers_are_used_by_those_that_write_to_them() {
    let cart = || world(&[], &[LIFECYCLE, PEER_HANDLER]);
    assert_eq!(told_of(CARTS, &[("web", writing()), ("cart", cart())]), [""; 0]);
    assert_eq!(
        told_of(CARTS, &[("web", world(&[], &[])), ("cart", cart())]),
        [
            "a.yaml:9:16: warning: actor/web imports nothing that this link grants: it is never used\n  |\n9 |     - {source: web, interface: lattice:actor/peer-handler, target: cart}\n  |                ^^^\n help: it imports nothing"
        ]
    );
    let deaf = world(&[], &[LIFECYCLE]);
    assert_eq!(
        told_of(CARTS, &[("web", writing()), ("cart", deaf)]),
        [
            "a.yaml:9:16: error: actor/cart does not export lattice:actor/peer-handler\n  |\n9 |     - {source: web, interface: lattice:actor/peer-handler, target: cart}\n  |                ^^^\n help: it exports lattice:actor/lifecycle@0.1.0"
        ]
    );
}

#[test]
fn writing_to_peers_without_a_link_is_remarked() {
    let told = told_of(
        SHOP,
        &[(
            "pong",
            World {
                exports: world(&[], &["example:ping-pong/pong"]).exports,
                ..writing()
            },
        )],
    );
    assert_eq!(
        told,
        [
            "a.yaml:7:27: warning: actor `pong` writes to actors with state, and no link here says to which\n  |\n7 |     - {name: pong, image: pong.wasm}\n  |                           ^^^^^^^^^\n help: write under `links`\n       - source: pong\n         interface: lattice:actor/peer-handler\n         target: …"
        ]
    );
}

#[test]
fn a_state_needs_a_component_that_has_one() {
    let told = told_of(CARTS, &[("cart", world(&[], &[PEER_HANDLER]))]);
    assert_eq!(
        told,
        [
            "a.yaml:7:45: error: actor `cart` has no state: its component does not export lattice:actor/lifecycle\n  |\n7 |     - {name: cart, image: cart.wasm, state: {durability: volatile}}\n  |                                             ^\n help: leave `state` out, or export lattice:actor/lifecycle: the world `lattice:actor/actor` does"
        ]
    );
}

#[test]
fn requests_for_actors_with_state_name_one() {
    let routes = |route: &str| {
        CARTS.replace(
            "  links:",
            "  providers:\n    - {name: http, kind: http-server}\n  links:",
        ) + &format!("  routes:\n    - {{provider: http, actor: cart{route}}}\n")
    };
    let cart = || world(&[], &[LIFECYCLE, PEER_HANDLER, "wasi:http/handler@0.3.0"]);
    for route in [", path: \"/{key}/items\"", ", key: cookie:session"] {
        assert_eq!(told_of(&routes(route), &[("cart", cart())]), [""; 0], "{route}");
    }
    let told = told_of(&routes(", path: /cart"), &[("cart", cart())]);
    assert_eq!(
        told,
        [
            "a.yaml:13:18: error: actor/cart has state, and nothing says which one is meant\n   |\n13 |     - {provider: http, actor: cart, path: /cart}\n   |                  ^^^^\n help: make a segment of the path `{key}`, or write `key: header:NAME` beside it"
        ]
    );
    let without_state = world(&[], &[PEER_HANDLER, "wasi:http/handler@0.3.0"]);
    let plain = routes("").replace(", state: {durability: volatile}", "");
    assert_eq!(told_of(&plain, &[("cart", without_state)]), [""; 0]);
}
