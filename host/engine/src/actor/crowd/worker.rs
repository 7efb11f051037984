//! The task that runs one shared instance.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Accessor;

use super::job::{Doors, Job};
use super::seats::Seats;
use crate::actor::Inner;
use crate::actor::entry::Entries;
use crate::actor::instance::{Instance, Mold};
use crate::actor::reuse::IDLE_MAX;
use crate::ctx::Ctx;

/// What a worker needs of its actor. Not the actor itself, which an idle worker must not keep alive.
pub(super) struct Place {
    mold: Arc<Mold>,
    entries: Arc<Entries>,
    stop: CancellationToken,
    /// How long a guest may go on after its last answer.
    linger: Duration,
}

impl Place {
    pub(super) fn of(inner: &Inner) -> Self {
        Self {
            mold: Arc::clone(&inner.mold),
            entries: Arc::clone(&inner.entries),
            stop: inner.stop.clone(),
            linger: inner.shared.limits.deadline(),
        }
    }
}

/// Makes an instance and serves calls in it until it is used up, nobody calls, or it dies.
pub(super) async fn work(place: Place, seats: Arc<Seats>, first: Job, jobs: mpsc::Receiver<Job>) {
    let _end = seats.end_on_drop();
    let serve = async {
        let mut instance = match place.mold.cast(first.origin.clone()).await {
            Ok(instance) => instance,
            Err(fault) => return seats.fail(fault),
        };
        if let Err(error) = serve(&place, &seats, &mut instance, first, jobs).await {
            let fault = instance.explain(&error);
            tracing::debug!(%fault, ?error, "a shared instance failed");
            seats.fail(fault);
        }
        instance.end();
    };
    // Whichever comes first: dropping the work drops the instance, and with it whatever still runs inside.
    tokio::select! {
        biased;
        () = serve => {}
        () = seats.deserted() => {}
        () = place.stop.cancelled() => {}
    }
}

async fn serve(
    place: &Place,
    seats: &Seats,
    instance: &mut Instance,
    first: Job,
    mut jobs: mpsc::Receiver<Job>,
) -> wasmtime::Result<()> {
    let doors = Doors {
        http: place
            .entries
            .http
            .as_ref()
            .map(|http| http.load(&mut instance.store, &instance.instance))
            .transpose()?,
        message: place
            .entries
            .message
            .as_ref()
            .map(|entry| entry.load(&mut instance.store, &instance.instance))
            .transpose()?,
        instance: instance.instance,
    };
    instance
        .store
        .run_concurrent(async |accessor: &Accessor<Ctx>| {
            let mut running = FuturesUnordered::new();
            running.push(first.run(accessor, &doors));
            loop {
                let idle = running.is_empty();
                tokio::select! {
                    biased;
                    Some(ended) = running.next() => ended?,
                    job = next(&mut jobs, idle) => match job {
                        Next::Job(job) => running.push(job.run(accessor, &doors)),
                        Next::Idle if seats.close_if_empty() => break,
                        Next::Idle => {}
                        Next::Closed if idle => break,
                        // No more will come: see those through that are here.
                        Next::Closed => while let Some(ended) = running.next().await { ended? },
                    },
                }
            }
            let rest = std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx));
            // A guest that does not come to an end by itself is ended with its store.
            let _ = tokio::time::timeout(place.linger, rest).await;
            Ok(())
        })
        .await?
}

enum Next {
    Job(Job),
    /// Nobody called for a while.
    Idle,
    /// Nobody will call any more.
    Closed,
}

async fn next(jobs: &mut mpsc::Receiver<Job>, idle: bool) -> Next {
    let job = if idle {
        match tokio::time::timeout(IDLE_MAX, jobs.recv()).await {
            Ok(job) => job,
            Err(_) => return Next::Idle,
        }
    } else {
        jobs.recv().await
    };
    job.map_or(Next::Closed, Next::Job)
}
