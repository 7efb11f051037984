//! Takes messages from subscriptions and hands them over, a bounded number at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::SelectAll;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::config::HandlerConfig;
use crate::delivery::Delivery;
use crate::heard::{Ear, Heard, Unaddressed};

/// One link's intake. It runs until it is stopped or its subscriptions end.
pub(crate) struct Intake {
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) config: HandlerConfig,
    /// Where the deliveries run; they may outlive the intake.
    pub(crate) tasks: TaskTracker,
    /// Stops taking messages. Those that wait are still delivered.
    pub(crate) stop: CancellationToken,
    /// Ends deliveries under way.
    pub(crate) abort: CancellationToken,
}

enum Step {
    Stop,
    Heard(Heard),
    Unaddressed(Unaddressed),
    Room(OwnedSemaphorePermit),
    Ended,
}

impl Intake {
    /// Runs it. Messages are handed over in the order they came in, so that with a concurrency of one they are handled in it.
    pub(crate) async fn run(self, subscriptions: Vec<Ear>) {
        let mut incoming: SelectAll<Ear> = subscriptions.into_iter().collect();
        let running = Arc::new(Semaphore::new(self.config.concurrency));
        let mut waiting: VecDeque<(Heard, Instant)> = VecDeque::new();
        let mut stopping = false;
        let mut ended = false;
        let mut shedding = false;
        while !ended || !waiting.is_empty() {
            let step = tokio::select! {
                biased;
                () = self.abort.cancelled() => return,
                () = self.stop.cancelled(), if !stopping => Step::Stop,
                permit = Arc::clone(&running).acquire_owned(), if !waiting.is_empty() => match permit {
                    Ok(permit) => Step::Room(permit),
                    Err(_) => return,
                },
                heard = incoming.next(), if !ended => match heard {
                    Some(Ok(heard)) => Step::Heard(heard),
                    Some(Err(unaddressed)) => Step::Unaddressed(unaddressed),
                    None => Step::Ended,
                },
            };
            match step {
                Step::Stop => {
                    stopping = true;
                    for ear in &mut incoming {
                        ear.drain().await;
                    }
                }
                Step::Ended => ended = true,
                Step::Room(permit) => {
                    if let Some((heard, due)) = waiting.pop_front() {
                        self.hand_over(heard, due, permit);
                    }
                }
                Step::Unaddressed(unaddressed) => self.delivery.refuse_unaddressed(&unaddressed).await,
                Step::Heard(heard) if waiting.len() < self.config.waiting => {
                    shedding = shedding && !waiting.is_empty();
                    waiting.push_back((heard, Instant::now() + self.config.timeout));
                }
                Step::Heard(heard) => {
                    if !shedding {
                        shedding = true;
                        warn!(link = %self.delivery.link, waiting = self.config.waiting, "too many messages; refusing some");
                    }
                    self.delivery.refuse(&heard.message).await;
                }
            }
        }
    }

    fn hand_over(&self, heard: Heard, due: Instant, permit: OwnedSemaphorePermit) {
        let delivery = Arc::clone(&self.delivery);
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = abort.cancelled() => {}
                () = delivery.deliver(heard, due) => {}
            }
            drop(permit);
        });
    }
}
