//! From a registry to hosts, as people type it: push, sign, start, move, with and without the registry.

use std::path::PathBuf;
use std::process::Command;

use lattice_testkit::{Registry, skopeo};
use serde_json::json;

use crate::fixture::{Home, component, require_host_program};

/// A lattice of two hosts, and a registry.
struct Field {
    home: Home,
    registry: Registry,
    runtime: tokio::runtime::Runtime,
}

impl Field {
    fn new() -> Self {
        require_host_program();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let registry = runtime.block_on(Registry::start());
        let mut home = Home::new();
        home.up(&["--name", "one", "--host", "two"]);
        Self {
            home,
            registry,
            runtime,
        }
    }

    fn image(&self, name: &str) -> String {
        self.registry.image(name)
    }

    /// Pushes a guest, and returns the image by its digest.
    fn push(&self, guest: &str, name: &str, flags: &[&str]) -> String {
        let (file, image) = (component(guest), self.image(name));
        let pushed = self.home.json(&[&["push", &file, &image], flags].concat());
        pushed["image"].as_str().expect("a reference").to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.home.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    }
}

#[test]
fn an_image_is_pushed_signed_inspected_pulled_and_started_by_tag_and_by_digest() {
    let mut field = Field::new();
    let pinned = field.push("hello-http", "shop/hello:1", &["--sign"]);
    let tag = field.image("shop/hello:1");
    let home = &field.home;
    let seen = home.json(&["inspect", &tag]);
    assert_eq!(seen["image"]["reference"], json!(pinned));
    assert_eq!(seen["image"]["signatures"][0]["counts"], json!(true), "{seen}");
    let text = home.run(&["inspect", &tag]).ok().stdout;
    assert!(
        text.contains("wasi:http/incoming-handler") && text.contains("and that counts"),
        "{text}"
    );
    home.run(&["pull", &tag, "--out", "pulled.wasm"]).ok();
    let pulled = std::fs::read(home.path().join("pulled.wasm")).expect("it is there");
    assert_eq!(pulled, std::fs::read(component("hello-http")).expect("it is there"));

    home.run(&["key", "policy", "--images", "signed"]).ok();
    home.run(&["start", "actor", "by-tag", &tag, "--host", "one"]).ok();
    home.run(&["start", "actor", "by-digest", &pinned, "--host", "one"])
        .ok();
    let actors = home.json(&["get", "actors", "by-tag"]);
    assert!(
        actors.to_string().contains(&pinned),
        "what runs is known by its digest: {actors}"
    );

    // The registry is gone: what the lattice has starts, and moves.
    field.registry.kill();
    let home = &field.home;
    home.run(&["start", "actor", "again", &pinned, "--host", "two"]).ok();
    home.run(&["move", "by-tag", "--from", "one", "--to", "two"]).ok();
    home.run(&["stop", "actor", "by-digest"]).ok();
    home.run(&["start", "actor", "by-digest", &pinned]).ok();
    home.run(&["start", "actor", "nowhere", &tag])
        .fails(1, "cannot be reached");
}

#[test]
fn under_the_policy_what_nobody_signed_is_refused_with_the_reason() {
    let field = Field::new();
    let home = &field.home;
    home.run(&["key", "policy", "--images", "signed"]).ok();
    assert_eq!(home.json(&["key", "policy"])["images"], json!("signed"));
    let pinned = field.push("hello-http", "hello:1", &[]);
    home.run(&["start", "actor", "hello", &pinned])
        .fails(4, "it is not signed");
    home.run(&["start", "actor", "hello", &component("hello-http")])
        .fails(4, "it is not signed");
    // By a key that the lattice does not know, then by one that may not sign images.
    let stranger = home.json(&["key", "gen", "issuer", "--out", "stranger.seed"]);
    let sign_key = &["--sign", "--sign-key", "stranger.seed"];
    field.push("hello-http", "hello:1", sign_key);
    home.run(&["start", "actor", "hello", &pinned])
        .fails(4, "does not name the issuer");
    let key = stranger["public"].as_str().expect("a key");
    home.run(&["key", "issuer", "add", key, "--role", "link"]).ok();
    home.run(&["start", "actor", "hello", &pinned])
        .fails(4, "does not have the role `image`");
    // The host says so too, whatever the command line thinks: with the right key it starts at once.
    home.run(&["start", "actor", "hello", &component("hello-http"), "--sign"])
        .ok();
    home.run(&["key", "policy", "--images", "any"]).ok();
    home.run(&["start", "actor", "unsigned", &component("hello-http")]).ok();
}

#[test]
fn an_image_that_another_tool_pushed_starts() {
    let field = Field::new();
    field.push("hello-http", "ours:1", &[]);
    let (ours, copy) = (field.image("ours:1"), field.image("theirs:1"));
    let flags = [
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ];
    let copied = Command::new(skopeo())
        .args(flags)
        .args([format!("docker://{ours}"), format!("docker://{copy}")])
        .status();
    assert!(copied.expect("skopeo runs").success());
    field.home.run(&["start", "actor", "theirs", &copy]).ok();
}

#[test]
fn what_is_no_component_says_what_it_is() {
    let field = Field::new();
    let home = &field.home;
    home.run(&["start", "actor", "x", &field.image("nobody:1")])
        .fails(3, "no image");
    home.run(&["pull", &field.image("nobody:1")]).fails(3, "no image");
    let module = field.file("module.wasm", "");
    std::fs::write(&module, b"\0asm\x01\0\0\0").expect("written");
    home.run(&["push", &module, &field.image("module:1")])
        .fails(1, "core module");
    home.run(&["push", &component("echo"), "hello:1"])
        .fails(2, "names no registry");
    home.run(&["inspect", "ghcr.io/Shop/web:1"]).fails(2, "lower case");
}

#[test]
fn a_manifest_names_images_and_goes_by_their_digests() {
    let mut field = Field::new();
    let pinned = field.push("hello-http", "web:1", &[]);
    let manifest = json!({
        "apiVersion": "lattice.dev/v1",
        "kind": "Application",
        "metadata": { "name": "shop" },
        "spec": { "actors": [{ "name": "web", "image": field.image("web:1"), "replicas": 2 }] },
    });
    let file = field.file("shop.json", &manifest.to_string());
    field.home.run(&["validate", "-f", &file]).ok();
    field.home.run(&["apply", "-f", &file, "--wait", "--prefetch"]).ok();
    let shown = field.home.json(&["app", "get", "shop"]);
    assert!(shown.to_string().contains(&pinned), "{shown}");

    // Carried by hand to where no registry is.
    let saved = field.home.json(&["bundle", "save", "shop.tar", "-f", &file, "--sign"]);
    assert_eq!(saved["images"][0]["signatures"], json!(1), "{saved}");
    field.registry.kill();
    field.home.run(&["diff", "-f", &file]).fails(1, "cannot be reached");
    assert_eq!(
        field.home.run(&["diff", "-f", &file, "--bundle", "shop.tar"]).code,
        Some(0)
    );
    let mut far = Home::new();
    far.up(&[]);
    let tar = field.home.path().join("shop.tar");
    let tar = tar.to_str().expect("text");
    let loaded = far.json(&["bundle", "load", tar]);
    assert_eq!(loaded["items"][0]["wasThere"], json!(false), "{loaded}");
    far.run(&["apply", "-f", &file, "--bundle", tar, "--wait"]).ok();
    far.run(&["start", "actor", "by-hand", &pinned]).ok();
    drop(field.runtime);
}
