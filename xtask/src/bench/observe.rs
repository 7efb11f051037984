//! What does looking cost? Hello requests a second of a host that tells nobody, beside one that keeps a hundredth of its traces in memory (as
//! every host does unless told otherwise), and one that sends a hundredth of them away and has its metrics read.

use super::http::compare;
use super::report::{Figure, Row, Target};
use super::server::free_address;
use super::{Bench, sink};
use crate::lattice::Lattice;
use anyhow::Result;
use std::ffi::OsString;
use std::path::Path;

/// Measures the three in turns.
pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let sink = sink::start()?;
    let sampled = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{sink}")),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
        ("OTEL_TRACES_SAMPLER_ARG", "0.01".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000".to_owned()),
    ];
    let off = [("OTEL_SDK_DISABLED", "true".to_owned())];
    let home = tempfile::tempdir()?;
    let (off, off_url) = serve(bench, &home.path().join("off"), &off)?;
    let (kept, kept_url) = serve(bench, &home.path().join("kept"), &[])?;
    let (told, told_url) = serve(bench, &home.path().join("told"), &sampled)?;
    let [without, in_memory, sent] = compare(&[off_url, kept_url, told_url])?;
    for mut lattice in [off, kept, told] {
        lattice.down()?;
    }
    let row = |name: &str, ours, target| Row {
        name: format!("observe/hello/{name}"),
        ours: Figure::PerSecond(ours),
        baseline: Some(("tracing off".to_owned(), Figure::PerSecond(without))),
        target,
    };
    Ok(vec![
        row("1%-kept-in-memory", in_memory, Target::RatioAtLeast(0.95)),
        row("1%-sent-and-metrics", sent, Target::RatioAtLeast(0.95)),
    ])
}

/// A lattice of its own that answers hello, and where.
fn serve(bench: &Bench, home: &Path, settings: &[(&'static str, String)]) -> Result<(Lattice, String)> {
    std::fs::create_dir_all(home)?;
    let mut environment = bench.environment.clone();
    environment.extend(settings.iter().map(|(name, value)| (*name, OsString::from(value))));
    let mut lattice = Lattice::new(&bench.programs, &environment, home);
    lattice.up(&["--name", "bench"])?;
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
    lattice.run(&["start", "actor", "hello", &bench.component("hello-http")?])?;
    Ok((lattice, format!("http://{address}/")))
}
