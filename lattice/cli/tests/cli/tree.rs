//! `lattice up` and `lattice down`: one tree of processes, nothing left behind.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use lattice_testkit::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Home, require_host_program};

const LONG: Duration = Duration::from_secs(60);

fn pid(value: &Value) -> i32 {
    value
        .as_i64()
        .and_then(|pid| i32::try_from(pid).ok())
        .expect("a process id")
}

fn is_running(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("it runs");
}

fn record(home: &Home) -> Value {
    let text = std::fs::read_to_string(home.path().join("lattices/default/run.json")).expect("a record");
    serde_json::from_str(&text).expect("JSON")
}

fn pids(record: &Value) -> [i32; 3] {
    [
        &record["supervisor"]["pid"],
        &record["nats"]["process"]["pid"],
        &record["hosts"][0]["process"]["pid"],
    ]
    .map(pid)
}

#[test]
fn comes_up_stays_up_and_goes_down() {
    require_host_program();
    let mut home = Home::new();
    let up = home.up(&["--name", "cloud", "--label", "zone=eu"]);
    assert_eq!(up["hosts"][0]["name"], "cloud");
    let [supervisor, nats, host] = pids(&up);
    let hosts = home.json(&["get", "hosts"]);
    assert_eq!(hosts["items"][0]["name"], "cloud");
    assert_eq!(hosts["items"][0]["state"], "ready");
    assert_eq!(hosts["items"][0]["labels"]["zone"], "eu");
    assert!(
        hosts["items"][0]["labels"]["arch"].is_string(),
        "the machine speaks for itself"
    );

    let again = home.run(&["up", "--detached"]).ok();
    assert!(again.stderr.contains("already running"), "{}", again.stderr);
    assert_eq!(pids(&record(&home)), [supervisor, nats, host]);
    home.run(&["doctor"]).ok();

    home.down();
    for pid in [supervisor, nats, host] {
        assert!(!is_running(pid), "{pid} was left behind");
    }
    home.run(&["get", "hosts"]).fails(1, "cannot reach");
}

#[test]
fn a_second_life_has_the_same_host_and_the_same_trust() {
    require_host_program();
    let mut home = Home::new();
    let first = home.up(&[]);
    home.down();
    let second = home.up(&["--label", "zone=us"]);
    assert_eq!(first["hosts"][0]["id"], second["hosts"][0]["id"]);
    let keys = home.json(&["key", "show"]);
    assert_eq!(keys["items"][0]["is"], "operator");
    assert_eq!(
        home.json(&["get", "hosts"])["items"][0]["labels"]["zone"],
        "us",
        "labels are those of this start"
    );
}

#[tokio::test]
async fn control_c_ends_everything() {
    require_host_program();
    let home = Home::new();
    let mut child = home
        .command(&["up"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(
        lines.any(|line| line.expect("text").starts_with("context")),
        "it serves"
    );
    let pids = pids(&record(&home));
    signal(pids[0], Signal::INT);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    assert!(pids.iter().all(|pid| !is_running(*pid)));
    assert!(!home.path().join("lattices/default/run.json").exists());
}

#[tokio::test]
async fn a_child_that_dies_is_started_again() {
    require_host_program();
    let mut home = Home::new();
    let up = home.up(&[]);
    let [_, nats, host] = pids(&up);
    signal(nats, Signal::KILL);
    eventually("another nats-server", LONG, || async {
        (pids(&record(&home))[1] != nats).then_some(())
    })
    .await;
    signal(host, Signal::KILL);
    eventually("another host", LONG, || async {
        (pids(&record(&home))[2] != host).then_some(())
    })
    .await;
    eventually("the host serves again", LONG, || async {
        let run = home.run(&["get", "hosts", "-o", "json"]);
        let hosts: Value = serde_json::from_str(&run.stdout).ok()?;
        (hosts["items"][0]["state"] == "ready").then_some(())
    })
    .await;
    assert_eq!(
        record(&home)["nats"]["url"],
        up["nats"]["url"],
        "under the same address"
    );
}

#[tokio::test]
async fn what_a_killed_up_left_behind_is_cleaned_up() {
    require_host_program();
    let mut home = Home::new();
    let first = pids(&home.up(&[]));
    signal(first[0], Signal::KILL);
    eventually("the supervisor is dead", LONG, || async {
        (!is_running(first[0])).then_some(())
    })
    .await;
    let second = pids(&home.up(&[]));
    assert!(
        first.iter().all(|pid| !is_running(*pid)),
        "nothing of the first is left"
    );
    signal(second[0], Signal::KILL);
    eventually("the supervisor is dead", LONG, || async {
        (!is_running(second[0])).then_some(())
    })
    .await;
    home.down();
    assert!(
        second.iter().all(|pid| !is_running(*pid)),
        "nothing of the second is left"
    );
}

#[test]
fn a_port_that_is_taken_is_told_at_once() {
    require_host_program();
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("an address").port().to_string();
    home.run(&["up", "--detached", "--nats-port", &port])
        .fails(1, "address already in use");
    home.run(&["up", "--nats-port", &port])
        .fails(1, "address already in use");
}

#[tokio::test]
async fn a_host_that_is_told_to_stop_stays_stopped() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--host", "edge:zone=edge"]);
    assert_eq!(home.json(&["get", "hosts"])["items"].as_array().map(Vec::len), Some(2));
    home.run(&["stop", "host", "edge"]).ok();
    eventually("it is noted", LONG, || async {
        record(&home)["hosts"]
            .as_array()?
            .iter()
            .find(|host| host["ended"] == true)
            .map(drop)
    })
    .await;
    assert_eq!(home.json(&["get", "hosts"])["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_process_that_took_over_a_number_is_left_alone() {
    let home = Home::new();
    // A record of long ago: the number is ours now, the start time is another's.
    let me = std::process::id();
    let stranger = serde_json::json!({ "pid": me, "started": "1" });
    let record = serde_json::json!({
        "lattice": "default", "phase": "ready", "context": "local", "started_at": 1, "supervisor": stranger,
        "nats": { "process": stranger, "url": "nats://127.0.0.1:1", "version": "2.12.0" }, "hosts": [],
    });
    let folder = home.path().join("lattices/default");
    std::fs::create_dir_all(&folder).expect("makes");
    std::fs::write(folder.join("run.json"), record.to_string()).expect("writes");
    home.run(&["down"]).ok();
    assert!(!folder.join("run.json").exists());
}
