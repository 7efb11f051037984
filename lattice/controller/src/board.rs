//! What the leader last saw, for those who ask.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwapOption;
use lattice_control::{AppsProgressReply, reconcile::AppProgress};
use lattice_core::AppName;

/// What the leader last saw; empty while somebody else leads.
#[derive(Debug, Default)]
pub(crate) struct Board(ArcSwapOption<Seen>);

#[derive(Debug)]
struct Seen {
    term: u64,
    apps: BTreeMap<AppName, AppProgress>,
}

impl Board {
    pub(crate) fn show(&self, term: u64, apps: BTreeMap<AppName, AppProgress>) {
        self.0.store(Some(Arc::new(Seen { term, apps })));
    }

    pub(crate) fn clear(&self) {
        self.0.store(None);
    }

    pub(crate) fn tell(&self, names: &[AppName]) -> AppsProgressReply {
        let Some(seen) = self.0.load_full() else {
            return AppsProgressReply::default();
        };
        let asked = |app: &&AppProgress| names.is_empty() || names.contains(&app.app);
        AppsProgressReply {
            leads: true,
            term: seen.term,
            apps: seen.apps.values().filter(asked).cloned().collect(),
            leader: None,
        }
    }
}
