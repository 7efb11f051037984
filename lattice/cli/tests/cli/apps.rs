//! Applications, as people type them: manifests of ours and of wadm, applied to real hosts.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fixture::{Home, component, free_port, http_get, require_host_program};

/// A manifest with an HTTP server on a free port, and this many replicas behind it.
struct Shop {
    home: Home,
    port: u16,
}

impl Shop {
    fn new() -> Self {
        require_host_program();
        let mut home = Home::new();
        home.up(&["--name", "one", "--label", "site=a", "--host", "two:site=b"]);
        Self {
            home,
            port: free_port(),
        }
    }

    fn write(&self, replicas: u32, change: impl FnOnce(&mut Value)) -> String {
        let mut manifest = json!({
            "apiVersion": "lattice.dev/v1",
            "kind": "Application",
            "metadata": { "name": "shop" },
            "spec": {
                "actors": [{ "name": "web", "image": component("hello-http"), "replicas": replicas }],
                "providers": [
                    { "name": "http", "kind": "http-server", "config": { "address": format!("127.0.0.1:{}", self.port) },
                        // On one machine only one of the hosts can have the port.
                        "placement": { "require": { "site": "b" } } },
                ],
                "routes": [{ "provider": "http", "actor": "web", "path": "/" }],
            },
        });
        change(&mut manifest);
        let file = self.home.path().join("shop.json");
        std::fs::write(&file, manifest.to_string()).expect("written");
        file.to_str().expect("text").to_owned()
    }

    fn apply(&self, file: &str) -> crate::fixture::Run {
        self.home.run(&["apply", "-f", file, "--wait"])
    }

    fn replicas(&self) -> u64 {
        let listing = self.home.json(&["get", "actors"]);
        let items = listing["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|actor| actor["replicas"].as_u64()).sum()
    }
}

#[test]
fn an_application_is_applied_changed_by_hand_rolled_back_and_deleted() {
    let shop = Shop::new();
    let home = &shop.home;
    let file = shop.write(2, |_| {});
    home.run(&["validate", "-f", &file]).ok();
    assert_eq!(home.run(&["diff", "-f", &file]).code, Some(7));
    let dry = home.run(&["apply", "-f", &file, "--dry-run"]).ok();
    assert!(
        dry.stdout.contains("+") && home.json(&["app", "list"])["items"] == json!([]),
        "{dry:?}"
    );

    shop.apply(&file).ok();
    assert_eq!(http_get(shop.port, "/").expect("answers").0, 200);
    assert_eq!(home.run(&["diff", "-f", &file]).code, Some(0), "nothing would change");
    home.run(&["apply", "-f", &file, "--if-revision", "0"])
        .fails(6, "revision 1, not 0");

    // By hand, and the controller keeps it so.
    home.run(&["scale", "web", "5"]).ok();
    assert_eq!(shop.replicas(), 5);
    home.run(&["move", "web", "--from", "one", "--to", "two"]).ok();
    let listing = home.json(&["get", "actors", "web"]);
    let hosts = listing["items"][0]["hosts"].as_array().expect("a list");
    let placed: Vec<_> = hosts.iter().map(|host| (&host["host"], &host["replicas"])).collect();
    assert_eq!(placed, [(&json!("two"), &json!(5))]);
    home.run(&["start", "actor", "web", &component("hello-http")])
        .fails(6, "web");

    // Written down, and taken back.
    assert_eq!(
        home.json(&["app", "history", "shop"])["items"].as_array().map(Vec::len),
        Some(3)
    );
    home.run(&["app", "rollback", "shop", "--to", "1"]).ok();
    assert_eq!(shop.replicas(), 2);
    let status = home.json(&["app", "status", "shop"]);
    assert_eq!(
        (&status["progress"]["phase"], &status["revision"]),
        (&json!("ready"), &json!(4)),
        "{status}"
    );

    // A host is emptied, and takes its share again.
    home.run(&["drain", "one"]).ok();
    let on_one = |home: &Home| {
        let hosts = home.json(&["get", "hosts", "one"]);
        hosts["items"][0]["actors"].as_u64()
    };
    assert_eq!(on_one(home), Some(0));
    home.run(&["uncordon", "one"]).ok();

    home.run(&["app", "delete", "shop"]).ok();
    for what in ["actors", "providers", "links"] {
        assert_eq!(home.json(&["get", what])["items"], json!([]), "{what}");
    }
    home.run(&["app", "status", "nothing"]).fails(3, "nothing");
}

#[test]
fn what_cannot_become_ready_is_taken_back_and_said() {
    let shop = Shop::new();
    shop.apply(&shop.write(2, |_| {})).ok();
    let file = shop.write(2, |manifest| {
        manifest["spec"]["actors"][0]["limits"] = json!({ "memory": "64KiB" });
        manifest["spec"]["actors"][0]["update"] = json!({ "probe": { "http": "/" } });
    });
    let failed = shop.apply(&file).fails(1, "did not become ready");
    assert!(failed.stderr.contains("revision 1 is back in force"), "{failed:?}");
    assert_eq!(http_get(shop.port, "/").expect("answers").0, 200);
    let history = shop.home.json(&["app", "history", "shop"]);
    assert_eq!(history["items"][0]["cause"]["why"], "failed", "{history}");
}

#[test]
fn mistakes_are_told_with_their_place_and_nothing_is_done() {
    let home = Home::new();
    let wadm = fixtures().join("broken");
    let native = fixtures().join("../native/broken");
    let mut checked = 0;
    for folder in [wadm, native] {
        for entry in std::fs::read_dir(&folder).expect("the fixtures are there") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let file = path.to_str().expect("text");
                let run = home.run(&["validate", "-f", file]).fails(1, "error: ");
                let name = path.file_name().and_then(|name| name.to_str()).expect("text");
                assert!(run.stderr.contains(&format!("{name}:")), "no place in {}", run.stderr);
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
    home.run(&["validate", "-f", "/nowhere.yaml"]).fails(3, "/nowhere.yaml");
    home.run(&["validate"]).fails(2, "no manifest");
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifest/tests/fixtures/wadm")
}

/// Files of others, unmodified: what each asks for, as actor and number of replicas.
const WADM: [(&str, &[(&str, u64)]); 11] = [
    ("hello", &[("rust-hello-world-http-component", 1)]),
    ("spread", &[("hello_world", 5)]),
    ("daemon", &[("edge-hello", 2)]),
    ("named-links", &[("named-counter", 100)]),
    ("shared-provider", &[("shared-http-dev-hello", 12)]),
    ("deprecated", &[("kvcounter-counter", 1)]),
    ("upgrade-v1", &[("updateapp-hello", 2)]),
    ("upgrade-v2", &[("updateapp-counter", 3), ("updateapp-hello", 4)]),
    ("upgrade-v3", &[("updateapp-counter", 3), ("updateapp-hello", 6)]),
    ("custom-interface", &[("ping-pong-ping", 1), ("ping-pong-pong", 1)]),
    (
        "messaging",
        &[("rust-echo-messaging-echo", 1), ("rust-echo-messaging-quiet", 1)],
    ),
];

#[test]
fn wadm_files_of_others_reach_the_counts_they_ask_for() {
    require_host_program();
    let mut home = Home::new();
    // Two hosts in the zone that one of them asks for twice.
    let hosts = ["east2:zone=us-east-1", "west:zone=us-west-1", "edge:tier=edge"];
    let mut flags = vec!["--name", "east", "--label", "zone=us-east-1"];
    flags.extend(hosts.iter().flat_map(|host| ["--host", host]));
    home.up(&flags);
    for host in ["east", "east2", "west", "edge"] {
        let secrets = home.path().join(format!("lattices/default/hosts/{host}/secrets"));
        std::fs::create_dir_all(&secrets).expect("made");
        std::fs::write(secrets.join("api-password"), "s3cret\n").expect("written");
    }
    let aliases = fixtures().join("aliases.yaml");
    let aliases = aliases.to_str().expect("text");
    for (index, (name, wanted)) in WADM.iter().enumerate() {
        let file = fixtures().join(format!("{name}.yaml"));
        let file = file.to_str().expect("text");
        let run = home.run(&["apply", "-f", file, "--image-aliases", aliases, "--wait"]);
        // Both of its servers want one port, and here both are on one machine.
        assert!(
            run.code == Some(0) || run.stderr.contains("Address already in use"),
            "{name}: {run:?}"
        );
        let listing = home.json(&["get", "actors"]);
        let items = listing["items"].as_array().expect("a list");
        for (actor, replicas) in *wanted {
            let seen = items
                .iter()
                .find(|item| item["name"] == *actor)
                .map(|item| item["replicas"].clone());
            assert_eq!(seen, Some(json!(replicas)), "{name}: {actor} in {listing}");
        }
        let upgraded = WADM
            .get(index + 1)
            .is_some_and(|(next, _)| next.starts_with("upgrade") && name.starts_with("upgrade"));
        if upgraded {
            continue;
        }
        for app in home.json(&["app", "list"])["items"].as_array().expect("a list") {
            let app = app["name"].as_str().expect("a name");
            home.run(&["app", "delete", app, "--force"]).ok();
        }
        for what in ["actors", "providers", "links"] {
            assert_eq!(home.json(&["get", what])["items"], json!([]), "{what} after {name}");
        }
    }
}
