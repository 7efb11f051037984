//! The links in force, indexed for whoever asks.

use std::collections::HashMap;
use std::sync::Arc;

use lattice_core::{ActiveLink, LinkId, LinkLabel, Party, VersionedInterface};

/// The links in force at one moment. Never changes; ask [`super::Links::current`] again for a later one.
#[derive(Debug, Default)]
pub struct LinkView {
    by_id: HashMap<LinkId, Arc<ActiveLink>>,
    by_source: HashMap<Party, Vec<Arc<ActiveLink>>>,
    by_target: HashMap<Party, Vec<Arc<ActiveLink>>>,
}

impl LinkView {
    pub(super) fn new<'a>(links: impl Iterator<Item = &'a Arc<ActiveLink>>) -> Self {
        let mut view = Self::default();
        for link in links {
            view.by_id.insert(link.id.clone(), link.clone());
            view.by_source
                .entry(link.source.clone())
                .or_default()
                .push(link.clone());
            view.by_target
                .entry(link.target.clone())
                .or_default()
                .push(link.clone());
        }
        view
    }

    /// A link by its id.
    pub fn get(&self, id: &LinkId) -> Option<&Arc<ActiveLink>> {
        self.by_id.get(id)
    }

    /// The link that lets `source` use `interface` under `label`. One for the very interface goes before one for its package.
    pub fn find(&self, source: &Party, interface: &VersionedInterface, label: &LinkLabel) -> Option<&Arc<ActiveLink>> {
        let fitting = self
            .of_source(source)
            .iter()
            .filter(|link| link.label == *label && link.covers(interface));
        fitting.max_by_key(|link| link.interface.as_interface().is_some())
    }

    /// What a party may use.
    pub fn of_source(&self, source: &Party) -> &[Arc<ActiveLink>] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// Who may use a party.
    pub fn of_target(&self, target: &Party) -> &[Arc<ActiveLink>] {
        self.by_target.get(target).map_or(&[], Vec::as_slice)
    }

    /// All of them, in no particular order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ActiveLink>> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The same without some.
    pub(super) fn without(&self, gone: &[&LinkId]) -> Self {
        Self::new(self.by_id.values().filter(|link| !gone.contains(&&link.id)))
    }
}
