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
    }
}

fn told(worlds: &[(&str, World)]) -> Vec<String> {
    let manifests = read(&text(SHOP), &Options::default()).expect("a good one");
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
