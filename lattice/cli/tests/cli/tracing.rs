//! Traces on real hosts, without any back end.

use std::time::Duration;

use lattice_testkit::eventually;
use serde_json::Value;

use crate::fixture::{Home, free_port, http_get, require_host_program};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_is_followed_over_two_hosts() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--name", "cloud", "--host", "edge"]);
    let port = home.serve("hello", "hello-http", "edge");
    eventually("hello answers", LONG, async || match http_get(port, "/") {
        Ok((200, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    let url = format!("http://127.0.0.1:{port}/");
    let followed = home.run(&["trace", "--follow", &url]).ok();
    assert!(
        followed.stdout.starts_with("200 OK from http://"),
        "{}",
        followed.stdout
    );
    for part in ["(here)", "cloud", "edge", "└─ ", "on 3 hosts"] {
        assert!(
            followed.stdout.contains(part),
            "{part:?} is not in: {}",
            followed.stdout
        );
    }
    assert!(!followed.stdout.contains("(parent not kept)"), "{}", followed.stdout);

    let list = home.json(&["trace", "--actor", "hello"]);
    let last = &list["items"][0];
    assert_eq!(last["hosts"], serde_json::json!(["cloud", "edge"]), "{list}");
    let id = last["traceId"].as_str().expect("an id");
    // Our own span is nowhere but in the run above.
    let tree = home.run(&["trace", &id[..12], "-o", "wide"]).ok();
    assert!(tree.stdout.contains("(parent not kept)"), "{}", tree.stdout);
    assert!(tree.stdout.contains("server.address=actor/hello"), "{}", tree.stdout);
    let lines = home.run(&["trace", id, "--json"]).ok().stdout;
    let spans: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(spans.iter().all(|span| span["trace_id"] == *id), "{lines}");
    assert!(spans.iter().any(|span| span["host"] == "edge"), "{lines}");

    let slow = home.run(&["trace", "--slow", "1h"]).ok();
    assert!(slow.stdout.is_empty(), "{}", slow.stdout);
    home.run(&["trace", "0123456789abcdef0123456789abcdef"])
        .fails(3, "no member keeps spans");
    home.run(&["trace", "--follow", &format!("http://127.0.0.1:{}/", free_port())])
        .fails(1, "was not reached");
}
