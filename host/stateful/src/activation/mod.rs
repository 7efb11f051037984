//! One actor, alive on this host: a task that owns the instance and everything that is known of the actor.
//!
//! Turns run one after another. What they change is *ahead* of what is stored until a write has taken it along; several turns share one write,
//! which is begun as soon as the one before is done. In the class `commit` an answer is held until the write that contains its turn is stored:
//! that is the output gate. A turn that has changed nothing, and follows nothing that is not stored, is answered from memory, but only
//! while the session's lease holds.

mod alarm;
mod departure;
mod gate;
mod letters;
mod storing;
mod timers;
mod turn;
mod upgrade;
mod wake;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::stateful::StopReason;
use lattice_core::{Durability, Fault, FaultKind, KeyedActor, MemberId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::driven::Driven;
use crate::moves::Leaving;
use crate::ports::{Answer, Call, Instance, SharedKind};
use crate::record::{Record, State};
use crate::room::Place;
use crate::runtime::Shared;
use crate::session::Standing;
use alarm::Alarm;
use gate::Held;
use letters::Letters;
use storing::Storing;
pub(crate) use wake::{Awake, NotAwake, instance, revive};

/// Turns that may be ahead of what is stored.
const AHEAD_MAX: usize = 64;
/// How long an actor may take to be woken, saved or put to rest, beyond what a caller waits.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// A call on its way in, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) actor: KeyedActor,
    pub(crate) call: Call,
    pub(crate) answer: oneshot::Sender<Result<Answer, Fault>>,
}

/// What others ask of a live actor besides calls.
#[derive(Debug)]
pub(crate) enum Command {
    /// Give up the memory, if nobody needs it just now.
    Rest(StopReason),
    /// Go on elsewhere.
    Depart(crate::moves::Departure),
    /// Go on in another component.
    Upgrade(SharedKind),
    /// A reminder may be due. Answered with when the next one is.
    Look(oneshot::Sender<Option<u64>>),
}

/// The ends of an actor's queues that its task holds.
pub(crate) struct Inbox {
    pub(crate) deliveries: mpsc::Receiver<Box<Delivery>>,
    pub(crate) commands: mpsc::Receiver<Box<Command>>,
    /// The task itself.
    pub(crate) driven: Arc<Driven>,
}

/// How a live actor came to its end here.
#[derive(Debug)]
pub(crate) enum End {
    /// It was put to rest: calls that come now wake it again.
    Rested,
    /// It went on elsewhere.
    Moved(Leaving),
    /// It is not ours any more, or its instance is gone: nothing that was not stored counts.
    Lost(&'static str),
}

/// A live actor.
pub(crate) struct Activation {
    shared: Arc<Shared>,
    actor: KeyedActor,
    kind: SharedKind,
    instance: Box<dyn Instance>,
    standing: Standing,
    /// The end of the session.
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    alarm: Alarm,
    /// What is known of the actor with every turn that has run; its `state` is what was stored last.
    now: Record,
    /// The state with every turn that has run, but for what the instance has not written down yet.
    state: State,
    /// The revision to follow.
    revision: u64,
    /// Whether state has changed since the last write was begun: cells, or what the instance has written down.
    unsaved: bool,
    /// Whether letters or reminders have.
    owes: bool,
    /// When state changed first that is not stored; none when all is.
    dirty_since: Option<Instant>,
    /// Turns that have run since the last write was begun, and their answers.
    ahead: Vec<Held>,
    storing: Option<Storing>,
    letters: Letters,
    /// What the index of reminders says of this actor.
    indexed_ms: Option<u64>,
    last_used: Instant,
    place: Place,
}

/// What an actor waits for.
enum Event {
    Delivery(Box<Delivery>),
    Command(Box<Command>),
    Stored(storing::Outcome),
    Taken(u64),
    Timer,
    SessionOver,
    /// Nobody can reach it any more.
    Abandoned,
}

impl Activation {
    pub(crate) fn new(shared: Arc<Shared>, kind: SharedKind, awake: Awake, place: Place) -> Self {
        let Awake {
            actor,
            instance,
            standing,
            record,
            state,
            revision,
        } = awake;
        let letters = Letters::new(&shared, &actor);
        let indexed_ms = record.reminders.next_ms();
        let now = Instant::now();
        Self {
            shared,
            actor,
            alarm: Alarm::at(now + timers::SLEEP_MAX),
            kind,
            instance,
            over: Box::pin(standing.lost.clone().cancelled_owned()),
            standing,
            now: record,
            state,
            revision,
            unsaved: false,
            owes: false,
            dirty_since: None,
            ahead: Vec::new(),
            storing: None,
            letters,
            indexed_ms,
            last_used: now,
            place,
        }
    }

    /// Serves until the end. Whatever is in the queues then is the caller's to answer.
    pub(crate) async fn run(mut self, inbox: &mut Inbox, first: Option<Delivery>) -> End {
        self.letters.settle(&self.now.outbox);
        self.letters.post(self.now.outbox.waiting());
        if let Some(first) = first
            && let Err(end) = self.take(first).await
        {
            return self.finish(end).await;
        }
        loop {
            let stepped = self.step(inbox).await;
            if let Err(end) = stepped {
                return self.finish(end).await;
            }
        }
    }

    async fn step(&mut self, inbox: &mut Inbox) -> Result<(), End> {
        if self.storing.is_none() && self.wants_storing() {
            self.begin_storing().await?;
        }
        match self.next(inbox).await {
            Event::Delivery(delivery) => {
                let taken = self.take(*delivery).await;
                if inbox.driven.is_lent() && !inbox.deliveries.is_empty() {
                    // Whoever runs this for the sake of its own call does not wait for those of others.
                    tokio::task::yield_now().await;
                }
                taken
            }
            Event::Command(command) => match *command {
                Command::Look(next) => self.look(next).await,
                Command::Rest(why) => self.rest_if_idle(why).await,
                Command::Depart(departure) => self.depart(departure).await,
                Command::Upgrade(kind) => self.upgrade(kind).await,
            },
            Event::Stored(outcome) => self.stored(outcome),
            Event::Taken(number) => {
                self.owes |= self.now.outbox.strike(&[number]);
                Ok(())
            }
            Event::Timer => self.on_timer().await,
            Event::SessionOver => Err(End::Lost("this host's session was ended")),
            Event::Abandoned => Err(End::Rested),
        }
    }

    async fn next(&mut self, inbox: &mut Inbox) -> Event {
        let may_run = self.may_run();
        let timer = self.next_timer();
        tokio::select! {
            biased;
            () = &mut self.over => Event::SessionOver,
            outcome = storing::done(&mut self.storing) => Event::Stored(outcome),
            command = inbox.commands.recv() => command.map_or(Event::Abandoned, Event::Command),
            number = self.letters.taken() => Event::Taken(number),
            () = self.alarm.ring(timer) => Event::Timer,
            delivery = inbox.deliveries.recv(), if may_run => delivery.map_or(Event::Abandoned, Event::Delivery),
        }
    }

    /// Whether another turn may begin now.
    fn may_run(&self) -> bool {
        let ahead = self.ahead.len() + self.storing.as_ref().map_or(0, |storing| storing.batch.len());
        match self.kind.policy().durability {
            Durability::Commit if self.kind.reaches_out() => ahead == 0,
            Durability::Commit => ahead < AHEAD_MAX,
            Durability::Checkpoint(_) | Durability::Volatile => true,
        }
    }

    /// Ends the instance. What is ahead has not happened.
    async fn finish(self, end: End) -> End {
        let deadline = Instant::now() + HOUSEKEEPING;
        let why = match &end {
            End::Rested => StopReason::Idle,
            End::Moved(_) => StopReason::Moving,
            End::Lost(why) => {
                debug!(actor = %self.actor, why, "let go of an actor");
                StopReason::Moving
            }
        };
        if let Some(storing) = self.storing {
            // Whether it is done is not known: whoever wakes the actor next has to write over it first.
            self.shared.doubtful.lock().insert(self.actor.clone());
            storing.take_back(&self.actor);
        }
        for held in self.ahead {
            held.take_back(&self.actor);
        }
        if !self.instance.is_dead() {
            let resting = self.instance.rest(why, deadline);
            match end {
                End::Rested => resting.await,
                // It is another's: those who wait for it do not wait for this.
                End::Moved(_) | End::Lost(_) => drop(self.shared.tasks.spawn(resting)),
            }
        }
        end
    }

    /// Puts the actor to rest unless it has something to do.
    async fn rest_if_idle(&mut self, why: StopReason) -> Result<(), End> {
        let busy = !self.ahead.is_empty() || self.storing.is_some() || !self.letters.is_idle();
        if busy {
            return Ok(());
        }
        // Whatever its class: memory is given back, not lost.
        self.begin_storing().await?;
        if self.storing.is_some() {
            let outcome = storing::done(&mut self.storing).await;
            self.stored(outcome)?;
        }
        debug!(actor = %self.actor, ?why, "put to rest");
        Err(End::Rested)
    }

    fn now_ms() -> u64 {
        crate::clock::now_ms()
    }

    fn warn(&self, what: &'static str, error: &dyn std::fmt::Display) {
        warn!(actor = %self.actor, %error, "{what}");
        let details = vec![("error", error.to_string())];
        self.shared.neighbours.tell(&self.actor, what, details);
    }
}

/// The answer for a call whose turn does not count: it may be made again, wherever the actor is now.
pub(crate) fn not_counted(actor: &KeyedActor, moved_to: Option<MemberId>) -> Fault {
    Fault::not_here(format!("`{actor}` is not here any more"), moved_to)
}

/// The fault of state that cannot be had.
pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Backend, error.to_string()).blaming(lattice_core::Blame::Lattice)
}

/// A task that ends with whatever holds it.
pub(crate) type Worker<T = ()> = AbortOnDropHandle<T>;
