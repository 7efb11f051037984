//! One provider on this host, as the rest of the host sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use lattice_control::{ProviderState, ProviderStatus};
use lattice_core::{Fingerprint, LinkId, ProviderSpec};
use provider_sdk::Provider;
use provider_sdk::bindings::Bound;
use tokio::sync::{mpsc, oneshot, watch};

/// A provider that runs here, or is being restarted here.
///
/// One task, its [supervisor](super::supervisor), owns the provider; everybody else looks at what that task last said.
pub(crate) struct HostedProvider {
    /// What this host was asked to run.
    pub(crate) spec: ProviderSpec,
    pub(crate) fingerprint: Fingerprint,
    current: ArcSwapOption<Running>,
    leaving: AtomicBool,
    standing: watch::Sender<Arc<Standing>>,
    orders: mpsc::Sender<Order>,
}

/// The provider itself. `Arc<dyn Provider>` is two words wide, which an atomic pointer cannot hold: hence the box.
pub(crate) struct Running(pub(crate) Arc<dyn Provider>);

/// What the supervisor last said.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) state: ProviderState,
    /// Why, when there is something to say.
    pub(crate) detail: Option<String>,
    /// The links it has, or could not take.
    pub(crate) links: BTreeMap<LinkId, Bound>,
}

impl Standing {
    /// Why the provider does not serve this link, if it does not.
    pub(crate) fn problem(&self, link: &LinkId) -> Option<&str> {
        self.links.get(link)?.problem.as_deref()
    }
}

/// What a supervisor can be told.
pub(crate) enum Order {
    /// Drain for as long, then end; answer when it is done.
    Stop(std::time::Duration, oneshot::Sender<provider_sdk::ShutdownReport>),
}

impl HostedProvider {
    pub(super) fn new(spec: ProviderSpec, orders: mpsc::Sender<Order>) -> Self {
        let standing = Standing {
            state: ProviderState::Starting,
            detail: None,
            links: BTreeMap::new(),
        };
        Self {
            fingerprint: spec.fingerprint(),
            spec,
            current: ArcSwapOption::empty(),
            leaving: AtomicBool::new(false),
            standing: watch::Sender::new(Arc::new(standing)),
            orders,
        }
    }

    /// The provider, unless it is being restarted.
    pub(crate) fn get(&self) -> Option<Arc<dyn Provider>> {
        self.current.load().as_ref().map(|running| Arc::clone(&running.0))
    }

    pub(super) fn set(&self, provider: Option<Arc<dyn Provider>>) {
        self.current.store(provider.map(|provider| Arc::new(Running(provider))));
    }

    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing.borrow())
    }

    pub(super) fn say(&self, standing: Standing) {
        self.standing.send_replace(Arc::new(standing));
    }

    /// From the next heartbeat on, others are told that it is not here.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Returns when the provider has taken up this generation of the link or a later one, or said why not.
    pub(super) async fn decided(&self, link: &LinkId, generation: u64) {
        let mut standing = self.standing.subscribe();
        // The sender lives in `self`, so that this cannot fail.
        let _ = standing
            .wait_for(|now| now.links.get(link).is_some_and(|bound| bound.generation >= generation))
            .await;
    }

    /// What the control interface tells of it.
    pub(crate) fn status(&self) -> ProviderStatus {
        let standing = self.standing();
        let problems = standing
            .links
            .iter()
            .filter_map(|(link, bound)| Some(format!("link {link}: {}", bound.problem.as_ref()?)));
        let details: Vec<String> = standing.detail.iter().cloned().chain(problems).collect();
        let state = match standing.state {
            ProviderState::Ready if !details.is_empty() => ProviderState::Degraded,
            state => state,
        };
        let served = standing.links.values().filter(|bound| bound.problem.is_none()).count();
        ProviderStatus {
            spec: self.spec.without_values(),
            state,
            detail: (!details.is_empty()).then(|| details.join("; ")),
            endpoints: self.get().map(|provider| provider.endpoints()).unwrap_or_default(),
            links: u32::try_from(served).unwrap_or(u32::MAX),
        }
    }

    /// Whether it hands work to actors, so that it has to end before they do.
    pub(crate) fn drives_actors(&self) -> bool {
        self.get().is_some_and(|provider| !provider.drives().is_empty())
    }

    /// Drains and ends the provider. Returns how much was cut off.
    pub(crate) async fn end(&self, grace: std::time::Duration) -> usize {
        match self.stop(grace).await {
            Some(provider_sdk::ShutdownReport::Aborted(count)) => count,
            Some(provider_sdk::ShutdownReport::Drained) | None => 0,
        }
    }

    /// Drains and ends the provider; `None` when it was ending already.
    pub(super) async fn stop(&self, grace: std::time::Duration) -> Option<provider_sdk::ShutdownReport> {
        let (answer, done) = oneshot::channel();
        self.orders.send(Order::Stop(grace, answer)).await.ok()?;
        done.await.ok()
    }
}
