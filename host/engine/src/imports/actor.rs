//! `lattice:actor`, the side that the guest calls: its cells, its turn, its reminders, and other stateful actors.
//!
//! Of all this an actor without state has the time, and the calls of others.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use lattice_core::stateful::{PeerSend, Refusal, ReminderChange};
use lattice_core::{ActorKey, Fault, FaultKind, InterfaceId, KeyedActor, VersionedInterface};
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::generated::lattice::actor::types;
use self::generated::lattice::actor::{context, peers, reminders, state};
use crate::ctx::Ctx;
use crate::fault::Raised;
use crate::linked::PeerCall;
use crate::live::NoCell;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/lattice-actor-0.1.0",
        inline: "
            package lattice:engine;
            world stateful {
                import lattice:actor/types@0.1.0;
                import lattice:actor/state@0.1.0;
                import lattice:actor/context@0.1.0;
                import lattice:actor/reminders@0.1.0;
                import lattice:actor/peers@0.1.0;
            }
        ",
        world: "lattice:engine/stateful",
        imports: { "lattice:actor/peers.call": async | trappable, default: trappable },
    });
}

static PEERS: LazyLock<InterfaceId> =
    LazyLock::new(|| "lattice:actor/peers".parse().expect("a constant that is an interface"));

pub(super) fn add(linker: &mut Linker<Ctx>) -> Result<()> {
    state::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)?;
    context::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)?;
    reminders::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)?;
    peers::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

const CELLS: &str = "has state cells";

impl state::Host for Ctx {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        let live = self.call.stateful(CELLS)?;
        Ok(live.cells.get(&key).map(|value| value.to_vec()))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<()> {
        let live = self.call.stateful(CELLS)?;
        live.may_write()?;
        let written = live.cells.set(key, value.into());
        Ok(written.map_err(|refusal| match refusal {
            NoCell::Key(_) => Raised::misuse(refusal.to_string()),
            NoCell::Full { .. } => Raised::too_large(refusal.to_string()),
        })?)
    }

    fn remove(&mut self, key: String) -> Result<()> {
        let live = self.call.stateful(CELLS)?;
        live.may_write()?;
        live.cells.remove(&key);
        Ok(())
    }

    fn scan(&mut self, prefix: String, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
        let live = self.call.stateful(CELLS)?;
        let found = live.cells.scan(&prefix, usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found.map(|(key, value)| (key.clone(), value.to_vec())).collect())
    }
}

impl context::Host for Ctx {
    fn self_(&mut self) -> Result<types::Identity> {
        Ok((&self.call.stateful("has a key")?.actor).into())
    }

    fn epoch(&mut self) -> Result<u64> {
        Ok(self.call.stateful("has an epoch")?.epoch)
    }

    fn turn_id(&mut self) -> Result<String> {
        let origin = &self.call.origin;
        Ok(match &origin.turn {
            Some(turn) => turn.id.to_string(),
            None => origin.invocation.to_string(),
        })
    }

    fn sender(&mut self) -> Result<Option<types::Identity>> {
        let live = self.call.live.as_ref();
        Ok(live.and_then(|live| live.sender.as_ref()).map(Into::into))
    }

    fn deadline_ms(&mut self) -> Result<u64> {
        let left = self.call.origin.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn now_ms(&mut self) -> Result<u64> {
        Ok(self.call.now_ms())
    }
}

const REMINDERS: &str = "has reminders";

impl reminders::Host for Ctx {
    fn set(&mut self, name: String, first_ms: u64, every_ms: Option<u64>, payload: Vec<u8>) -> Result<()> {
        self.change(ReminderChange::Set {
            name,
            first_ms,
            every_ms,
            payload: payload.into(),
        })
    }

    fn cancel(&mut self, name: String) -> Result<()> {
        self.change(ReminderChange::Cancel { name })
    }
}

impl Ctx {
    fn change(&mut self, change: ReminderChange) -> Result<()> {
        let live = self.call.stateful(REMINDERS)?;
        live.may_reach_out()?;
        Ok(live
            .outbox
            .change(change)
            .map_err(|overrun| Raised::misuse(overrun.to_string()))?)
    }
}

impl peers::Host for Ctx {
    async fn call(
        &mut self,
        to: types::Identity,
        operation: String,
        body: Vec<u8>,
    ) -> Result<Result<Vec<u8>, types::Fault>> {
        let call = &mut self.call;
        call.may_reach_out()?;
        let to = match KeyedActor::try_from(to) {
            Ok(to) => to,
            Err(problem) => return Ok(Err(types::Fault::Rejected(problem))),
        };
        let outgoing = PeerCall {
            to,
            operation,
            body: body.into(),
            label: call.label(&PEERS).clone(),
            origin: call.origin.clone(),
            nth: call.count_keyed(),
        };
        let linked = Arc::clone(&call.shared.linked);
        Ok(match linked.call_peer(outgoing).await {
            Ok(answer) => answer.map(Vec::from).map_err(Into::into),
            Err(fault) => Err(told(&fault)),
        })
    }

    fn send(&mut self, to: types::Identity, operation: String, body: Vec<u8>) -> Result<()> {
        let live = self.call.stateful("sends messages (others use `peers.call`)")?;
        live.may_reach_out()?;
        let to = KeyedActor::try_from(to).map_err(|problem| Raised::misuse(format!("peers.send: {problem}")))?;
        let send = PeerSend {
            to,
            operation,
            body: body.into(),
        };
        Ok(live
            .outbox
            .send(send)
            .map_err(|overrun| Raised::misuse(overrun.to_string()))?)
    }

    fn select(&mut self, target_interface: String, key: String) -> Result<()> {
        self.call.may_reach_out()?;
        let misuse = |problem: &dyn std::fmt::Display| Raised::misuse(format!("peers.select: {problem}"));
        let interface: VersionedInterface = target_interface.parse().map_err(|error| misuse(&error))?;
        let key: ActorKey = key.parse().map_err(|error| misuse(&error))?;
        self.call.direct(interface.id, key);
        Ok(())
    }
}

/// A call that failed, in the words that the guest has for it.
fn told(fault: &Fault) -> types::Fault {
    let later = fault.is_safe_to_retry() || matches!(fault.kind, FaultKind::Unreachable | FaultKind::DeadlineExceeded);
    let text = fault.to_string();
    if later {
        types::Fault::Transient(text)
    } else {
        types::Fault::Rejected(text)
    }
}

impl From<&KeyedActor> for types::Identity {
    fn from(actor: &KeyedActor) -> Self {
        Self {
            kind: actor.name.to_string(),
            key: actor.key.to_string(),
        }
    }
}

impl TryFrom<types::Identity> for KeyedActor {
    type Error = String;

    fn try_from(identity: types::Identity) -> Result<Self, String> {
        let name = identity.kind.parse().map_err(|error| format!("{error}"))?;
        let key = identity.key.parse().map_err(|error| format!("{error}"))?;
        Ok(Self::new(name, key))
    }
}

impl From<Refusal> for types::Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(why) => Self::Rejected(why),
            Refusal::Incompatible(why) => Self::Incompatible(why),
            Refusal::Transient(why) => Self::Transient(why),
        }
    }
}

impl From<types::Fault> for Refusal {
    fn from(fault: types::Fault) -> Self {
        match fault {
            types::Fault::Rejected(why) => Self::Rejected(why),
            types::Fault::Incompatible(why) => Self::Incompatible(why),
            types::Fault::Transient(why) => Self::Transient(why),
        }
    }
}
