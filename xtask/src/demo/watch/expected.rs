//! What traces of the demonstration have to look like: every span with all that is above it, the root first.

use super::trace::Trace;
use anyhow::{Context, Result, ensure};

const HANDLE: &str = "wasi:http/incoming-handler.handle";
const INCREMENT: &str = "wasi:keyvalue/atomics.increment";
const PONG: &str = "example:ping-pong/pong.play";
/// What every host's service is called.
const SERVICE: &str = "lattice-host";

/// What a request for the counter is called where it comes in.
pub(super) const COUNT: &str = "POST /count";
/// What a request is called that fails.
pub(super) const LONELY: &str = "GET /lonely";
/// What a move is called.
pub(super) const MOVE: &str = "move";

/// A request that comes in at one host, is served by the counter on another, which counts in a store on a third. Says which hosts.
pub(super) fn crosses_three_hosts(trace: &Trace) -> Result<[String; 3]> {
    let host = |kind: &str, name: &str| -> Result<String> {
        let host = trace.host_of(kind, name);
        Ok(host
            .with_context(|| format!("{kind} span `{name}` is missing"))?
            .to_owned())
    };
    let hosts = [
        host("server", COUNT)?,
        host("server", HANDLE)?,
        host("server", INCREMENT)?,
    ];
    let [front, middle, back] = &hosts;
    ensure!(
        front != middle && middle != back && front != back,
        "it is on {front}, {middle} and {back}"
    );
    let root = format!("{front} server {COUNT}");
    let asked = format!("{root} > {front} client {HANDLE}");
    let served = format!("{asked} > {middle} server {HANDLE}");
    let mut expected = vec![root, asked, served.clone()];
    for function in ["wasi:keyvalue/store.open", INCREMENT] {
        let call = format!("{served} > {middle} client {function}");
        expected.push(format!("{call} > {back} server {function}"));
        expected.push(call);
    }
    is_exactly(trace, expected)?;
    has_failed_at(trace, &[])?;
    Ok(hosts)
}

/// A request of which the actor that serves it calls another that is nowhere. Says where it was asked, and where it failed.
pub(super) fn fails_where_nobody_is(trace: &Trace) -> Result<[String; 2]> {
    let host = |name: &str| trace.host_of("server", name).unwrap_or_default().to_owned();
    let hosts = [host(LONELY), host(HANDLE)];
    let [front, back] = &hosts;
    let root = format!("{front} server {LONELY}");
    let asked = format!("{root} > {front} client {HANDLE}");
    let served = format!("{asked} > {back} server {HANDLE}");
    let in_vain = format!("{served} > {back} client {PONG}");
    is_exactly(trace, vec![root, asked, served, in_vain])?;
    has_failed_at(
        trace,
        &[
            format!("{front} client {HANDLE}: backend"),
            format!("{front} server {LONELY}: 502"),
            format!("{back} client {PONG}: no-responders"),
            format!("{back} server {HANDLE}: backend"),
        ],
    )?;
    Ok(hosts)
}

/// A move of one actor with state: a span for each phase, and the target's part below those that ask it for something.
pub(super) fn moves(trace: &Trace, from: &str, to: &str) -> Result<()> {
    let root = format!("{from} internal {MOVE}");
    let phase = |phase: &str| format!("{root} > {from} internal move {phase}");
    let phases = ["prepare", "seal", "snapshot", "stage", "commit", "switch", "clean"];
    let mut expected = phases.map(phase).to_vec();
    expected.extend(["prepare", "stage", "switch"].map(|step| format!("{} > {to} server actor-{step}", phase(step))));
    expected.push(root);
    is_exactly(trace, expected)?;
    has_failed_at(trace, &[])
}

fn is_exactly(trace: &Trace, mut expected: Vec<String>) -> Result<()> {
    expected.sort();
    let found = trace.paths();
    ensure!(
        found == expected,
        "its spans are\n{}\nand should be\n{}",
        found.join("\n"),
        expected.join("\n")
    );
    let services = trace.services();
    ensure!(services.iter().eq([&SERVICE]), "its spans are of {services:?}");
    Ok(())
}

fn has_failed_at(trace: &Trace, expected: &[String]) -> Result<()> {
    let mut expected = expected.to_vec();
    expected.sort();
    let found = trace.failed();
    ensure!(
        found == expected,
        "failed are\n{}\nand should be\n{}",
        found.join("\n"),
        expected.join("\n")
    );
    Ok(())
}
