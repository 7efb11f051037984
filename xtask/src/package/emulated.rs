//! Tries a package out: what is in it runs, emulated where it is for another kind of machine, joins a lattice on this one by an
//! invitation, and actors move there and back under load.

use super::architecture::Architecture;
use super::beside::{self, median_call};
use super::emulator::{Emulator, Running, wait};
use super::figures::{self, Figures};
use crate::binaries::{self, Profile};
use crate::guests;
use crate::lattice::Lattice;
use crate::setup::{FOR_DEMO, Setup};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The actors that take part: one without state, one with.
const ACTORS: [&str; 2] = ["hello-http", "cart"];
const HOST: &str = "pi";

/// `cargo xtask package --try`.
pub(super) fn try_out(workspace: &Workspace, deb: &Path, architecture: Architecture) -> Result<()> {
    let (tools, programs) = {
        let setup = Setup::open(workspace)?;
        let tools = setup.tools(FOR_DEMO)?;
        guests::build(workspace, &setup, &ACTORS)?;
        drop(setup);
        (tools, binaries::build(workspace, Profile::Dev)?)
    };
    let scratch = tempfile::tempdir().context("a folder for the machine")?;
    let emulator = Emulator::new(workspace, architecture, &scratch.path().join("root"))?;
    shell::run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&emulator.root))?;

    let mut figures = Figures::new(architecture);
    figures.size("package", deb)?;
    figures.size("lattice-host", &emulator.root.join("usr/bin/lattice-host"))?;
    figures.size("lattice", &emulator.root.join("usr/bin/lattice"))?;

    let environment = tools.environment(workspace);
    let mut lattice = Lattice::new(&programs, &environment, &scratch.path().join("home"));
    let up = lattice.up(&["--name", "cloud"])?;
    let nats = up["nats"]["url"]
        .as_str()
        .context("`lattice up` names no NATS")?
        .to_owned();
    let machine = scratch.path().join("machine");
    enroll(&lattice, &emulator, &nats, scratch.path(), &machine)?;

    let started = Instant::now();
    let log = scratch.path().join("host.log");
    let mut host = emulator.start("lattice-host", |command| {
        command.arg("--config").arg(machine.join("lattice-host.toml"));
        if emulator.is_used() {
            // The emulator of Debian 12 keeps a record of every page that is only reserved: gigabytes, for what other profiles reserve.
            command.args(["--engine-profile", "edge64"]);
        }
        Ok(command.stderr(std::fs::File::create(&log)?))
    })?;
    let ready = wait("the host joins", || Ok(is_ready(&lattice)?.then_some(())), &mut host);
    ready.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
    figures.time("host: start until others see it", started.elapsed());
    figures.memory("host: idle", figures::settled(host.0.id())?);
    shell::say("doctor", &profile_of(&log));

    moves(workspace, &lattice, &mut figures, &mut host)?;
    figures.memory("host: after the actors", figures::settled(host.0.id())?);
    drop(host);
    lattice.down()?;
    beside::measure(workspace, &emulator, architecture, &mut figures);
    println!("{figures}");
    Ok(())
}

/// The machine joins as any would: by an invitation, its key made by the program in the package.
fn enroll(lattice: &Lattice, emulator: &Emulator, nats: &str, scratch: &Path, machine: &Path) -> Result<()> {
    let file = scratch.join("pi.invite");
    let mut invite = lattice.command();
    invite
        .args([
            "host",
            "invite",
            "--name",
            HOST,
            "--label",
            "site=field",
            "--yes",
            "--via",
            nats,
            "--out",
        ])
        .arg(&file);
    let mut invite = Running(
        invite
            .stdout(Stdio::null())
            .spawn()
            .context("start `lattice host invite`")?,
    );
    wait(
        "the invitation is written",
        || Ok(file.exists().then_some(())),
        &mut invite,
    )?;
    let started = Instant::now();
    let mut enroll = emulator.start("lattice", |command| {
        command.args(["host", "enroll"]).arg(&file).arg("--out").arg(machine);
        Ok(command.stdin(Stdio::null()))
    })?;
    ensure!(enroll.0.wait()?.success(), "the machine was not enrolled");
    ensure!(invite.0.wait()?.success(), "the invitation was not used");
    shell::say("enrolled", &shell::seconds(started.elapsed()));
    Ok(())
}

/// Both actors go to the machine and back, while somebody calls them.
fn moves(workspace: &Workspace, lattice: &Lattice, figures: &mut Figures, host: &mut Running) -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    lattice.run(&[
        "start",
        "provider",
        "http",
        "http-server",
        "--host",
        "cloud",
        "--config",
        &format!("address=127.0.0.1:{port}"),
    ])?;
    for (actor, path) in [("hello", "path=/hello"), ("cart", "path=/cart/{key}")] {
        let target = format!("actor/{actor}");
        lattice.run(&[
            "link",
            "put",
            "provider/http",
            "wasi:http",
            &target,
            "--label",
            actor,
            "--config",
            path,
        ])?;
    }
    let component = |name: &str| {
        let file = workspace.components().join(format!("{name}.wasm"));
        file.to_string_lossy().into_owned()
    };
    lattice.run(&["start", "actor", "hello", &component("hello-http"), "--host", "cloud"])?;
    let started = Instant::now();
    lattice.run(&[
        "start",
        "actor",
        "cart",
        &component("cart"),
        "--replicas",
        "2",
        "--timeout",
        "170s",
    ])?;
    figures.time("stateful actor: started on both", started.elapsed());
    let hello = format!("http://127.0.0.1:{port}/hello");
    wait(
        "hello answers",
        || Ok(ureq::get(&hello).call().is_ok().then_some(())),
        host,
    )?;

    let (stop, answered, failed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| -> Result<()> {
        let load = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let count = if ureq::get(&hello).call().is_ok() {
                    &answered
                } else {
                    &failed
                };
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let moved = (|| {
            for (from, to, name) in [("cloud", HOST, "there"), (HOST, "cloud", "back")] {
                let started = Instant::now();
                lattice.run(&["move", "hello", "--from", from, "--to", to, "--timeout", "170s"])?;
                figures.time(&format!("service actor: moved {name}"), started.elapsed());
                if to == HOST {
                    figures.time("service actor: one call on the host", median_call(&hello)?);
                }
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        let ended = load.join();
        ensure!(ended.is_ok(), "the load ended badly");
        moved
    })?;
    figures.count(
        "service actor: calls answered while it moved",
        answered.load(Ordering::Relaxed),
    );
    figures.count(
        "service actor: calls failed while it moved",
        failed.load(Ordering::Relaxed),
    );
    keyed(lattice, figures, port)
}

/// An actor with state goes there and back, and knows what it was told.
fn keyed(lattice: &Lattice, figures: &mut Figures, port: u16) -> Result<()> {
    let add = format!("http://127.0.0.1:{port}/cart/alice/add?by=3");
    let count = || -> Result<u64> {
        let mut answer = ureq::post(&add).send_empty().context("add to the cart")?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        answer["count"]
            .as_u64()
            .context("the cart does not say what it counted")
    };
    let mut counted = count()?;
    let host = || -> Result<String> {
        let described = lattice.json(&["describe", "actor", "cart/alice"])?;
        let host = described["host"].as_str();
        Ok(host.context("nobody has the cart")?.to_owned())
    };
    if host()? == HOST {
        lattice.run(&["move", "cart/alice", "--to", "cloud", "--max-pause", "30s"])?;
    }
    for (to, name) in [(HOST, "there"), ("cloud", "back")] {
        let started = Instant::now();
        lattice.run(&[
            "move",
            "cart/alice",
            "--to",
            to,
            "--max-pause",
            "30s",
            "--timeout",
            "170s",
        ])?;
        figures.time(&format!("stateful actor: moved {name}"), started.elapsed());
        ensure!(host()? == to, "the cart is not on {to}");
        let now = count()?;
        ensure!(
            now == counted + 3,
            "the cart had counted {counted} and counts {now}: it lost something on the way"
        );
        counted = now;
    }
    Ok(())
}

fn is_ready(lattice: &Lattice) -> Result<bool> {
    let hosts = lattice.json(&["get", "hosts"])?;
    let hosts = hosts["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is = |host: &Value, key: &str, value: &str| host[key].as_str() == Some(value);
    Ok(hosts
        .iter()
        .any(|host| is(host, "name", HOST) && is(host, "state", "ready")))
}

/// What the host logged of its engine.
fn profile_of(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let line = log.lines().find(|line| line.contains("profile"));
    line.unwrap_or("the host did not say which engine profile it chose")
        .to_owned()
}
