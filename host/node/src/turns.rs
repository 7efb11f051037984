//! One thing at a time per key: commands to one actor, fetches of one component.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks by key. A key that nobody holds or waits for takes no memory for long.
pub(crate) struct Turns<K> {
    locks: Mutex<HashMap<K, Weak<AsyncMutex<()>>>>,
}

/// Keeps others out until dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self {
            locks: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Waits for the turn of `key`, in order of asking.
    pub(crate) async fn take(&self, key: &K) -> Turn {
        let lock = {
            let mut locks = self.locks.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            match locks.get(key).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::new(AsyncMutex::new(()));
                    locks.insert(key.clone(), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn one_key_at_a_time_and_other_keys_meanwhile() {
        let turns = Turns::default();
        let turn = turns.take(&"a").await;
        let _other = turns.take(&"b").await;
        assert!(
            tokio::time::timeout(Duration::from_millis(10), turns.take(&"a"))
                .await
                .is_err()
        );
        drop(turn);
        turns.take(&"a").await;
    }
}
