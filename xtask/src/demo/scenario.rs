//! What the demonstration does, step by step.

use super::Stage;
use super::load::{self, Load, Request, Tally};
use super::report::{Report, Section};
use crate::lattice::Lattice;
use anyhow::{Context, Result, ensure};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// How many requests each of the quiet steps sends.
const REQUESTS: usize = 200;
/// How many threads send requests during the loud ones.
const WORKERS: usize = 4;
/// How long load runs before and after something happens under it.
const LOAD: Duration = Duration::from_secs(2);

/// Plays all steps on a lattice that keeps its files in `home`.
pub(super) fn play(stage: &Stage, home: &Path, keep: bool) -> Result<Report> {
    let mut lattice = Lattice::new(&stage.programs, &stage.environment, home);
    let port = free_port()?;
    let site = format!("http://127.0.0.1:{port}");
    let mut report = Report::default();

    say("starting nats-server and three hosts: cloud, edge, pi");
    lattice.up(&[
        "--name",
        "cloud",
        "--label",
        "site=cloud",
        "--host",
        "edge:site=edge",
        "--host",
        "pi:site=pi",
    ])?;
    deploy(&lattice, stage, port)?;

    say("hello: HTTP into an actor on the same host");
    report.add(Section::quiet(
        "hello",
        Tally::of(&Request::Get(format!("{site}/hello")), REQUESTS),
    ));

    say("counter: HTTP into an actor on another host, which counts in a JetStream bucket");
    let before = count(&site)?;
    let counting = Load::start(&Request::Post(format!("{site}/count/visits")), 1);
    std::thread::sleep(LOAD);
    let tally = counting.finish()?;
    let answered = tally.sent - tally.failed;
    let counted = count(&site)? - before;
    ensure!(
        counted == answered as u64,
        "{answered} requests were answered and {counted} were counted"
    );
    report.add(Section::quiet("counter", tally));

    say("ping → pong: one actor calls another, on another host");
    let text = load::fetch(&format!("{site}/ada"))?;
    ensure!(text.contains("well played, ada"), "ping answered {text:?}");
    report.add(Section::quiet(
        "ping → pong",
        Tally::of(&Request::Get(format!("{site}/ada")), REQUESTS),
    ));

    say("scaling hello from 1 to 6 replicas over the hosts, under load");
    report.add(under_load(
        &lattice,
        &site,
        "scale hello to 6",
        "hello",
        &["scale", "hello", "6"],
    )?);

    say("moving pong from pi to edge, while ping calls it");
    report.add(under_load(
        &lattice,
        &site,
        "move pong",
        "ada",
        &["move", "pong", "--from", "pi", "--to", "edge"],
    )?);

    if keep {
        say_what_to_try(&site, home, &stage.programs);
        lattice.leave_running();
    } else {
        say("taking everything down");
        lattice.down()?;
    }
    Ok(report)
}

/// Starts providers and actors, and links them.
fn deploy(lattice: &Lattice, stage: &Stage, port: u16) -> Result<()> {
    say("starting providers: HTTP on cloud, key-value on edge");
    let address = format!("address=127.0.0.1:{port}");
    lattice.run(&[
        "start",
        "provider",
        "http",
        "http-server",
        "--host",
        "cloud",
        "--config",
        &address,
    ])?;
    lattice.run(&["start", "provider", "kv", "keyvalue-nats", "--host", "edge"])?;

    say("signing links: who may use what");
    for (actor, path) in [("hello", "path=/hello"), ("counter", "path=/count"), ("ping", "path=/")] {
        let target = format!("actor/{actor}");
        lattice.run(&[
            "link",
            "put",
            "provider/http",
            "wasi:http",
            &target,
            "--config",
            path,
            "--label",
            actor,
        ])?;
    }
    lattice.run(&[
        "link",
        "put",
        "actor/counter",
        "wasi:keyvalue",
        "provider/kv",
        "--config",
        "bucket=demo",
    ])?;
    lattice.run(&["link", "put", "actor/ping", "example:ping-pong/pong", "actor/pong"])?;

    say("starting actors: hello and ping on cloud, counter on edge, pong on pi");
    for (actor, component, host) in [
        ("hello", "hello-http", "cloud"),
        ("counter", "counter", "edge"),
        ("ping", "ping", "cloud"),
        ("pong", "pong", "pi"),
    ] {
        let image = stage.components.join(format!("{component}.wasm"));
        let image = image.to_str().context("the components' path is not Unicode")?;
        lattice.run(&["start", "actor", actor, image, "--host", host])?;
    }
    Ok(())
}

/// Runs one command of the user's while requests go to `path`.
fn under_load(lattice: &Lattice, site: &str, name: &str, path: &str, command: &[&str]) -> Result<Section> {
    let actor = command[1];
    let before = placement(lattice, actor)?;
    let load = Load::start(&Request::Get(format!("{site}/{path}")), WORKERS);
    std::thread::sleep(LOAD);
    let outcome = lattice.run(command);
    std::thread::sleep(LOAD);
    let tally = load.finish()?;
    outcome?;
    Ok(Section::moving(name, tally, before, placement(lattice, actor)?))
}

/// Where an actor's replicas are, such as `cloud 2, edge 1`.
fn placement(lattice: &Lattice, actor: &str) -> Result<String> {
    let listing = lattice.json(&["get", "actors", actor])?;
    let actors = listing["items"]
        .as_array()
        .context("`lattice get actors` printed no items")?;
    let hosts = actors.iter().filter_map(|actor| actor["hosts"].as_array()).flatten();
    let mut places: Vec<String> = hosts
        .map(|host| format!("{} {}", host["host"].as_str().unwrap_or("?"), host["replicas"]))
        .collect();
    places.sort();
    Ok(places.join(", "))
}

/// What the counter stands at.
fn count(site: &str) -> Result<u64> {
    let text = load::fetch(&format!("{site}/count/visits"))?;
    let answer: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("the counter answered {text:?}"))?;
    answer["value"]
        .as_u64()
        .with_context(|| format!("the counter answered {text:?}"))
}

/// A port that was free a moment ago. The HTTP provider says so if somebody else was quicker.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn say(what: &str) {
    println!("• {what}");
}

fn say_what_to_try(site: &str, home: &Path, programs: &Path) {
    let (home, programs) = (home.display(), programs.display());
    println!(
        "\nStill up. In another terminal:\n\n  export LATTICE_HOME={home} PATH={programs}:$PATH\n  curl {site}/hello\n  \
         curl -X POST {site}/count/visits\n  lattice get hosts\n  lattice get actors -o wide\n  lattice get links -o wide\n  \
         lattice move pong --from edge --to cloud\n  curl {site}/ada\n  lattice link del actor/ping example:ping-pong/pong\n  \
         lattice down\n"
    );
}
