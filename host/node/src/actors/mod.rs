//! The actors on this host.

mod code;
mod hosted;
mod operations;
mod probe;
mod refusal;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use lattice_control::{ActorState, ActorStatus};
use lattice_core::presence::ActorPlacement;
use lattice_core::{ActorName, ActorSpec};
use parking_lot::Mutex;

pub(crate) use hosted::{Entry, Hosted};
pub(crate) use operations::Occasion;

use crate::turns::Turns;

/// Every actor that serves here, or is coming or going.
///
/// Looking one up takes no lock: readers see one table or the next. Whoever changes something holds the actor's turn.
#[derive(Default)]
pub(crate) struct Actors {
    table: ArcSwap<HashMap<ActorName, Arc<Hosted>>>,
    /// Replaced by another component, and finishing what they have.
    replaced: Mutex<Vec<Arc<Hosted>>>,
    /// Not ready yet.
    starting: Mutex<BTreeMap<ActorName, ActorSpec>>,
    turns: Turns<ActorName>,
}

impl Actors {
    /// The actor of that name, serving or draining.
    pub(crate) fn get(&self, name: &ActorName) -> Option<Arc<Hosted>> {
        self.table.load().get(name).cloned()
    }

    /// Lets a call in to the actor of that name; `None` when it is not here, or on its way out.
    pub(crate) fn enter(&self, name: &ActorName) -> Option<Entry> {
        let mut table = self.table.load();
        loop {
            let hosted = table.get(name)?;
            if let Some(entry) = hosted.enter() {
                return Some(entry);
            }
            // Closed: if because another component has taken its place, that one is in the table by now.
            let now = self.table.load();
            let same = now.get(name).is_some_and(|current| Arc::ptr_eq(current, hosted));
            if same {
                return None;
            }
            table = now;
        }
    }

    /// What heartbeats say.
    pub(crate) fn placements(&self) -> Vec<ActorPlacement> {
        let table = self.table.load();
        let mut placements: Vec<_> = table.values().map(|hosted| hosted.placement()).collect();
        for hosted in self.replaced.lock().iter() {
            if !table.contains_key(&hosted.spec.name) {
                placements.push(hosted.placement());
            }
        }
        for (name, spec) in self.starting.lock().iter() {
            if placements.iter().all(|placement| placement.name != *name) {
                placements.push(coming(spec));
            }
        }
        placements.sort_by(|a, b| a.name.cmp(&b.name));
        placements
    }

    /// What the control interface tells.
    pub(crate) fn statuses(&self) -> Vec<ActorStatus> {
        let table = self.table.load();
        let mut statuses: Vec<_> = table.values().map(|hosted| hosted.status()).collect();
        let starting = self.starting.lock();
        let coming = starting.iter().filter(|(name, _)| !table.contains_key(*name));
        statuses.extend(coming.map(|(_, spec)| not_ready(spec)));
        statuses.sort_by(|a, b| a.name().cmp(b.name()));
        statuses
    }

    /// What is being started here, serves, or finishes what it has.
    pub(crate) fn specs(&self) -> Vec<ActorSpec> {
        let starting: Vec<_> = self.starting.lock().values().cloned().collect();
        let here = self.all().into_iter().map(|hosted| hosted.spec.clone());
        here.chain(starting).collect()
    }

    /// How many calls run here, over all actors.
    pub(crate) fn in_flight(&self) -> usize {
        let replaced: usize = self.replaced.lock().iter().map(|hosted| hosted.load().in_flight).sum();
        self.table
            .load()
            .values()
            .map(|hosted| hosted.load().in_flight)
            .sum::<usize>()
            + replaced
    }

    /// Everything that has to be drained when the host stops.
    pub(crate) fn all(&self) -> Vec<Arc<Hosted>> {
        self.table
            .load()
            .values()
            .cloned()
            .chain(self.replaced.lock().iter().cloned())
            .collect()
    }

    /// Forgets every actor. What they hold, this node among it, is let go with them.
    pub(crate) fn clear(&self) {
        self.table.store(Arc::default());
        self.replaced.lock().clear();
    }

    /// Puts an actor in its place. Whatever was there is kept among the replaced until [`Actors::forget`].
    fn put(&self, hosted: &Arc<Hosted>) -> Option<Arc<Hosted>> {
        let mut replaced = self.replaced.lock();
        let mut table = HashMap::clone(&self.table.load());
        let before = table.insert(hosted.spec.name.clone(), Arc::clone(hosted));
        self.table.store(Arc::new(table));
        replaced.extend(before.clone());
        before
    }

    /// Takes an actor that has drained out of the tables.
    fn forget(&self, hosted: &Arc<Hosted>) {
        let mut replaced = self.replaced.lock();
        replaced.retain(|other| !Arc::ptr_eq(other, hosted));
        let table = self.table.load();
        if table
            .get(&hosted.spec.name)
            .is_some_and(|current| Arc::ptr_eq(current, hosted))
        {
            let mut table = HashMap::clone(&table);
            table.remove(&hosted.spec.name);
            self.table.store(Arc::new(table));
        }
    }

    /// Shows an actor as starting for as long as the returned guard lives.
    fn show_starting(&self, spec: &ActorSpec) -> Starting<'_> {
        self.starting.lock().insert(spec.name.clone(), spec.clone());
        Starting {
            actors: self,
            name: spec.name.clone(),
        }
    }
}

struct Starting<'a> {
    actors: &'a Actors,
    name: ActorName,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.actors.starting.lock().remove(&self.name);
    }
}

/// What heartbeats say of an actor that is being made ready: here, and not to be called.
fn coming(spec: &ActorSpec) -> ActorPlacement {
    ActorPlacement {
        name: spec.name.clone(),
        digest: spec.digest,
        replicas: 0,
        in_flight: 0,
        capacity: 0,
        fingerprint: Some(spec.fingerprint()),
        app: spec.app.clone(),
    }
}

fn not_ready(spec: &ActorSpec) -> ActorStatus {
    ActorStatus {
        spec: spec.clone(),
        state: ActorState::Starting,
        replicas: 0,
        in_flight: 0,
        capacity: 0,
        served: 0,
        failed: 0,
        ready_since: None,
        awake: None,
    }
}
