//! Breaks things around stateful actors, and has a judge say whether they kept their promises.
//!
//! Real hosts as processes, each behind proxies of its own to a real cluster of three nats-servers. Clients call carts, ledgers and bank accounts
//! through two fronts and write down what they are told. Meanwhile actors move, and one thing after another fails, at a moment that a
//! seed decides. When all is well again everything is read once more, and `lattice-checker` judges.
//!
//! `cargo xtask faults` builds what this needs and runs it.

mod books;
mod fault;
mod field;
mod holds;
mod host;
mod load;
mod nats;
mod random;
mod round;
mod table;
mod web;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::fault::Fault;
use crate::field::Field;
use crate::load::Retries;
use crate::random::Random;
use crate::round::{Moment, Plan, play};
use crate::table::Table;

/// Breaks things around stateful actors, and judges.
#[derive(Debug, clap::Parser)]
struct Args {
    /// The program `lattice-host`, built with the feature `sabotage`
    #[arg(long, value_name = "FILE")]
    host: PathBuf,
    /// Decides every moment; a new one if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds for each fault and moment; without the fence at most so many in all
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Only these faults
    #[arg(long, value_enum)]
    fault: Vec<Fault>,
    /// Only at these moments of a move, such as `before`, `commit`, `anytime`
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    at: Vec<Moment>,
    /// What clients do that have no answer
    #[arg(long, value_enum, default_value = "same")]
    retries: Retries,
    /// How long clients wait before they try again, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 6_000)]
    patience: u64,
    /// Takes the fence away that keeps two owners apart: fails unless that is noticed
    #[arg(long)]
    no_fence: bool,
    /// Where the histories of bad rounds go; a new temporary folder if none is given
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = async {
        // Dropped at a signal, this takes its children along.
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            outcome = run(&args) => outcome,
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    };
    match outcome.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lattice-faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all rounds; says whether they came out as they should.
async fn run(args: &Args) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(now_nanos);
    println!("seed {seed}: `--seed {seed}` plays the same again, as far as a machine can");
    let out = match &args.out {
        Some(folder) => folder.clone(),
        None => tempfile::Builder::new().prefix("lattice-faults-").tempdir()?.keep(),
    };
    let mut field = Field::start(&args.host, !args.no_fence)
        .await
        .context("cannot start the field")?;
    let (mut table, mut random, begun) = (Table::default(), Random::new(seed), Instant::now());
    for (number, (fault, moment)) in plans(args).into_iter().enumerate() {
        let plan = Plan {
            number,
            fault,
            moment,
            seed: random.next(),
            retries: args.retries,
            quiet: args.no_fence,
            patience: Duration::from_millis(args.patience),
        };
        let started = Instant::now();
        let outcome = play(&mut field, plan, &out).await;
        let outcome = outcome.with_context(|| format!("round {number} ({fault} {moment}) cannot be played"))?;
        println!(
            "{:>6.1} s  round {number}: {fault}, {moment}: {} answers, {} unknown, silent for {:.2} s, {} of {} moves lost; \
             took {:.1} s: {}",
            begun.elapsed().as_secs_f64(),
            outcome.answered,
            outcome.unknown,
            outcome.silence.as_secs_f64(),
            outcome.lost_moves.len(),
            outcome.moves,
            started.elapsed().as_secs_f64(),
            if outcome.violations.is_empty() { "good" } else { "BAD" },
        );
        let reasons: BTreeSet<&String> = outcome.lost_moves.iter().collect();
        for reason in reasons {
            println!("          lost: {reason}");
        }
        for violation in outcome.violations.iter().take(4) {
            println!("          {}", violation.replace('\n', "\n          "));
        }
        if let Some(folder) = &outcome.kept {
            println!("          kept in {}", folder.display());
        }
        table.add(fault, &outcome);
        if args.no_fence && !outcome.violations.is_empty() {
            break;
        }
    }
    table.print();
    let bad = table.bad();
    println!(
        "{bad} rounds with violations, seed {seed}, {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    if args.no_fence {
        println!(
            "without the fence it was {}",
            if bad > 0 { "caught" } else { "NOT caught" }
        );
    }
    Ok((bad > 0) == args.no_fence)
}

fn plans(args: &Args) -> Vec<(Fault, Moment)> {
    if args.no_fence {
        // The two that make two writers: the source loses its actors with writes in hand, which come through when all is well again.
        let faults = [Fault::StallSource, Fault::FreezeSource].into_iter().cycle();
        return faults
            .map(|fault| (fault, Moment::BeforeAMove))
            .take(args.rounds)
            .collect();
    }
    let all = |chosen: &[Fault]| {
        if chosen.is_empty() {
            Fault::ALL.to_vec()
        } else {
            chosen.to_vec()
        }
    };
    let mut moments: Vec<Moment> = Moment::all().collect();
    moments.retain(|moment| args.at.is_empty() || args.at.contains(moment));
    let mut plans = Vec::new();
    for fault in all(&args.fault) {
        for moment in &moments {
            plans.extend(std::iter::repeat_n((fault, *moment), args.rounds));
        }
    }
    plans
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::all().find(|moment| moment.to_string() == text).ok_or_else(|| {
        let all: Vec<String> = Moment::all().map(|moment| moment.to_string()).collect();
        format!("expected one of {}", all.join(", "))
    })
}

fn now_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs()
}
