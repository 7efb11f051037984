//! From nothing to serving, and back.

use std::time::Duration;

use lattice_node::testing::{HostOptions, PATIENCE, TestLattice, guest};
use lattice_testkit::{NatsServer, Scratch, eventually};

use crate::process::{HostProcess, arguments, program};

#[tokio::test(flavor = "multi_thread")]
async fn serves_until_sigterm_and_ends_well() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let mut host = HostProcess::start(&lattice, "one").await;
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(host.folder.join("ready")).unwrap()).unwrap();
    assert_eq!(ready["host"], host.id.as_str());
    lattice
        .start_actor(&host.id, &lattice.actor("hello", guest("hello-http")).await)
        .await;
    host.terminate();
    assert_eq!(host.ended(PATIENCE).await, Some(0), "{}", host.log());
    assert!(!host.folder.join("ready").exists(), "the ready file is gone");
    assert!(host.log().contains("drained"), "{}", host.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_after_a_command_to_stop() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let mut host = HostProcess::start(&lattice, "one").await;
    lattice.stop_host(&host.id, Duration::from_secs(5)).await;
    assert_eq!(host.ended(PATIENCE).await, Some(0), "{}", host.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_enrolled_says_what_to_run_and_goes_on_when_it_is() {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let options = HostOptions::named("new");
    let files = lattice.host_files(&options);
    let (token, aside) = (files.folder.join("host.jwt"), files.folder.join("aside"));
    std::fs::rename(&token, &aside).unwrap();

    let mut command = program();
    command.args(arguments(&lattice, &files.folder)).arg("--no-wait");
    let mut refused = HostProcess::spawn(command, files.id.clone(), files.folder.clone());
    assert_eq!(refused.ended(PATIENCE).await, Some(4));
    assert!(
        refused
            .log()
            .contains(&format!("lattice key enroll new --key {}", files.id))
            || refused.log().contains("lattice key enroll"),
        "{}",
        refused.log()
    );
    assert!(refused.log().contains(files.id.as_str()), "{}", refused.log());

    let mut command = program();
    command.args(arguments(&lattice, &files.folder));
    let waiting = HostProcess::spawn(command, files.id.clone(), files.folder.clone());
    eventually("it waits", PATIENCE, async || {
        waiting.log().matches("not enrolled").nth(1).map(drop)
    })
    .await;
    std::fs::rename(&aside, &token).unwrap();
    waiting.ready().await;
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    let scratch = Scratch::new("hostd-config");
    let file = scratch.write(
        "host.toml",
        "lattice = 'No Good'\nheartbeat = 'often'\noperators = ['X']\n",
    );
    let output = program()
        .arg("--config")
        .arg(file)
        .arg("--data-dir")
        .arg(scratch.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for key in ["lattice", "heartbeat", "operators"] {
        assert!(told.contains(&format!("`{key}`")), "{told}");
    }
    let file = scratch.write("typo.toml", "latice = 'x'\n");
    let output = program().arg("--config").arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("latice"));
}

#[test]
fn the_first_of_several_files_wins() {
    let operator = nkeys::KeyPair::new_operator().public_key();
    let scratch = Scratch::new("hostd-configs");
    let own = scratch.write("host.toml", "grace = '5s'\n");
    let enrolment = scratch.write(
        "enrolment.toml",
        format!("grace = '9s'\nlattice = 'field'\noperators = ['{operator}']\n"),
    );
    let mut command = program();
    command.arg("--print-config").arg("--data-dir").arg(scratch.path());
    command.arg("--config").arg(own).arg("--config").arg(enrolment);
    let output = command.output().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&config["grace-ms"], &config["lattice"]),
        (&5_000.into(), &"field".into())
    );
}

#[test]
fn prints_what_it_made_of_the_configuration() {
    let operator = nkeys::KeyPair::new_operator().public_key();
    let mut command = program();
    command.args([
        "--print-config",
        "--operator",
        &operator,
        "--data-dir",
        "/nowhere",
        "--label",
        "zone=eu",
        "--grace",
        "5s",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(config["labels"]["zone"], "eu");
    assert_eq!(config["grace-ms"], 5_000);
}
