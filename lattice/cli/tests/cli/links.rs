//! Links by hand: made, listed, refused, ended.

use std::time::Duration;

use lattice_testkit::eventually;

use crate::fixture::{Home, component, require_host_program};

const LONG: Duration = Duration::from_secs(60);

fn lattice() -> Home {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--host", "edge"]);
    home
}

const LINK: &str = "lnk:default/actor/counter/wasi:keyvalue/default";

#[test]
fn a_link_is_made_changed_and_ended() {
    let home = lattice();
    let put = [
        "link",
        "put",
        "actor/counter",
        "wasi:keyvalue",
        "provider/kv",
        "--config",
        "bucket=b",
        "--function",
        "get",
    ];
    let first = home.json(&put);
    assert_eq!(
        (&first["generation"], first["verdicts"].as_array().map(Vec::len)),
        (&1.into(), Some(2))
    );
    assert_eq!(home.json(&put)["generation"], 2);
    let listed = home.json(&["get", "links"]);
    assert_eq!(listed["items"][0]["id"], LINK);
    assert_eq!(listed["items"][0]["state"], "active");
    assert_eq!(listed["items"][0]["link"]["generation"], 2);
    let wide = home.run(&["get", "links", "-o", "wide"]).ok().stdout;
    assert!(wide.contains("provider/kv") && wide.contains("get"), "{wide}");
    assert_eq!(
        home.run(&["get", "links", "-o", "name"]).ok().stdout,
        format!("link/{LINK}\n")
    );
    home.run(&["link", "verify"]).ok();
    home.run(&["describe", "link", LINK]).ok();

    home.run(&["link", "del", "actor/counter", "wasi:keyvalue"]).ok();
    assert_eq!(home.json(&["get", "links"])["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(home.json(&["link", "get"])["items"][0]["type"], "unlink");
    assert_eq!(home.json(&put)["generation"], 4, "a tombstone is a generation too");
    home.run(&["link", "del", LINK]).ok();
    home.run(&["link", "del", "actor/nobody", "wasi:keyvalue"])
        .fails(3, "there is no link");
}

#[test]
fn bare_names_mean_what_runs() {
    let home = lattice();
    home.run(&["link", "put", "counter", "wasi:keyvalue", "kv"])
        .fails(3, "say actor/counter or provider/counter");
    home.run(&["start", "provider", "kv", "keyvalue-nats", "--host", "edge"])
        .ok();
    home.run(&["start", "actor", "pong", &component("pong"), "--host", "edge"])
        .ok();
    let put = home.json(&["link", "put", "pong", "wasi:keyvalue", "kv"]);
    assert_eq!(put["link"], "lnk:default/actor/pong/wasi:keyvalue/default");
}

#[tokio::test]
async fn a_link_of_a_revoked_or_unknown_issuer_is_refused_and_says_why() {
    let home = lattice();
    home.run(&["key", "gen", "issuer", "--out", "mallory.seed"]).ok();
    let context = home.path().join("contexts/local.json");
    let good = std::fs::read_to_string(&context).expect("a context");
    let issuer = home.path().join("lattices/default/trust/issuer.seed");
    let bad = good.replace(
        issuer.to_str().expect("text"),
        home.path().join("mallory.seed").to_str().expect("text"),
    );
    assert_ne!(good, bad);
    std::fs::write(home.path().join("contexts/mallory.json"), bad).expect("writes");

    home.run(&["link", "put", "actor/counter", "wasi:keyvalue", "provider/kv"])
        .ok();
    let put = [
        "--context",
        "mallory",
        "link",
        "put",
        "actor/counter",
        "wasi:keyvalue",
        "provider/evil",
    ];
    let run = home.run(&put).fails(4, "unknown-issuer");
    assert!(
        run.stderr.contains("edge refused it") && run.stderr.contains("local refused it"),
        "{}",
        run.stderr
    );
    let wide = home.run(&["get", "links", "-o", "wide"]).ok().stdout;
    assert!(
        wide.contains("provider/kv") && wide.contains("unknown-issuer"),
        "the good one stays, the bad one is told: {wide}"
    );
    home.run(&["link", "verify"]).fails(4, "do not hold");

    // What an issuer is given and taken again.
    let key = home
        .run(&["--context", "mallory", "key", "show", "-o", "name"])
        .ok()
        .stdout;
    let mallory = key
        .lines()
        .find_map(|line| line.strip_prefix("key/A"))
        .map(|rest| format!("A{rest}"));
    let mallory = mallory.expect("mallory's key");
    home.run(&[
        "key",
        "issuer",
        "add",
        &mallory,
        "--role",
        "link",
        "--interface",
        "demo:*",
    ])
    .ok();
    home.run(&put).fails(4, "out-of-scope");
    home.run(&["key", "issuer", "remove", &mallory]).ok();
    home.run(&["key", "issuer", "remove", &mallory])
        .fails(3, "does not name");
    eventually("the link is seen as refused for the right reason", LONG, || async {
        let run = home.run(&put);
        if run.stderr.contains("unknown-issuer") {
            Ok(())
        } else {
            Err(run.stderr)
        }
    })
    .await;
}
