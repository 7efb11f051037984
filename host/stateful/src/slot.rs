//! Where an actor is, or is being woken, on this host: its queues, and the task at their other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lattice_core::stateful::StopReason;
use lattice_core::{Fault, FaultKind, KeyedActor};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::activation::{Activation, Awake, Command, Delivery, End, Inbox, NotAwake, not_counted, revive};
use crate::clock::now_ms;
use crate::driven::Driven;
use crate::moves::Departure;
use crate::ports::SharedKind;
use crate::room::Place;
use crate::runtime::Shared;

/// Calls that wait for one actor. The next is refused as overloaded.
const QUEUE: usize = 1024;
/// Orders that wait for one actor.
const COMMANDS: usize = 16;

/// The near end of an actor's queues.
pub(crate) struct Slot {
    pub(crate) deliveries: mpsc::Sender<Box<Delivery>>,
    pub(crate) commands: mpsc::Sender<Box<Command>>,
    last_used_ms: AtomicU64,
    awake: AtomicBool,
    /// Its task.
    pub(crate) driven: Arc<Driven>,
}

/// How an actor's task begins.
pub(crate) enum Begin {
    /// With the first call, or the first order.
    Asked,
    /// With what a move has brought.
    Switched,
}

impl Slot {
    pub(crate) fn new() -> (Arc<Self>, Inbox) {
        let (deliveries, incoming) = mpsc::channel(QUEUE);
        let (commands, orders) = mpsc::channel(COMMANDS);
        let driven = Arc::new(Driven::default());
        let inbox = Inbox {
            deliveries: incoming,
            commands: orders,
            driven: Arc::clone(&driven),
        };
        let slot = Self {
            deliveries,
            commands,
            last_used_ms: AtomicU64::new(now_ms()),
            awake: AtomicBool::new(false),
            driven,
        };
        (Arc::new(slot), inbox)
    }

    pub(crate) fn used(&self) {
        self.last_used_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// Whether there is an instance, which could be put to rest.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    pub(crate) fn last_used_ms(&self) -> u64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }
}

/// The task of one actor on this host.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) kind: SharedKind,
    pub(crate) actor: KeyedActor,
    pub(crate) slot: Arc<Slot>,
}

/// What comes first.
enum First {
    /// Something for which the actor has to be awake.
    Wake(Wanted),
    /// It goes on elsewhere, for which it has not.
    Depart(Departure),
}

/// What an actor is woken for.
enum Wanted {
    Delivery(Box<Delivery>),
    Look(oneshot::Sender<Option<u64>>),
}

impl Driver {
    pub(crate) async fn run(self, mut inbox: Inbox, begin: Begin) {
        let end = match begin {
            Begin::Switched => {
                let place = self.place().await;
                match self.shared.take_switched(&self.actor) {
                    Some(awake) => self.live(&mut inbox, awake, place, None).await,
                    None => End::Rested,
                }
            }
            Begin::Asked => self.wake_and_live(&mut inbox).await,
        };
        self.retire(inbox, end);
        // It may have come while somebody asked here whose it was.
        if self.shared.has_switched(&self.actor) {
            self.shared.begin_switched(&self.actor);
        }
    }

    async fn wake_and_live(&self, inbox: &mut Inbox) -> End {
        loop {
            let ended = match self.first(inbox).await {
                None => Some(End::Rested),
                Some(First::Wake(wanted)) => self.wake_for(inbox, wanted).await,
                Some(First::Depart(departure)) => {
                    // What a move has brought and nobody has called yet: its record says as much.
                    self.shared.forget_staged(&self.actor);
                    self.shared.leave(departure).await.map(End::Moved)
                }
            };
            if let Some(end) = ended {
                return end;
            }
            // Others who wait may know more: that its owner cannot be reached.
            if self.shared.vacate_if_empty(&self.actor, &self.slot, inbox) {
                return End::Rested;
            }
        }
    }

    /// Wakes the actor and serves until its end; none if it cannot be woken here.
    async fn wake_for(&self, inbox: &mut Inbox, wanted: Wanted) -> Option<End> {
        let unreachable = match &wanted {
            Wanted::Delivery(delivery) => delivery.call.address.owner_unreachable,
            Wanted::Look(_) => false,
        };
        let place = self.place().await;
        let fault = match Box::pin(revive(&self.shared, &self.kind, &self.actor, unreachable)).await {
            Ok(awake) => {
                let first = match wanted {
                    Wanted::Delivery(delivery) => Some(*delivery),
                    Wanted::Look(next) => {
                        // Its own timer fires what is due.
                        let _ = next.send(awake.record.look_ms(now_ms()));
                        None
                    }
                };
                return Some(self.live(inbox, awake, place, first).await);
            }
            Err(NotAwake::Elsewhere(member)) => not_counted(&self.actor, Some(member)),
            Err(NotAwake::Failed(fault)) => {
                debug!(actor = %self.actor, %fault, "not woken");
                fault
            }
        };
        match wanted {
            Wanted::Delivery(delivery) => answer(*delivery, fault),
            // Whoever looks asks its owner.
            Wanted::Look(next) => drop(next),
        }
        None
    }

    async fn live(&self, inbox: &mut Inbox, awake: Awake, place: Place, first: Option<Delivery>) -> End {
        self.slot.awake.store(true, Ordering::Relaxed);
        place.weigh(awake.instance.memory_bytes());
        let activation = Activation::new(Arc::clone(&self.shared), Arc::clone(&self.kind), awake, place);
        Box::pin(activation.run(inbox, first)).await
    }

    async fn first(&self, inbox: &mut Inbox) -> Option<First> {
        loop {
            tokio::select! {
                biased;
                delivery = inbox.deliveries.recv() => return delivery.map(|delivery| First::Wake(Wanted::Delivery(delivery))),
                command = inbox.commands.recv() => match *command? {
                    Command::Look(next) => return Some(First::Wake(Wanted::Look(next))),
                    Command::Depart(departure) => return Some(First::Depart(departure)),
                    Command::Rest(_) | Command::Upgrade(_) => {}
                },
            }
        }
    }

    /// Waits until there is room for one more live actor, and sees to it that there is.
    async fn place(&self) -> Place {
        let max = usize::try_from(self.kind.policy().active_max).unwrap_or(usize::MAX);
        loop {
            if let Some(place) = self.shared.room.enter(&self.actor.name, max) {
                return place;
            }
            self.shared.shed(StopReason::Idle);
            self.shared.room.freed().await;
        }
    }

    /// Gives up the slot, and answers those who still wait.
    fn retire(&self, mut inbox: Inbox, end: End) {
        self.shared.vacate(&self.actor, &self.slot);
        if let End::Moved(leaving) = &end {
            self.shared.moved.lock().note(&self.actor, &leaving.to);
        }
        inbox.deliveries.close();
        inbox.commands.close();
        while let Ok(delivery) = inbox.deliveries.try_recv() {
            match &end {
                // It is woken again for them.
                End::Rested => self.shared.hand_in(delivery),
                End::Moved(leaving) => answer(*delivery, not_counted(&self.actor, Some(leaving.to.clone()))),
                End::Lost(_) => answer(*delivery, not_counted(&self.actor, None)),
            }
        }
        if let End::Moved(leaving) = end {
            // Whoever asked may be gone.
            let _ = leaving.done.send(Ok(leaving.moved));
        }
    }
}

pub(crate) fn answer(delivery: Delivery, fault: Fault) {
    // Whoever gave up does not matter.
    let _ = delivery.answer.send(Err(fault));
}

/// The answer for a call that finds too many before it.
pub(crate) fn overloaded(actor: &KeyedActor) -> Fault {
    Fault::new(
        FaultKind::Overloaded,
        format!("{QUEUE} calls wait for `{actor}` already"),
    )
}
