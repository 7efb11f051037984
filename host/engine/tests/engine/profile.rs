//! Profiles on machines that bear less.

use std::process::Command;

use lattice_core::Digest;
use lattice_engine::{ActorOptions, Engine, EngineConfig, Profile, ProfileChoice};

use crate::support::{call, get, guest, interface, options, world};

/// What the child process below is told to do.
const CHILD: &str = "LATTICE_ENGINE_TEST_CHILD";

async fn answers(profile: ProfileChoice) -> Engine {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EngineConfig::new(folder.path());
    config.profile = profile;
    let engine = Engine::new(&config).unwrap_or_else(|error| panic!("{error}"));
    for name in ["pong", "hello-http"] {
        let bytes = guest(name);
        let compiled = engine
            .load(Digest::of(&bytes), &bytes)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let grants = |_: &lattice_core::VersionedInterface| None;
        let options: ActorOptions = options(name);
        let actor = engine
            .actor(compiled, options, &grants, world())
            .unwrap_or_else(|error| panic!("{error}"));
        if name == "pong" {
            let answer = actor
                .call_text(&interface("example:ping-pong/pong"), "ping", "\"x\"", &call())
                .await;
            assert_eq!(answer.expect("answers"), "\"pong: x\"");
        } else {
            get(&actor, "/").await.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
    engine
}

#[tokio::test]
async fn every_profile_runs_guests() {
    for profile in [Profile::Server, Profile::Edge64, Profile::Pulley] {
        let engine = answers(ProfileChoice::Only(profile)).await;
        assert_eq!(engine.profile().profile, profile, "{}", engine.profile());
        assert_eq!(engine.profile().why, "asked for");
    }
}

/// Does nothing unless it runs in the child process that the next test starts.
#[tokio::test]
async fn child() {
    if let Ok(profile) = std::env::var(CHILD) {
        let engine = answers(profile.parse().expect("a profile")).await;
        println!("profile {}", engine.profile());
    }
}

/// Runs `child` with a limited address space and returns what it says about its profile.
fn with_address_space(mebibytes: u64, profile: &str) -> String {
    let test = std::env::current_exe().expect("a test runs");
    let command = format!(
        "ulimit -v {} && exec \"$0\" --exact profile::child --nocapture --test-threads 1",
        mebibytes * 1024
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .arg(test)
        .env(CHILD, profile)
        .output()
        .expect("sh runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text.lines()
        .find_map(|line| line.split_once("profile ").map(|(_, about)| about.to_owned()))
        .unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_machine_with_little_address_space_gets_the_edge_profile() {
    let about = with_address_space(3 << 10, "auto");
    assert!(
        about.starts_with("edge64: the address space is limited to 3072 MiB"),
        "{about}"
    );
}

#[test]
fn a_profile_that_does_not_fit_is_replaced_and_reported() {
    let about = with_address_space(3 << 10, "server");
    assert!(
        about.starts_with("edge64: server was asked for and does not work"),
        "{about}"
    );
    assert!(about.contains("; server did not work: "), "{about}");
}

#[test]
fn a_very_small_machine_still_runs() {
    let about = with_address_space(600, "auto");
    assert!(about.starts_with("edge64"), "{about}");
}
