//! `lattice-aot`: compiles a component for another machine. What it writes is unsigned, and no host takes it so: `lattice aot` runs
//! this program and signs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use lattice_core::aot::{Artifact, CodeArch, CodeShape, CodeTarget, Statement};
use lattice_engine::precompile;

/// Compiles a component for another machine. Sign the result with `lattice aot`, or use that in the first place
#[derive(Debug, Parser)]
#[command(name = "lattice-aot", version)]
struct Args {
    /// The component's file
    component: PathBuf,
    /// The machine: aarch64-unknown-linux-gnu, x86_64-unknown-linux-gnu, pulley64, pulley32, …
    #[arg(long)]
    target: CodeArch,
    /// The engine profile of the hosts that shall run it: `server` or `edge64`; the interpreter's code fits all
    #[arg(long, default_value = "edge64")]
    profile: Shape,
    /// Where to write the code
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

/// A profile, as far as code depends on it.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shape {
    Server,
    Edge64,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let args = Args::parse();
    let shape = match args.profile {
        Shape::Server => CodeShape::Server,
        Shape::Edge64 => CodeShape::Edge64,
    };
    let shown = args.component.display();
    let component = std::fs::read(&args.component).with_context(|| format!("cannot read {shown}"))?;
    let compiled = precompile(&component, CodeTarget::new(args.target, shape))
        .with_context(|| format!("cannot compile {shown} for {}", args.target.triple()))?;
    let artifact = Artifact {
        statement: Statement::Unsigned(compiled.claims),
        code: &compiled.code,
    };
    std::fs::write(&args.out, artifact.write()).with_context(|| format!("cannot write {}", args.out.display()))
}
