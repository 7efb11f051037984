//! Delivering the messages of one actor: in order for each receiver, again and again until they are taken.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lattice_core::stateful::Refusal;
use lattice_core::{FaultKind, KeyedActor};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Worker;
use crate::record::{Letter, Outbox};
use crate::runtime::Shared;

/// Receivers that are written to at a time.
const IN_FLIGHT: usize = 16;
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Before an attempt that failed is made again; doubles up to the second.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The letters of a live actor that are under way.
pub(crate) struct Letters {
    shared: Arc<Shared>,
    actor: KeyedActor,
    carrier: Option<Carrier>,
    /// The number of the last one handed over.
    posted: u64,
    /// Below it, letters are struck out in the stored record: their receivers may forget them.
    floor: Arc<AtomicU64>,
    under_way: HashSet<u64>,
}

#[derive(Debug)]
struct Carrier {
    post: mpsc::Sender<Letter>,
    taken: mpsc::Receiver<u64>,
    _task: Worker,
}

impl Letters {
    pub(crate) fn new(shared: &Arc<Shared>, actor: &KeyedActor) -> Self {
        Self {
            shared: Arc::clone(shared),
            actor: actor.clone(),
            carrier: None,
            posted: 0,
            floor: Arc::default(),
            under_way: HashSet::new(),
        }
    }

    /// Begins to deliver those that are new among `waiting`. What does not fit the queue is taken the next time.
    pub(crate) fn post(&mut self, waiting: &[Letter]) {
        for letter in waiting {
            if letter.number <= self.posted {
                continue;
            }
            let carrier = self
                .carrier
                .get_or_insert_with(|| Carrier::start(&self.shared, &self.actor, &self.floor));
            if carrier.post.try_send(letter.clone()).is_err() {
                return;
            }
            self.posted = letter.number;
            self.under_way.insert(letter.number);
        }
    }

    /// The number of the next letter that was taken, or dropped for good.
    ///
    /// Cancel safe.
    pub(crate) async fn taken(&mut self) -> u64 {
        let Some(carrier) = &mut self.carrier else {
            return std::future::pending().await;
        };
        let Some(number) = carrier.taken.recv().await else {
            return std::future::pending().await;
        };
        self.under_way.remove(&number);
        number
    }

    /// Lets receivers forget what the stored record does not speak of any more.
    pub(crate) fn settle(&mut self, stored: &Outbox) {
        self.floor.store(stored.floor(), Ordering::Relaxed);
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }
}

impl Carrier {
    fn start(shared: &Arc<Shared>, actor: &KeyedActor, floor: &Arc<AtomicU64>) -> Self {
        let (post, posted) = mpsc::channel(1024);
        let (done, taken) = mpsc::channel(64);
        let round = Round {
            shared: Arc::clone(shared),
            actor: actor.clone(),
            floor: Arc::clone(floor),
            waiting: HashMap::new(),
            in_flight: JoinSet::new(),
        };
        Self {
            post,
            taken,
            _task: Worker::new(shared.tasks.spawn(round.run(posted, done))),
        }
    }
}

struct Round {
    shared: Arc<Shared>,
    actor: KeyedActor,
    floor: Arc<AtomicU64>,
    /// By receiver; the first of each is in flight if it has one.
    waiting: HashMap<KeyedActor, VecDeque<Letter>>,
    in_flight: JoinSet<(KeyedActor, u64)>,
}

impl Round {
    async fn run(mut self, mut posted: mpsc::Receiver<Letter>, done: mpsc::Sender<u64>) {
        loop {
            tokio::select! {
                letter = posted.recv(), if self.in_flight.len() < IN_FLIGHT => {
                    let Some(letter) = letter else { return };
                    let to = letter.send.to.clone();
                    let queue = self.waiting.entry(to).or_default();
                    queue.push_back(letter.clone());
                    if queue.len() == 1 {
                        self.begin(letter);
                    }
                }
                Some(delivered) = self.in_flight.join_next() => {
                    let Ok((to, number)) = delivered else { return };
                    if done.send(number).await.is_err() {
                        return;
                    }
                    let next = self.waiting.get_mut(&to).and_then(|queue| {
                        queue.pop_front();
                        queue.front().cloned()
                    });
                    match next {
                        Some(next) => self.begin(next),
                        None => drop(self.waiting.remove(&to)),
                    }
                }
            }
        }
    }

    fn begin(&mut self, letter: Letter) {
        let (shared, actor, floor) = (Arc::clone(&self.shared), self.actor.clone(), Arc::clone(&self.floor));
        self.in_flight.spawn(async move {
            deliver(&shared, &actor, &letter, &floor).await;
            (letter.send.to, letter.number)
        });
    }
}

/// Delivers one letter. Returns when it was taken, or never will be.
async fn deliver(shared: &Shared, from: &KeyedActor, letter: &Letter, floor: &AtomicU64) {
    let call = letter.call_id(from);
    let mut backoff = BACKOFF;
    loop {
        let deadline = Instant::now() + ATTEMPT;
        let lane = letter.lane(from, floor.load(Ordering::Relaxed));
        let sent = shared.neighbours.deliver(from, &letter.send, call, lane, deadline);
        let why = match sent.await {
            Ok(Ok(())) => return,
            Ok(Err(Refusal::Transient(why))) => why,
            Ok(Err(refusal)) => return undeliverable(shared, from, letter, &refusal),
            Err(fault) if is_final(fault.kind) => return undeliverable(shared, from, letter, &fault),
            Err(fault) => fault.to_string(),
        };
        tracing::debug!(%from, to = %letter.send.to, why, "a message is sent again");
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// Whether trying again would change nothing.
fn is_final(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Denied | FaultKind::BadArguments | FaultKind::TooLarge | FaultKind::NotFound
    )
}

fn undeliverable(shared: &Shared, from: &KeyedActor, letter: &Letter, why: &dyn std::fmt::Display) {
    let (to, operation) = (&letter.send.to, &letter.send.operation);
    tracing::warn!(%from, %to, operation, %why, "a message cannot be delivered and is dropped");
    let details = vec![
        ("to", to.to_string()),
        ("operation", operation.clone()),
        ("reason", why.to_string()),
    ];
    shared.neighbours.tell(from, "message-dropped", details);
}
