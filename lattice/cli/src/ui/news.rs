//! What happened lately, for everybody who looks: those who come get what is kept, those who are there get what comes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{broadcast, watch};

use super::told::Told;

/// As many events are kept for those who come.
const KEPT: usize = 200;
/// As many wait for one who reads slowly. When full: the oldest are lost to that one, which is told how many.
const QUEUE: usize = 256;

/// Where events are told, and whether they can be.
#[derive(Debug)]
pub(crate) struct News {
    kept: Mutex<VecDeque<Arc<Told>>>,
    live: broadcast::Sender<Arc<Told>>,
    trouble: watch::Sender<Option<String>>,
}

/// The news from one moment on.
pub(super) struct Following {
    /// What was told before, the oldest first.
    pub(super) kept: Vec<Arc<Told>>,
    /// What comes.
    pub(super) live: broadcast::Receiver<Arc<Told>>,
    /// Why nothing comes, if so.
    pub(super) trouble: watch::Receiver<Option<String>>,
}

impl News {
    pub(crate) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            live: broadcast::channel(QUEUE).0,
            trouble: watch::channel(None).0,
        }
    }

    /// Tells everybody.
    pub(crate) fn tell(&self, told: Told) {
        let told = Arc::new(told);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&told));
        // Under the lock: whoever comes gets it either way, and once. That nobody listens is no matter.
        let _ = self.live.send(told);
    }

    /// Says why nothing can be told, or that it can be again.
    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        self.trouble.send_if_modified(|now| {
            let is_new = *now != trouble;
            *now = trouble;
            is_new
        });
    }

    pub(super) fn follow(&self) -> Following {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Following {
            kept: kept.iter().cloned().collect(),
            live: self.live.subscribe(),
            trouble: self.trouble.subscribe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::told;

    #[test]
    fn who_comes_later_gets_the_last_ones_and_then_what_comes() {
        let news = News::new();
        (0..KEPT + 5).for_each(|nth| news.tell(told(nth)));
        let mut following = news.follow();
        assert_eq!(following.kept.len(), KEPT);
        assert_eq!(following.kept[0].id, "5");
        news.tell(told(1000));
        assert_eq!(following.live.try_recv().expect("it comes").id, "1000");
        assert!(following.live.try_recv().is_err(), "and comes once");
    }
}
