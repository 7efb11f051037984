//! Instances that serve several calls at a time, for components that can.
//!
//! A call has a seat in an instance. A guest cannot be interrupted for one call alone, so a call that is given up leaves its
//! instance without new calls, and the instance is ended once all others have had their answers.

mod job;
mod seats;
mod worker;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::channel::oneshot;
use http::Request;
use lattice_capability::BrokerMessage;
use lattice_core::Fault;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use wasmtime_wasi_http::WasiBody;

use self::job::{EndSignal, Job, Task};
use self::seats::{Seat, Seats};
use super::http::{AnswerSender, Guest};
use super::{Inner, Values};
use crate::compiled::ExportedFunction;
use crate::linked::Origin;
use crate::values::Args;

/// The shared instances of one actor.
pub(super) struct Crowd {
    seats_max: u32,
    served_max: u32,
    /// Calls that compute are spread over this many instances before any instance gets a second one.
    spread: usize,
    desks: Mutex<Vec<Desk>>,
}

/// Where an instance takes its calls.
#[derive(Clone)]
struct Desk {
    jobs: mpsc::Sender<Job>,
    seats: Arc<Seats>,
}

impl Crowd {
    pub(super) fn new(max_in_flight: u32, max_invocations: u32) -> Self {
        Self {
            seats_max: max_in_flight.max(1),
            served_max: max_invocations.max(1),
            spread: std::thread::available_parallelism().map_or(1, usize::from),
            desks: Mutex::new(Vec::new()),
        }
    }

    pub(super) async fn call(
        &self,
        inner: &Arc<Inner>,
        origin: Origin,
        export: &ExportedFunction,
        args: Args<'_>,
    ) -> Result<Values, Fault> {
        let (reply, answer) = oneshot::channel();
        let args = args.into_owned().into_vals();
        self.run(
            inner,
            origin,
            Task::Call {
                export: export.clone(),
                args,
                reply,
            },
            answer,
        )
        .await
    }

    pub(super) async fn message(
        &self,
        inner: &Arc<Inner>,
        origin: Origin,
        message: BrokerMessage,
    ) -> Result<Result<(), String>, Fault> {
        let (reply, answer) = oneshot::channel();
        self.run(inner, origin, Task::Message { message, reply }, answer).await
    }

    async fn run<R>(
        &self,
        inner: &Arc<Inner>,
        origin: Origin,
        task: Task,
        answer: oneshot::Receiver<Result<R, Fault>>,
    ) -> Result<R, Fault> {
        let _permit = inner.enter(&origin).await?;
        let _runs = inner.ticker.guest_runs();
        let deadline = origin.deadline;
        let work = pin!(async {
            let mut seat = self.seat(inner, Job { origin, task });
            let outcome = match answer.await {
                Ok(outcome) => outcome,
                Err(_) => Err(seat.fault().await),
            };
            seat.finished();
            outcome
        });
        inner.counted(inner.within(deadline, work).await)
    }

    /// Begins a request. The future that is returned ends with the body of its answer.
    pub(super) async fn http(
        &self,
        inner: &Arc<Inner>,
        origin: Origin,
        request: Request<WasiBody>,
        sender: AnswerSender,
    ) -> Result<Guest, Fault> {
        let permit = inner.enter(&origin).await?;
        let runs = inner.ticker.guest_runs();
        let deadline = origin.deadline;
        let (reply, answer) = oneshot::channel();
        let mut seat = self.seat(
            inner,
            Job {
                origin,
                task: Task::Http {
                    request: Box::new(request),
                    reply,
                },
            },
        );
        let inner = Arc::clone(inner);
        Ok(Box::pin(async move {
            let _held = (permit, runs);
            let work = pin!(async {
                let (body_end, ended) = oneshot::channel();
                let Ok(response) = answer.await else {
                    return Err(seat.fault().await);
                };
                let response = response.map(|response| EndSignal::attach(response, body_end));
                // Nobody waits any more when the caller is gone.
                let _ = sender.send(response);
                let _ = ended.await;
                seat.finished();
                Ok(())
            });
            inner.counted(inner.within(deadline, work).await)
        }))
    }

    /// Finds the call a seat: in an idle instance, in a new one while there are few, in the least busy one, or in a new one.
    fn seat(&self, inner: &Arc<Inner>, mut job: Job) -> Seat {
        let mut desks = self.desks.lock();
        desks.retain(|desk| desk.seats.is_open());
        let mut by_load: Vec<usize> = (0..desks.len()).collect();
        by_load.sort_by_key(|at| desks[*at].seats.taken());
        for at in by_load {
            let desk = &desks[at];
            if desk.seats.taken() > 0 && desks.len() < self.spread {
                break;
            }
            let Some(seat) = desk.seats.take(self.seats_max, self.served_max) else {
                continue;
            };
            match desk.jobs.try_send(job) {
                Ok(()) => return seat,
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => job = back,
            }
        }
        let (desk, seat) = self.open(inner, job);
        desks.push(desk);
        seat
    }

    /// Makes a new instance, with the call as its first.
    fn open(&self, inner: &Arc<Inner>, job: Job) -> (Desk, Seat) {
        let seats = Arc::<Seats>::default();
        let seat = seats.take_first(self.served_max);
        let (jobs, waiting) = mpsc::channel(usize::try_from(self.seats_max).unwrap_or(usize::MAX >> 4));
        inner.counts.instances.fetch_add(1, Relaxed);
        inner
            .tasks
            .spawn(worker::work(worker::Place::of(inner), Arc::clone(&seats), job, waiting));
        (Desk { jobs, seats }, seat)
    }

    /// Lets every instance end once its calls have.
    pub(super) fn clear(&self) {
        self.desks.lock().clear();
    }
}
