//! How many actors, and how much of their memory, one host keeps.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lattice_core::ActorName;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The part of the live actors, in percent, that is put to rest when there are too many: looking for them costs as much for one as for many.
pub(crate) const SHED_PERCENT: usize = 5;
/// How long to wait for actors to come to rest before others are asked.
const SHED_WAIT: Duration = Duration::from_millis(20);

/// Counts live actors and their memory.
#[derive(Debug)]
pub(crate) struct Room {
    memory_max: u64,
    actors: Mutex<HashMap<ActorName, usize>>,
    memory: AtomicU64,
    shed: Mutex<Option<Instant>>,
    freed: Notify,
}

/// One live actor's share. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    name: ActorName,
    memory: AtomicU64,
}

impl Room {
    pub(crate) fn new(memory_max: u64) -> Arc<Self> {
        Arc::new(Self {
            memory_max,
            actors: Mutex::default(),
            memory: AtomicU64::new(0),
            shed: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Takes a place for an actor of that name, of which there may be so many, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, name: &ActorName, max: usize) -> Option<Place> {
        if self.memory.load(Ordering::Relaxed) >= self.memory_max {
            return None;
        }
        let mut actors = self.actors.lock();
        match actors.get_mut(name) {
            Some(count) if *count >= max => return None,
            Some(count) => *count += 1,
            None => drop(actors.insert(name.clone(), 1)),
        }
        Some(Place {
            room: Arc::clone(self),
            name: name.clone(),
            memory: AtomicU64::new(0),
        })
    }

    /// Whether some shall be put to rest now: not while those that were asked last are given time to.
    pub(crate) fn begin_shedding(&self) -> bool {
        let mut shed = self.shed.lock();
        let due = shed.is_none_or(|last| last.elapsed() >= SHED_WAIT);
        if due {
            *shed = Some(Instant::now());
        }
        due
    }

    /// Returns when a place may have become free, or after a while.
    pub(crate) async fn freed(&self) {
        let _ = tokio::time::timeout(SHED_WAIT, self.freed.notified()).await;
    }

    pub(crate) fn actors(&self) -> usize {
        self.actors.lock().values().sum()
    }

    /// How many of that name.
    pub(crate) fn actors_of(&self, name: &ActorName) -> usize {
        self.actors.lock().get(name).copied().unwrap_or_default()
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Says how much memory it takes now.
    pub(crate) fn weigh(&self, bytes: u64) {
        let before = self.memory.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            self.room.memory.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            self.room.memory.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.weigh(0);
        let mut actors = self.room.actors.lock();
        match actors.get_mut(&self.name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(actors.remove(&self.name)),
        }
        drop(actors);
        self.room.freed.notify_one();
    }
}
