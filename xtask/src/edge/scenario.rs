//! What happens, in its order.

use super::Stage;
use super::intruder::{self, Intruder};
use super::load::{self, Load};
use super::namespaces::{self, HUB, Namespaces};
use super::report::{Cut, PHASES, Report, Row};
use super::site::{self, LEAF_PORT, SERVES_WITHIN};
use crate::lattice::Lattice;
use crate::shell::say;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long requests are counted before the cut, and after it is mended.
const CALM: Duration = Duration::from_secs(10);
/// How long the controller may take to find everything as it shall be after the cut.
const RECONCILES_WITHIN: Duration = Duration::from_secs(60);

/// Requests, by where they come from: what they are for, how, and what holds while the site is cut off.
const INSIDE: &[(&str, &str, Cut)] = &[
    ("hello, on a", "GET http://127.0.0.1:8081/", Cut::Killed),
    ("counter, on a", "POST http://127.0.0.1:8081/count/a", Cut::Killed),
    ("hello, on b", "GET http://127.0.0.1:8082/", Cut::Answered),
    (
        "counter (keys at the site), on b",
        "POST http://127.0.0.1:8082/count/b",
        Cut::Answered,
    ),
    (
        "cart (state at the site), on b",
        "POST http://127.0.0.1:8082/cart/b/add",
        Cut::Killed,
    ),
    (
        "till (state in the hub), on b",
        "POST http://127.0.0.1:8082/till/b/add",
        Cut::OtherSide,
    ),
];
const OUTSIDE: &[(&str, &str, Cut)] = &[
    ("hello", "GET http://127.0.0.1:8080/", Cut::Answered),
    (
        "till (state in the hub)",
        "POST http://127.0.0.1:8080/till/c/add",
        Cut::Answered,
    ),
    (
        "cart (state at the site)",
        "POST http://127.0.0.1:8080/cart/c/add",
        Cut::OtherSide,
    ),
];

/// Plays it, and says what came of it.
pub(super) fn play(stage: &Stage, home: &Path) -> Result<Report> {
    let net = Namespaces::create()?;
    let mut lattice = Lattice::new(&stage.programs, &stage.environment, &home.join("hub")).within(&net.hub);
    let leaf_listen = format!("{HUB}:{LEAF_PORT}");
    let up = [
        "--name",
        "cloud",
        "--label",
        "zone=cloud",
        "--label",
        "front=cloud",
        "--host",
        "cloud2:zone=cloud",
    ];
    lattice.up(&[&up[..], &["--nats-listen", HUB, "--leaf-listen", &leaf_listen]].concat())?;
    let _leaf = site::start_leaf(stage, &lattice, &net, home)?;
    for name in ["a", "b"] {
        site::enrol(&lattice, home, name)?;
    }
    let mut a = site::start_host(stage, &net, home, "a")?;
    let b = site::start_host(stage, &net, home, "b")?;
    site::wait_for_hosts(&lattice, &["cloud", "cloud2", "a", "b"], &[&a, &b])?;
    let manifest = stage.manifest.to_str().context("the manifest's path is not Unicode")?;
    lattice.run(&["--timeout", "5m", "apply", "-f", manifest, "--wait"])?;
    say(
        "edge",
        "the application is ready on two hosts in the hub and two at the site",
    );

    let intruder = Intruder::prepare(stage, &net, home)?;
    let requests = |of: &[(&str, &str, Cut)]| {
        of.iter()
            .map(|(_, request, _)| (*request).to_owned())
            .collect::<Vec<_>>()
    };
    let mut inside = Load::start(&net.site, &requests(INSIDE))?;
    let mut outside = Load::start(&net.hub, &requests(OUTSIDE))?;
    let mut report = Report {
        rows: rows("inside", INSIDE).chain(rows("outside", OUTSIDE)).collect(),
        ..Report::default()
    };
    // What is woken for the first time may take longer; it is not what this is about.
    std::thread::sleep(Duration::from_secs(3));
    let _ = (inside.tallies()?, outside.tallies()?);
    std::thread::sleep(CALM);
    note(&mut report, &mut inside, &mut outside)?;

    let before = hosts(&lattice)?;
    let hub_at_cut = hub_log(home).len();
    net.cut()?;
    let cut_at = Instant::now();
    say("edge", "the site is cut off");
    std::thread::sleep(stage.cut / 4);
    a.kill()?;
    let killed_at = Instant::now();
    say("edge", "the host `a` is killed");
    std::thread::sleep(Duration::from_secs(2));
    a = site::start_host(stage, &net, home, "a")?;
    let serves = until_serves(&net)?;
    let back = format!("{:.1} s after it was killed", killed_at.elapsed().as_secs_f32());
    report.found("a host that starts again while cut off serves", back, serves);
    let host = intruder.start(stage, &net)?;
    let refused = intruder.until_refused(&b);
    let found = refused.as_deref().unwrap_or("b did not say so");
    report.found(
        "a host that a stranger enrolled, with stolen NATS credentials",
        found,
        refused.is_some(),
    );
    std::thread::sleep(stage.cut.saturating_sub(cut_at.elapsed()));
    let meanwhile = hub_log(home)[hub_at_cut..].to_owned();
    disturbances("the hub", "while the site was cut off", &meanwhile, &mut report);

    net.heal()?;
    let healed_at = Instant::now();
    let (log_a, log_b) = (a.log().len(), b.log().len());
    let log_hub = hub_log(home).len();
    say("edge", "the way to the site is open again");
    site::wait_for_hosts(&lattice, &["cloud", "cloud2", "a", "b"], &[&a, &b])?;
    until_ready(&lattice)?;
    let took = format!("{:.1} s after the way was open", healed_at.elapsed().as_secs_f32());
    report.found("the hub sees the site, all as declared", took, true);
    // What was asked in the cut and waits for the other side is answered, or given up, by then.
    std::thread::sleep(load::REQUEST_TIMEOUT);
    note(&mut report, &mut inside, &mut outside)?;
    std::thread::sleep(CALM);
    note(&mut report, &mut inside, &mut outside)?;
    until_ready(&lattice)?;

    let since = [
        ("a", a.log()[log_a..].to_owned()),
        ("b", b.log()[log_b..].to_owned()),
        ("the hub", hub_log(home)[log_hub..].to_owned()),
    ];
    for (whose, log) in &since {
        disturbances(whose, "since the way is open", log, &mut report);
    }
    let after = hosts(&lattice)?;
    let known = find(&after, intruder::NAME).is_some();
    let found = if known { "yes" } else { "no" };
    report.found("that host is known in the lattice", found, !known);
    drop(host);
    for name in ["cloud", "cloud2", "b"] {
        let run = |listing: &Value| find(listing, name).map(|host| host["incarnation"].clone());
        let same = run(&before) == run(&after);
        let found = if same { "yes" } else { "no" };
        report.found(format!("{name} is in the run it was in"), found, same);
    }
    drop((inside, outside));
    drop((a, b));
    lattice.down()?;
    Ok(report)
}

fn rows(from: &'static str, of: &'static [(&str, &str, Cut)]) -> impl Iterator<Item = Row> {
    of.iter().map(move |(what, _, cut)| Row {
        from,
        what,
        cut: *cut,
        phases: Vec::with_capacity(PHASES.len()),
    })
}

/// Adds what came of the requests in a phase.
fn note(report: &mut Report, inside: &mut Load, outside: &mut Load) -> Result<()> {
    let tallies = inside.tallies()?.into_iter().chain(outside.tallies()?);
    for (row, tally) in report.rows.iter_mut().zip(tallies) {
        row.phases.push(tally);
    }
    Ok(())
}

fn hosts(lattice: &Lattice) -> Result<Value> {
    lattice.json(&["get", "hosts"])
}

fn find<'v>(listing: &'v Value, name: &str) -> Option<&'v Value> {
    listing["items"].as_array()?.iter().find(|host| host["name"] == name)
}

/// Whether the host that was killed answers again, with actors of its own.
fn until_serves(net: &Namespaces) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < SERVES_WITHIN {
        let mut curl = namespaces::command(&net.site, "curl");
        curl.args(["-sf", "-m", "2", "http://127.0.0.1:8081/"]);
        let status = curl.stdin(Stdio::null()).stdout(Stdio::null()).status();
        if status.context("cannot run curl: install it")?.success() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(false)
}

fn until_ready(lattice: &Lattice) -> Result<()> {
    let begun = Instant::now();
    loop {
        let status = lattice.json(&["app", "status", "edge"])?;
        if status["progress"]["phase"] == "ready" {
            return Ok(());
        }
        if begun.elapsed() > RECONCILES_WITHIN {
            bail!("the application is not ready: {status}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What the hosts in the hub log.
fn hub_log(home: &Path) -> String {
    std::fs::read_to_string(home.join("hub/lattices/default/up.log")).unwrap_or_default()
}

/// Looks for anything that was done to actors or providers.
fn disturbances(whose: &str, when: &str, log: &str, report: &mut Report) {
    let of_any = |line: &&str| {
        let done = ["actor", "provider"].iter().flat_map(|what| {
            ["started", "scaled", "replaced", "stopped"].map(|happened| format!(": {what} {happened} "))
        });
        done.into_iter().any(|done| line.contains(&done))
    };
    let found: Vec<&str> = log.lines().filter(of_any).collect();
    let told = if found.is_empty() {
        "none".to_owned()
    } else {
        found.join("\n      ")
    };
    let what = format!("started, scaled, replaced or stopped on {whose} {when}");
    report.found(what, told, found.is_empty());
}
