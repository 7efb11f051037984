//! Where an actor is, or is being woken, on this host: its queues, and the task at their other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lattice_core::stateful::StopReason;
use lattice_core::{Fault, FaultKind, KeyedActor, MemberId};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::activation::{Activation, Awake, Command, Delivery, End, Inbox, NotAwake, not_counted, revive};
use crate::clock::now_ms;
use crate::ports::SharedKind;
use crate::room::Place;
use crate::runtime::Shared;

/// Calls that wait for one actor. The next is refused as overloaded.
const QUEUE: usize = 1024;
/// Orders that wait for one actor.
const COMMANDS: usize = 16;

/// The near end of an actor's queues.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) deliveries: mpsc::Sender<Box<Delivery>>,
    pub(crate) commands: mpsc::Sender<Box<Command>>,
    last_used_ms: AtomicU64,
    awake: AtomicBool,
}

/// How an actor's task begins.
pub(crate) enum Begin {
    /// With the first call, or the first order.
    Asked,
    /// Awake, after a move.
    Awake(Box<Awake>),
}

impl Slot {
    pub(crate) fn new() -> (Arc<Self>, Inbox) {
        let (deliveries, incoming) = mpsc::channel(QUEUE);
        let (commands, orders) = mpsc::channel(COMMANDS);
        let slot = Self {
            deliveries,
            commands,
            last_used_ms: AtomicU64::new(now_ms()),
            awake: AtomicBool::new(false),
        };
        let inbox = Inbox {
            deliveries: incoming,
            commands: orders,
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
    Delivery(Box<Delivery>),
    Look(oneshot::Sender<Option<u64>>),
}

impl Driver {
    pub(crate) async fn run(self, mut inbox: Inbox, begin: Begin) {
        let end = match begin {
            Begin::Awake(awake) => {
                let place = self.place().await;
                self.live(&mut inbox, *awake, place, None).await
            }
            Begin::Asked => self.wake_and_live(&mut inbox).await,
        };
        self.retire(inbox, &end);
    }

    async fn wake_and_live(&self, inbox: &mut Inbox) -> End {
        loop {
            let Some(first) = self.first(inbox).await else {
                return End::Rested;
            };
            let unreachable = match &first {
                First::Delivery(delivery) => delivery.call.address.owner_unreachable,
                First::Look(_) => false,
            };
            let place = self.place().await;
            match Box::pin(revive(&self.shared, &self.kind, &self.actor, unreachable)).await {
                Ok(awake) => {
                    let first = match first {
                        First::Delivery(delivery) => Some(*delivery),
                        First::Look(next) => {
                            // Its own timer fires what is due.
                            let _ = next.send(awake.record.look_ms(now_ms()));
                            None
                        }
                    };
                    return self.live(inbox, awake, place, first).await;
                }
                Err(NotAwake::Elsewhere(member)) => {
                    refuse(first, || not_counted(&self.actor, Some(member.clone())));
                }
                Err(NotAwake::Failed(fault)) => {
                    debug!(actor = %self.actor, %fault, "not woken");
                    refuse(first, || fault.clone());
                }
            }
            // Others who wait may know more: that its owner cannot be reached.
            if self.shared.vacate_if_empty(&self.actor, &self.slot, inbox) {
                return End::Rested;
            }
        }
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
                delivery = inbox.deliveries.recv() => return delivery.map(First::Delivery),
                command = inbox.commands.recv() => match *command? {
                    Command::Look(next) => return Some(First::Look(next)),
                    Command::Rest(_) | Command::Upgrade(_) => {}
                    // It is not awake, so that its record alone is to change hands: asked again, whoever wants that will see.
                    Command::Depart(departure) => drop(departure),
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
    fn retire(&self, mut inbox: Inbox, end: &End) {
        self.shared.vacate(&self.actor, &self.slot);
        if let End::Moved(member) = end {
            self.shared.note_moved(&self.actor, member);
        }
        inbox.deliveries.close();
        inbox.commands.close();
        while let Ok(delivery) = inbox.deliveries.try_recv() {
            match end {
                // It is woken again for them.
                End::Rested => self.shared.hand_in(delivery),
                End::Moved(member) => answer(*delivery, not_counted(&self.actor, Some(member.clone()))),
                End::Lost(_) => answer(*delivery, not_counted(&self.actor, None)),
            }
        }
    }
}

impl Shared {
    /// Remembers for a while where an actor went.
    pub(crate) fn note_moved(&self, actor: &KeyedActor, to: &MemberId) {
        self.moved.lock().note(actor, to);
    }
}

fn refuse(first: First, fault: impl Fn() -> Fault) {
    match first {
        First::Delivery(delivery) => answer(*delivery, fault()),
        // Whoever looks asks its owner.
        First::Look(next) => drop(next),
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
