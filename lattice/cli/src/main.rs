//! `lattice`: starts, links, scales, moves and shows what runs on a lattice.
//!
//! A command is parsed ([`args`]), carried out ([`commands`]) and printed ([`output`]). It returns when the work is done or
//! has failed, and its exit code says which.

mod about;
mod actor_spec;
mod aot;
mod app;
mod applications;
mod args;
mod bundle;
mod commands;
mod component;
mod context;
mod dev;
mod doctor;
mod enrolment;
mod failure;
mod files;
mod happened;
mod home;
mod host_setup;
mod images;
mod keyed;
mod kubernetes;
mod logged;
mod manifests;
mod output;
mod overview;
mod permissions;
mod prefetch;
mod resolve;
mod session;
mod state;
mod state_spec;
mod top;
mod traces;
mod trust_root;
mod ui;
mod up;
mod views;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, failure::Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Prints help and version to stdout and ends with 0, mistakes to stderr and ends with 2.
        Err(error) => error.exit(),
    };
    cli.global.color.write_global();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failure::report(&error) as u8),
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let app = app::App::new(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let handles_interrupts = cli.command.handles_interrupts();
    let outcome = runtime.block_on(async {
        let work = cli.command.run(&app);
        if handles_interrupts {
            work.await
        } else {
            until_interrupted(work).await
        }
    });
    // A name look-up that hangs in a thread of its own must not keep us from ending.
    runtime.shutdown_background();
    outcome
}

/// Does the work, or on Ctrl-C withdraws from hosts what they have not finished.
async fn until_interrupted(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => {
            // The work has been dropped by now, and its commands with it.
            lattice_control::withdrawals_sent().await;
            Err(Failure::interrupted()
                .because("what hosts had not finished was withdrawn; what they had done stays, and what was stored goes on")
                .help("`lattice get actors` and `lattice app list` show how far it came")
                .into())
        }
    }
}
