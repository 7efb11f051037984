//! The providers on this host.

mod hosted;
mod kinds;
mod operations;
mod supervisor;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use lattice_control::{ProviderState, ProviderStatus};
use lattice_core::presence::ProviderPlacement;
use lattice_core::{ActiveLink, Party, ProviderName, ProviderSpec};
use parking_lot::Mutex;

pub(crate) use hosted::HostedProvider;

use crate::turns::Turns;

/// Every provider that serves here, or is coming or going. Looking one up takes no lock.
#[derive(Default)]
pub(crate) struct Providers {
    table: ArcSwap<HashMap<ProviderName, Arc<HostedProvider>>>,
    writing: Mutex<()>,
    starting: Mutex<BTreeMap<ProviderName, ProviderSpec>>,
    turns: Turns<ProviderName>,
}

impl Providers {
    /// The provider of that name.
    pub(crate) fn get(&self, name: &ProviderName) -> Option<Arc<HostedProvider>> {
        self.table.load().get(name).cloned()
    }

    /// Every provider here.
    pub(crate) fn all(&self) -> Vec<Arc<HostedProvider>> {
        self.table.load().values().cloned().collect()
    }

    /// Returns when each provider here that `link` names has taken it up, or said why not.
    pub(crate) async fn decided(&self, link: &ActiveLink) {
        for name in [&link.source, &link.target].into_iter().filter_map(Party::as_provider) {
            if let Some(provider) = self.get(name) {
                provider.decided(&link.id, link.generation).await;
            }
        }
    }

    /// What heartbeats say. A provider that is stopping is not in them.
    pub(crate) fn placements(&self) -> Vec<ProviderPlacement> {
        let table = self.table.load();
        let serving = table.values().filter(|provider| !provider.is_leaving());
        let mut placements: Vec<_> = serving
            .map(|provider| ProviderPlacement {
                name: provider.spec.name.clone(),
                kind: provider.spec.kind.clone(),
                fingerprint: Some(provider.fingerprint),
                managed: provider.spec.managed,
            })
            .collect();
        placements.sort_by(|a, b| a.name.cmp(&b.name));
        placements
    }

    /// What the control interface tells.
    pub(crate) fn statuses(&self) -> Vec<ProviderStatus> {
        let table = self.table.load();
        let mut statuses: Vec<_> = table.values().map(|provider| provider.status()).collect();
        let starting = self.starting.lock();
        let coming = starting.iter().filter(|(name, _)| !table.contains_key(*name));
        statuses.extend(coming.map(|(_, spec)| not_ready(spec)));
        statuses.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        statuses
    }

    /// Forgets every provider; their supervisors end when nobody can order them any more.
    pub(crate) fn clear(&self) {
        self.change(HashMap::clear);
    }

    fn put(&self, provider: Arc<HostedProvider>) {
        self.change(|table| drop(table.insert(provider.spec.name.clone(), provider)));
    }

    fn forget(&self, provider: &Arc<HostedProvider>) {
        self.change(|table| table.retain(|_, other| !Arc::ptr_eq(other, provider)));
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<ProviderName, Arc<HostedProvider>>)) {
        let _one_at_a_time = self.writing.lock();
        let mut table = HashMap::clone(&self.table.load());
        change(&mut table);
        self.table.store(Arc::new(table));
    }

    /// Shows a provider as starting for as long as the returned guard lives.
    fn show_starting(&self, spec: &ProviderSpec) -> Starting<'_> {
        self.starting.lock().insert(spec.name.clone(), spec.clone());
        Starting {
            providers: self,
            name: spec.name.clone(),
        }
    }
}

struct Starting<'a> {
    providers: &'a Providers,
    name: ProviderName,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.providers.starting.lock().remove(&self.name);
    }
}

fn not_ready(spec: &ProviderSpec) -> ProviderStatus {
    ProviderStatus {
        spec: spec.without_values(),
        state: ProviderState::Starting,
        detail: None,
        endpoints: Vec::new(),
        links: 0,
    }
}
