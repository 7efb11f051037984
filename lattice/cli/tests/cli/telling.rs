//! What happened, and what actors log, on real hosts with the permissions that `lattice up` gives them.

use std::time::Duration;

use lattice_testkit::eventually;
use serde_json::Value;

use crate::fixture::{Home, http_get, require_host_program};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn events_and_logs_are_shown_from_any_host() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--name", "cloud", "--host", "edge"]);
    let port = home.serve("talker", "test-config", "edge");

    eventually("the talker is heard", LONG, async || {
        match http_get(port, "/log/warn?careful") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let logs = home.run(&["logs", "talker", "--tail", "1"]).ok();
    assert!(logs.stdout.contains("warn  test-config: careful"), "{}", logs.stdout);
    let line: Value = serde_json::from_str(
        home.run(&["logs", "talker", "--tail", "1", "--json"])
            .ok()
            .stdout
            .trim(),
    )
    .expect("one line of JSON");
    assert_eq!(
        (line["host"].as_str(), line["message"].as_str()),
        (Some("edge"), Some("careful"))
    );
    let nothing = home.run(&["logs", "talker", "--level", "critical"]).ok();
    assert!(nothing.stdout.is_empty(), "{}", nothing.stdout);
    home.run(&["logs", "nobody"]).fails(3, "does not run");

    let started = home
        .run(&["events", "--for", "actor/talker", "--type", "actor-started", "--json"])
        .ok();
    let event: Value = serde_json::from_str(started.stdout.trim()).expect("one event");
    assert_eq!(event["subject"], "actor/talker");
    assert!(
        event["data"]["by"].as_str().is_some_and(|by| by.starts_with('A')),
        "{event}"
    );
    let all = home.run(&["events"]).ok();
    assert!(
        all.stdout
            .lines()
            .any(|line| line.contains("host/edge") && line.contains("serves")),
        "{}",
        all.stdout
    );
    let described = home.run(&["describe", "actor", "talker"]).ok();
    assert!(described.stdout.contains("last events"), "{}", described.stdout);
    home.run(&["events", "--for", "host/nobody"])
        .fails(3, "no host is called");

    // Without a terminal it is told once.
    for words in [&["top", "--once"][..], &["top", "--every", "300ms"]] {
        let top = home.run(words).ok();
        assert!(top.stdout.starts_with("default   2 hosts   1 actor "), "{}", top.stdout);
        let row = |name: &str| {
            top.stdout
                .lines()
                .find(|line| line.starts_with(name))
                .map(str::to_owned)
        };
        assert!(row("talker").is_some_and(|row| row.contains("edge")), "{}", top.stdout);
        assert!(row("cloud").is_some_and(|row| row.contains("ready")), "{}", top.stdout);
        assert!(
            row("provider/http").is_some_and(|row| row.contains("active")),
            "{}",
            top.stdout
        );
    }
    let overview = home.json(&["top", "--once"]);
    assert_eq!(overview["kind"], "Overview");
    assert_eq!(overview["hosts"][1]["actors"][0]["name"], "talker", "{overview}");
    let held = overview["links"][0]["verifiedBy"].as_array().map(Vec::len);
    assert_eq!(
        (held, &overview["silent"]),
        (Some(2), &serde_json::json!([])),
        "{overview}"
    );
}
