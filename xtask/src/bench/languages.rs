//! What does an actor cost in each language: how large is it, how soon does it answer, how fast after that, how much memory is it?
//!
//! The same actor five times, on the same host in the same settings, one at a time. A table of its own: here languages are compared,
//! and nothing with a baseline.

use super::Bench;
use super::memory::settled_bytes;
use super::report::Figure;
use super::server::free_address;
use crate::lattice::Lattice;
use anyhow::{Context, Result, ensure};
use lattice_scaffold::Language;
use std::time::{Duration, Instant};

/// The actors that are measured.
pub(super) const ACTORS: &[&str] = &["hello-c", "hello-go", "hello-js", "hello-python", "hello-rust"];

/// How many requests one instance serves; more than are measured, so that it stays the same.
const REUSE: &str = "10000";
/// How many requests warm it up.
const WARM_UP: usize = 50;
/// How many are measured then, one after the other.
const CALLS: usize = 500;
/// How long a first answer may take: a large component is compiled meanwhile.
const PATIENCE: &str = "10m";
/// How soon any other answer has to be there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// The figures of one language.
struct Cost {
    language: Language,
    component: Figure,
    first: Figure,
    again: Figure,
    call: Figure,
    memory: Figure,
}

/// Measures all and prints the table.
pub(super) fn run(bench: &Bench) -> Result<()> {
    let costs: Vec<Cost> = Language::ALL
        .into_iter()
        .map(|language| measure(bench, language).with_context(|| format!("measure the actor in {}", language.title())))
        .collect::<Result<_>>()?;
    println!("| language | component | first start | start again | warm call (p50) | memory |");
    println!("|---|--:|--:|--:|--:|--:|");
    for cost in costs {
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            cost.language.title(),
            cost.component,
            cost.first,
            cost.again,
            cost.call,
            cost.memory
        );
    }
    Ok(())
}

/// A lattice of its own for each, so that nothing is left of the one before.
fn measure(bench: &Bench, language: Language) -> Result<Cost> {
    let component = bench.component(&format!("hello-{language}"))?;
    let size = std::fs::metadata(&component).context("look at the component")?.len();
    let home = tempfile::tempdir()?;

    let mut lattice = Lattice::new(&bench.programs, &bench.environment, home.path());
    let (_, url) = serve(&mut lattice)?;
    let first = start(&lattice, &component, &url)?;
    lattice.down()?;

    // Another process, which has compiled nothing: what it has in memory is what running takes.
    let (host, url) = serve(&mut lattice)?;
    let before = settled_bytes(host)?;
    let again = start(&lattice, &component, &url)?;
    let call = median_call(&url)?;
    let memory = settled_bytes(host)? - before;
    lattice.down()?;
    Ok(Cost {
        language,
        #[expect(clippy::cast_precision_loss, reason = "no component is that large")]
        component: Figure::Bytes(size as f64),
        first: millis(first),
        again: millis(again),
        call: millis(call),
        memory: Figure::Bytes(memory),
    })
}

/// A host with an HTTP server for the actor to come: the host's process, and the URL.
fn serve(lattice: &mut Lattice) -> Result<(u64, String)> {
    let record = lattice.up(&["--name", "bench"])?;
    let host = record["hosts"][0]["process"]["pid"]
        .as_u64()
        .context("`lattice up -o json` names no host process")?;
    let address = free_address()?;
    let listen = format!("address={address}");
    lattice.run(&["start", "provider", "http", "http-server", "--config", &listen])?;
    lattice.run(&[
        "link",
        "put",
        "provider/http",
        "wasi:http",
        "actor/hello",
        "--config",
        "path=/",
    ])?;
    Ok((host, format!("http://{address}/?name=Ada")))
}

/// From the command to the first answer. The actor is gone again when the host ends.
fn start(lattice: &Lattice, component: &str, url: &str) -> Result<Duration> {
    let begin = Instant::now();
    lattice.run(&[
        "start",
        "actor",
        "hello",
        component,
        "--reuse",
        REUSE,
        "--timeout",
        PATIENCE,
    ])?;
    answer(&agent(), url)?;
    Ok(begin.elapsed())
}

/// The median of calls one after the other, over one connection.
fn median_call(url: &str) -> Result<Duration> {
    let agent = agent();
    let mut took = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        let begin = Instant::now();
        answer(&agent, url)?;
        if call >= WARM_UP {
            took.push(begin.elapsed());
        }
    }
    took.sort_unstable();
    Ok(took[took.len() / 2])
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(ANSWERS_WITHIN))
        .build()
        .into()
}

fn answer(agent: &ureq::Agent, url: &str) -> Result<()> {
    let text = agent.get(url).call()?.body_mut().read_to_string()?;
    ensure!(text.starts_with("Hello, Ada, from "), "the actor answered {text:?}");
    Ok(())
}

fn millis(duration: Duration) -> Figure {
    Figure::Millis(duration.as_secs_f64() * 1e3)
}
