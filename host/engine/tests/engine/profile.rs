//! Profiles on machines that bear less.

use std::process::Command;

use lattice_core::Digest;
use lattice_engine::{ActorOptions, Engine, EngineConfig, Profile, ProfileChoice, Why};

use crate::support::{call, get, guest, interface, options, world};

/// What the child process below is told to do.
const CHILD: &str = "LATTICE_ENGINE_TEST_CHILD";
/// What it is to do to itself before.
const BEFORE: &str = "LATTICE_ENGINE_TEST_BEFORE";

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
        assert_eq!(engine.profile().why, Why::Asked);
    }
}

/// Does nothing unless it runs in the child process that the next tests start.
#[tokio::test]
async fn child() {
    if let Ok(profile) = std::env::var(CHILD) {
        match std::env::var(BEFORE).as_deref() {
            Ok("39 bits") => alter::leave_39_bits(),
            Ok("no new code") => alter::refuse_new_code(),
            _ => {}
        }
        let engine = answers(profile.parse().expect("a profile")).await;
        println!("profile {}", engine.profile());
    }
}

#[expect(
    unsafe_code,
    reason = "a process makes itself smaller than its machine only by system calls"
)]
mod alter {
    use std::ptr;

    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

    /// What a kernel with 39 bits gives, less what a process has there itself.
    const LEFT: usize = 511 << 30;

    /// Takes all address space in pieces of 512 GiB and more, but for one: how large the gaps between them are is chance.
    pub(super) fn leave_39_bits() {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping that nobody uses touches no memory of ours.
        let take = |size| unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::empty(), flags) };
        let left = take(LEFT).expect("there is as much");
        let mut size: usize = 64 << 40;
        while size >= 512 << 30 {
            while take(size).is_ok() {}
            size /= 2;
        }
        // SAFETY: it was taken above, and nobody uses it.
        unsafe { munmap(left, LEFT) }.expect("it is ours");
    }

    /// Has the kernel refuse to make memory executable that was not so from the start, as systemd's MemoryDenyWriteExecute does.
    pub(super) fn refuse_new_code() {
        const PR_SET_MDWE: libc::c_int = 65;
        const REFUSE_EXEC_GAIN: libc::c_ulong = 1;
        let none: libc::c_ulong = 0;
        // SAFETY: takes numbers, and takes away what this process could do.
        let refused = unsafe { libc::prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, none, none, none) };
        assert_eq!(refused, 0, "it takes Linux 6.3: {}", std::io::Error::last_os_error());
    }
}

/// Runs `child` with a limited address space, or after something was done to it, and returns what it says about its profile.
fn child_with(address_space_mebibytes: Option<u64>, before: &str, profile: &str) -> String {
    let test = std::env::current_exe().expect("a test runs");
    let limit = address_space_mebibytes.map(|mebibytes| format!("ulimit -v {} && ", mebibytes * 1024));
    let command = format!(
        "{}exec \"$0\" --exact profile::child --nocapture --test-threads 1",
        limit.unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .arg(test)
        .env(CHILD, profile)
        .env(BEFORE, before)
        .output()
        .expect("sh runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text.lines()
        .find_map(|line| line.split_once("profile ").map(|(_, about)| about.to_owned()))
        .unwrap_or_else(|| panic!("{text}"))
}

fn with_address_space(mebibytes: u64, profile: &str) -> String {
    child_with(Some(mebibytes), "", profile)
}

#[test]
fn a_machine_with_little_address_space_gets_the_edge_profile() {
    let about = with_address_space(3 << 10, "auto");
    let expect = "edge64: the address space is limited to 3072 MiB by a limit on this process";
    assert!(about.starts_with(expect), "{about}");
}

#[test]
fn little_address_space_is_enough_for_the_interpreter() {
    assert_eq!(with_address_space(3 << 10, "pulley"), "pulley: asked for");
}

#[test]
fn a_kernel_with_39_bits_of_address_space_gets_a_small_pool() {
    let about = child_with(None, "39 bits", "auto");
    assert!(about.starts_with("server: the address space is limited to "), "{about}");
    assert!(
        about.contains("GiB by the kernel, which has room for 36 instances"),
        "{about}"
    );
    assert!(
        !about.contains("did not work"),
        "what fits was known before it was tried: {about}"
    );
}

#[test]
fn as_much_by_a_limit_on_the_process_gets_the_same() {
    let about = with_address_space(512 << 10, "auto");
    let expect = "server: the address space is limited to 512 GiB by a limit on this process, which has room for 36";
    assert!(about.starts_with(expect), "{about}");
}

#[test]
fn where_memory_may_not_become_code_an_interpreter_runs() {
    for asked in ["auto", "server"] {
        let about = child_with(None, "no new code", asked);
        let expect = match asked {
            "auto" => "pulley: this process may not make memory executable",
            _ => "pulley: server was asked for and does not work",
        };
        assert!(about.starts_with(expect), "{about}");
    }
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
