//! Keeps one child running until it is told to stop: starts it again when it ends by itself, gives up when that does not help.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{process::Command, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    child::{ChildProcess, Ended},
    identity::ProcessIdentity,
};
use crate::{
    failure::Failure,
    output::{note, warn},
};

/// Ends within [`WINDOW`] after which starting again is given up.
const ENDS_MAX: usize = 5;
/// See [`ENDS_MAX`].
const WINDOW: Duration = Duration::from_secs(60);
/// The wait before the first new start; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// A change that whoever keeps the record must know of.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The child of this index runs as this process now.
    Runs(usize, ProcessIdentity),
    /// The child of this index ended because somebody told it to, and is not started again.
    Ended(usize),
    /// It cannot be kept running.
    Lost(Failure),
}

/// One child that is kept running.
pub(crate) struct Keeper {
    stop: CancellationToken,
    task: JoinHandle<bool>,
}

/// What to keep running.
pub(crate) struct Keep<F> {
    /// Its place in the record.
    pub(crate) index: usize,
    /// What it is called in messages.
    pub(crate) name: String,
    /// How it is started.
    pub(crate) command: F,
    /// How long it may take to end when asked.
    pub(crate) grace: Duration,
    /// Exit codes by which it says that it was told to end, by somebody else than us.
    pub(crate) told_to_end: &'static [i32],
    /// Whether everything has been seen to serve. Before that an end is a failure, and told at once.
    pub(crate) settled: Arc<AtomicBool>,
}

impl Keeper {
    /// Starts a child and keeps it running.
    ///
    /// # Errors
    /// When it cannot be started the first time.
    pub(crate) fn start<F>(what: Keep<F>, tell: mpsc::UnboundedSender<Kept>) -> Result<(Self, ProcessIdentity)>
    where
        F: Fn() -> Command + Send + 'static,
    {
        let child = ChildProcess::spawn(&what.name, (what.command)())?;
        let identity = child.identity().clone();
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(what, child, stop.clone(), tell));
        Ok((Self { stop, task }, identity))
    }

    /// Ends the child. Returns whether it ended by itself within its grace.
    pub(crate) async fn stop(self) -> bool {
        self.stop.cancel();
        self.task.await.unwrap_or(false)
    }
}

async fn keep<F>(
    what: Keep<F>,
    mut child: ChildProcess,
    stop: CancellationToken,
    tell: mpsc::UnboundedSender<Kept>,
) -> bool
where
    F: Fn() -> Command + Send + 'static,
{
    let mut ends = VecDeque::new();
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return child.stop(what.grace).await,
            ended = child.wait() => ended,
        };
        if ended.code.is_some_and(|code| what.told_to_end.contains(&code)) {
            note(format_args!("{} was told to end, and is not started again", what.name));
            let _ = tell.send(Kept::Ended(what.index));
            stop.cancelled().await;
            return true;
        }
        if !what.settled.load(Ordering::Relaxed) {
            lose(
                &tell,
                Failure::failed(format!("{} ended while starting ({})", what.name, ended.how))
                    .because(last_words(&ended)),
            );
            stop.cancelled().await;
            return true;
        }
        let now = Instant::now();
        ends.push_back(now);
        while ends.front().is_some_and(|first| now.duration_since(*first) > WINDOW) {
            ends.pop_front();
        }
        if ends.len() >= ENDS_MAX {
            lose(
                &tell,
                Failure::failed(format!("{} keeps ending ({})", what.name, ended.how)).because(last_words(&ended)),
            );
            stop.cancelled().await;
            return true;
        }
        let pause = PAUSE * 2u32.pow(u32::try_from(ends.len()).unwrap_or(1) - 1);
        warn(format_args!(
            "{} ended by itself ({}); starting it again",
            what.name, ended.how
        ));
        tokio::select! {
            () = stop.cancelled() => return true,
            () = tokio::time::sleep(pause) => {}
        }
        child = match ChildProcess::spawn(&what.name, (what.command)()) {
            Ok(child) => child,
            Err(error) => {
                lose(
                    &tell,
                    Failure::failed(format!("{} cannot be started again", what.name)).because(format!("{error:#}")),
                );
                stop.cancelled().await;
                return true;
            }
        };
        note(format_args!("{} runs again", what.name));
        // Whoever heard is gone only when everything ends.
        let _ = tell.send(Kept::Runs(what.index, child.identity().clone()));
    }
}

/// What a child said last, which mostly is why it ended.
fn last_words(ended: &Ended) -> String {
    match ended.last_lines.iter().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("its last words: {line}"),
        None => "it said nothing".to_owned(),
    }
}

fn lose(tell: &mpsc::UnboundedSender<Kept>, failure: Failure) {
    let _ = tell.send(Kept::Lost(failure));
}
