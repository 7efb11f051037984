//! `lattice down`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use rustix::process::Signal;
use serde::Serialize;

use crate::{
    app::App,
    args::duration,
    context,
    failure::{Exit, Failure},
    output::{Document, Narrator, note},
    up::{Ending, Lock, RunRecord, end_all, has_ended},
};

/// Ends the lattice that `lattice up` started here: hosts drain, then NATS ends
#[derive(Args, Debug)]
pub(crate) struct Down {
    /// How long everything may take to end by itself before it is killed
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "45s")]
    grace: Duration,
}

#[derive(Serialize)]
struct Ended {
    lattice: String,
    graceful: bool,
}

impl Down {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let lattice = app.overrides.lattice.clone().unwrap_or_else(context::default_lattice);
        let home = app.home.lattice(&lattice);
        let Some(record) = RunRecord::read(&home.run_record())? else {
            note(format_args!("lattice `{lattice}` is not running here"));
            return Ok(());
        };
        let mut narrator = Narrator::new();
        narrator.step(format!("ending lattice {lattice}"));

        // The supervisor ends its children in order. Only one that does not, or is gone, leaves that to us.
        record.supervisor.signal(Signal::TERM);
        let mut graceful = has_ended(&record.supervisor, self.grace).await;
        if !graceful {
            record.supervisor.signal(Signal::KILL);
        }
        let last = RunRecord::read(&home.run_record())?.unwrap_or(record);
        for (name, ending) in end_all(&last, self.grace).await {
            match ending {
                Ending::Gone => {}
                Ending::Graceful => narrator.step(format!("{name} ended")),
                Ending::Killed => graceful = false,
                Ending::Stuck => {
                    return Err(Failure::new(Exit::Timeout, format!("{name} does not end, even when killed")).into());
                }
            }
        }
        drop(narrator);
        // Nobody else may be starting it while its record is removed.
        if let Some(_lock) = Lock::take(home.root())? {
            RunRecord::remove(&home.run_record())?;
        }
        let text = if graceful {
            "ended"
        } else {
            "ended; some of it had to be killed"
        };
        let ended = Ended {
            lattice: lattice.to_string(),
            graceful,
        };
        app.print(&Document::single(
            "Lattice",
            format!("lattice/{lattice}"),
            &ended,
            format!("lattice {lattice} {text}"),
        )?)
    }
}
