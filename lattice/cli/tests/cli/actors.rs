//! Starting, calling, scaling, moving and stopping actors on real hosts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lattice_testkit::eventually;
use serde_json::Value;

use crate::fixture::{Home, component, http_get, require_host_program};

const LONG: Duration = Duration::from_secs(60);

/// Three hosts, and `hello` behind an HTTP server on the first.
fn hello() -> (Home, u16) {
    require_host_program();
    let mut home = Home::new();
    home.up(&[
        "--name",
        "cloud",
        "--label",
        "zone=cloud",
        "--host",
        "edge:zone=edge",
        "--host",
        "pi:zone=edge",
    ]);
    let port = home.serve("hello", "hello-http", "cloud");
    (home, port)
}

fn placement(home: &Home, actor: &str) -> Vec<(String, u64)> {
    let listing = home.json(&["get", "actors", actor]);
    let hosts = listing["items"][0]["hosts"].as_array().cloned().unwrap_or_default();
    let on = |host: &Value| {
        (
            host["host"].as_str().expect("a name").to_owned(),
            host["replicas"].as_u64().expect("a count"),
        )
    };
    hosts.iter().map(on).collect()
}

fn on(placement: &[(&str, u64)]) -> Vec<(String, u64)> {
    placement
        .iter()
        .map(|(host, count)| ((*host).to_owned(), *count))
        .collect()
}

#[tokio::test]
async fn an_actor_serves_scales_and_moves() {
    let (home, port) = hello();
    eventually("hello answers", LONG, || async {
        http_get(port, "/")
            .map_err(|e| e.to_string())
            .and_then(|(status, body)| {
                if status == 200 {
                    Ok(())
                } else {
                    Err(format!("{status}: {body}"))
                }
            })
    })
    .await;

    let done = Arc::new(AtomicBool::new(false));
    let load = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            let (mut sent, mut failed) = (0u32, Vec::new());
            while !done.load(Ordering::Relaxed) {
                sent += 1;
                match http_get(port, "/") {
                    Ok((200, _)) => {}
                    other => failed.push(format!("{other:?}")),
                }
            }
            (sent, failed)
        })
    };
    home.run(&["scale", "hello", "6"]).ok();
    assert_eq!(placement(&home, "hello"), on(&[("cloud", 2), ("edge", 2), ("pi", 2)]));
    home.run(&["scale", "hello", "3", "--label", "zone=edge"]).ok();
    let edge_only = placement(&home, "hello");
    assert_eq!(edge_only.iter().map(|(_, count)| count).sum::<u64>(), 3);
    assert!(edge_only.iter().all(|(host, _)| host != "cloud"), "{edge_only:?}");
    home.run(&["scale", "hello", "1", "--label", "zone=cloud"]).ok();
    let moved = home.json(&["move", "hello", "--from", "cloud", "--to", "pi"]);
    assert_eq!(moved["to"]["host"], "pi");
    assert_eq!(placement(&home, "hello"), on(&[("pi", 1)]));
    done.store(true, Ordering::Relaxed);
    let (sent, failed) = load.join().expect("no panic");
    assert!(
        sent > 0 && failed.is_empty(),
        "{} of {sent} failed: {:?}",
        failed.len(),
        failed.first()
    );

    home.run(&["stop", "actor", "hello"]).ok();
    assert_eq!(home.json(&["get", "actors"])["items"], Value::Array(vec![]));
    home.run(&["stop", "actor", "hello"]).fails(3, "does not run");
}

#[test]
fn mistakes_name_what_to_do() {
    let (home, _) = hello();
    home.run(&["start", "actor", "other", "./nothing.wasm"])
        .fails(3, "there is no file");
    home.run(&["start", "actor", "hello", &component("pong")])
        .fails(6, "lattice stop actor hello");
    home.run(&["start", "actor", "hello", &component("hello-http"), "--host", "cloud"])
        .ok();
    home.run(&["start", "actor", "x", &component("hello-http"), "--host", "moon"])
        .fails(3, "no host is called `moon`");
    home.run(&["start", "actor", "x", &component("hello-http"), "--label", "zone=moon"])
        .fails(3, "no host matches");
    home.run(&["start", "actor", "counter", &component("counter")])
        .fails(4, "wasi:keyvalue");
    home.run(&["start", "provider", "kv", "keyvalue-nats"])
        .fails(2, "--host");
    home.run(&["start", "provider", "kv", "keyvalue-abacus", "--host", "cloud"])
        .fails(1, "keyvalue-abacus");
    home.run(&["scale", "nobody", "2"]).fails(3, "does not run");
    home.run(&["move", "hello", "--from", "edge", "--to", "pi"])
        .fails(3, "does not run `hello`");
    home.run(&["describe", "actor", "nobody"])
        .fails(3, "no actor is called");
    home.run(&["call", "nobody", "a:b/c.d"]).fails(3, "does not serve");
}

#[test]
fn functions_are_called_by_hand() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    home.run(&["start", "actor", "pong", &component("pong")]).ok();
    let shape = home.json(&["inspect", "pong"]);
    let export = shape["exports"]
        .as_array()
        .expect("exports")
        .iter()
        .find(|e| !e["functions"].as_array().expect("functions").is_empty());
    let export = export.expect("a function").clone();
    let interface = export["name"].as_str().expect("a name");
    let function = export["functions"][0]["name"].as_str().expect("a name");
    let signature = export["functions"][0]["signature"].as_str().expect("a signature");
    assert!(
        signature.starts_with("func(") || signature.starts_with("async func("),
        "{signature}"
    );
    let target = format!("{interface}.{function}");
    let run = home.run(&["call", "pong", &target, "\"ann\""]).ok();
    assert!(run.stdout.contains("ann"), "{}", run.stdout);
    home.run(&["call", "pong", &target, "12"]).fails(1, "help");
    home.run(&["call", "pong", "no:such/thing.f", "12"])
        .fails(3, "no:such/thing");
}

#[tokio::test]
async fn a_watch_shows_changes() {
    use std::io::BufRead as _;
    let (home, _) = hello();
    let mut watching = home
        .command(&["get", "actors", "--watch", "-o", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("runs");
    let mut lines = std::io::BufReader::new(watching.stdout.take().expect("piped")).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().expect("a line").expect("text")).expect("JSON");
    assert_eq!(next()["items"][0]["replicas"], 1);
    home.run(&["scale", "hello", "4"]).ok();
    while next()["items"][0]["replicas"] != 4 {}
    let pid =
        rustix::process::Pid::from_raw(i32::try_from(watching.id()).expect("a process id")).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert!(watching.wait().expect("it ends").success());
}
