//! Code for a host that compiles nothing: from the refusal, by the command that it names, to the actor that runs.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use lattice_testkit::eventually;

use crate::fixture::{Home, component, require_host_program};

const LONG: Duration = Duration::from_secs(60);

/// Ends a process when a test is over.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a host called `pi` that compiles nothing, and waits for it.
async fn start_pi(home: &Home) -> Killed {
    let enrolled = home.json(&["key", "enroll", "pi", "--out", "pi"]);
    let config = enrolled["config"].as_str().expect("a path");
    let program = home
        .command(&[])
        .get_envs()
        .find(|(name, _)| *name == "LATTICE_HOST_BIN")
        .and_then(|(_, path)| path.map(ToOwned::to_owned));
    let host = Command::new(program.expect("it is set"))
        .args(["--config", config, "--compile", "elsewhere"])
        .stderr(Stdio::null())
        .spawn()
        .expect("the host starts");
    let host = Killed(host);
    eventually("pi is there", LONG, || async {
        let hosts = home.run(&["get", "hosts", "pi"]);
        (hosts.code == Some(0)).then_some(()).ok_or(hosts.stderr)
    })
    .await;
    host
}

#[tokio::test]
async fn the_command_that_a_refusal_names_is_the_one_that_helps() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--name", "cloud"]);
    let _pi = start_pi(&home).await;
    let wide = home.run(&["get", "hosts", "pi", "-o", "wide"]).ok().stdout;
    assert!(wide.contains("edge64, no compiler"), "{wide}");
    let doctor = home.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("pi: engine: edge64: this host compiles nothing"),
        "{doctor}"
    );

    let hello = component("hello-http");
    let start = ["start", "actor", "hello", hello.as_str(), "--host", "pi"];
    let refused = home.run(&start).fails(3, "compiles nothing");
    let command = refused
        .stderr
        .split("lattice aot ")
        .nth(1)
        .expect("a command that helps");
    let command = command.lines().next().expect("a line");
    let words: Vec<&str> = std::iter::once("aot").chain(command.split_whitespace()).collect();
    let made = home.json(&[&words[..], &["--timeout", "5m"]].concat());
    assert_eq!(
        (&made["signed"], &made["stored"]),
        (&true.into(), &true.into()),
        "{made}"
    );
    home.run(&start).ok();

    // The same for a host by name, into a file; and from that file into the lattice.
    home.run(&["aot", &hello, "--for", "pi", "--out", "hello.cwasm", "--sign"])
        .ok();
    home.run(&["aot", "hello.cwasm", "--store"]).ok();
    home.run(&["aot", &hello, "--target", "pulley32", "--out", "unsigned.cwasm"])
        .ok();
    let mut bytes = std::fs::read(home.path().join("unsigned.cwasm")).expect("was written");
    *bytes.last_mut().expect("is not empty") ^= 1;
    std::fs::write(home.path().join("tampered.cwasm"), bytes).expect("writes");
    home.run(&["aot", "tampered.cwasm", "--store"])
        .fails(4, "was changed after it was compiled");
}

#[test]
fn what_is_missing_is_named() {
    let home = Home::new();
    let pong = component("pong");
    home.run(&["aot", &pong, "--out", "x.cwasm"]).fails(2, "--for");
    home.run(&["aot", "nothing.wasm", "--target", "pulley64", "--out", "x.cwasm"])
        .fails(3, "there is no file");
    let mut without = home.command(&["aot", &pong, "--target", "pulley64", "--out", "x.cwasm"]);
    let output = without
        .env("LATTICE_AOT_BIN", "/no/such/program")
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("/no/such/program") && said.contains("cargo build -p lattice-aot"),
        "{said}"
    );
}
