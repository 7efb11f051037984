//! The life of `lattice up`: lock, start, watch over, end in order.

use std::{fs::File, path::Path, sync::atomic::Ordering};

use anyhow::{Context as _, Result};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    keeper::{Keeper, Kept},
    leftovers::{self, Ending},
    plan::UpPlan,
    record::{Phase, RunRecord},
    start::{self, Started},
};
use crate::{failure::Failure, files, output::note};

/// Held as long as `lattice up` lives; the system lets go of it however the process ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` while another `lattice up` has it.
    pub(crate) fn take(folder: &Path) -> Result<Option<Self>> {
        files::create_private_dir(folder)?;
        let path = folder.join("up.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

/// Runs a lattice until a signal or a child that cannot be kept running ends it. `ready` is called once it serves.
pub(crate) async fn run(plan: UpPlan, _lock: Lock, ready: impl FnOnce(&RunRecord) -> Result<()>) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    clean_up_after_a_crash(&plan).await?;

    let (tell, mut told) = mpsc::unbounded_channel();
    let mut started = Started::new(&plan)?;
    let outcome = {
        let running = async {
            tokio::select! {
                outcome = start::start(&plan, &mut started, &tell) => outcome?,
                failure = lost(&mut told) => return Err(failure.into()),
            }
            started.settled.store(true, Ordering::Relaxed);
            ready(&started.record)?;
            watch(&mut started, &mut told).await
        };
        tokio::select! {
            outcome = running => outcome,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    };
    let ended = end(&plan, started, &mut interrupt).await;
    outcome.and(ended)
}

/// Waits for a child that cannot be kept running.
async fn lost(told: &mut mpsc::UnboundedReceiver<Kept>) -> Failure {
    loop {
        match told.recv().await {
            Some(Kept::Lost(failure)) => return failure,
            Some(Kept::Runs(..)) => {}
            Some(Kept::Ended(_)) => return Failure::failed("a host ended while it was starting"),
            None => std::future::pending().await,
        }
    }
}

/// Keeps the record true while children come and go.
async fn watch(started: &mut Started, told: &mut mpsc::UnboundedReceiver<Kept>) -> Result<()> {
    while let Some(kept) = told.recv().await {
        match kept {
            Kept::Runs(index, process) => started.now_runs(index, process)?,
            Kept::Ended(index) => started.has_ended(index)?,
            Kept::Lost(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// Ends hosts, all at once, then the NATS server. A second Ctrl-C does not wait for them to drain.
async fn end(plan: &UpPlan, mut started: Started, interrupt: &mut tokio::signal::unix::Signal) -> Result<()> {
    note("stopping: hosts drain, then NATS ends (Ctrl-C again ends them at once)");
    started.record.phase = Phase::Stopping;
    started.record.write(&plan.home.run_record())?;
    let hosts = started.hosts.drain(..).map(Keeper::stop);
    let stopping = async {
        let hosts_in_time = futures::future::join_all(hosts)
            .await
            .into_iter()
            .all(|in_time| in_time);
        let nats_in_time = match started.nats.take() {
            Some(nats) => nats.stop().await,
            None => true,
        };
        hosts_in_time && nats_in_time
    };
    let in_time = tokio::select! {
        in_time = stopping => in_time,
        _ = interrupt.recv() => false,
    };
    if !in_time {
        // Nothing of ours is left behind, also when it would not listen.
        leftovers::end_all(&started.record, std::time::Duration::ZERO).await;
        note("some had to be killed");
    }
    RunRecord::remove(&plan.home.run_record())?;
    note("stopped");
    Ok(())
}

/// Ends what a `lattice up` that was killed left running: it would hold the ports and the store.
async fn clean_up_after_a_crash(plan: &UpPlan) -> Result<()> {
    let Some(old) = RunRecord::read(&plan.home.run_record())? else {
        return Ok(());
    };
    for (name, ending) in leftovers::end_all(&old, plan.grace).await {
        match ending {
            Ending::Gone => {}
            Ending::Graceful | Ending::Killed => {
                note(format_args!("ended {name}, left behind by an earlier `lattice up`"));
            }
            Ending::Stuck => {
                anyhow::bail!("{name}, left behind by an earlier `lattice up`, cannot be ended");
            }
        }
    }
    RunRecord::remove(&plan.home.run_record())
}
