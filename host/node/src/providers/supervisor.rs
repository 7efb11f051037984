//! The task that owns one provider: brings it its links, watches its health, starts it again when it fails, ends it.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use lattice_control::ProviderState;
use lattice_core::{ActiveLink, LinkId, Party};
use lattice_mesh::Member;
use provider_sdk::bindings::{Bound, Step, plan};
use provider_sdk::{Health, LinkBinding, Provider, ProviderSetup, ShutdownReport, StartError};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{info, warn};

use super::hosted::{HostedProvider, Order, Standing};
use super::kinds;
use crate::backoff::{Backoff, noise};
use crate::chain::chain;
use crate::events::{Events, names};

/// How often a provider is asked how it is.
const HEALTH_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for that answer, and for a provider to take up or give up one link.
const PATIENCE: Duration = Duration::from_secs(10);
/// Unwell for this many answers in a row, and it is started again: what it depends on had its time to come back.
const UNWELL_MAX: u32 = 6;
/// Grace for work in flight when a failed provider is ended before it is started again.
const RESTART_GRACE: Duration = Duration::from_secs(2);

/// Owns a provider. Built by [`Supervisor::start`], which returns when the provider serves; then [`Supervisor::run`].
pub(crate) struct Supervisor {
    hosted: Arc<HostedProvider>,
    party: Party,
    setup: ProviderSetup,
    member: Arc<Member>,
    events: Events,
    orders: mpsc::Receiver<Order>,
    /// `None` while it could not be started again.
    provider: Option<Arc<dyn Provider>>,
    bound: BTreeMap<LinkId, Bound>,
    unwell: u32,
    detail: Option<String>,
    restart: Backoff,
    relink: Backoff,
}

/// What the task woke up for.
enum Wake {
    Links,
    Relink,
    Health,
    Restart,
    Order(Option<Order>),
}

impl Supervisor {
    /// Starts the provider and takes up the links it has; the provider serves when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot be started now. Links it cannot serve are no error: they are told in its status.
    pub(crate) async fn start(
        spec: lattice_core::ProviderSpec,
        setup: ProviderSetup,
        member: Arc<Member>,
        events: Events,
    ) -> Result<(Arc<HostedProvider>, Self), StartError> {
        let provider = unpanicked(kinds::build(&spec.kind, setup.clone()))
            .await
            .unwrap_or_else(|| {
                Err(StartError::Unavailable(format!(
                    "a provider of kind `{}` panicked when it was started",
                    spec.kind
                )))
            })?;
        let (sender, orders) = mpsc::channel(4);
        let party = Party::Provider(spec.name.clone());
        let hosted = Arc::new(HostedProvider::new(spec, sender));
        hosted.set(Some(Arc::clone(&provider)));
        let mut supervisor = Self {
            hosted: Arc::clone(&hosted),
            party,
            setup,
            member,
            events,
            orders,
            provider: Some(provider),
            bound: BTreeMap::new(),
            unwell: 0,
            detail: None,
            restart: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
            relink: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
        };
        supervisor.reconcile().await;
        Ok((hosted, supervisor))
    }

    /// Ends a provider that is not wanted any more before it was known to anybody.
    pub(crate) async fn abandon(mut self) {
        if let Some(provider) = self.provider.take() {
            let _ = patient(provider.shutdown(RESTART_GRACE)).await;
        }
        self.hosted.set(None);
    }

    /// Runs until told to stop.
    pub(crate) async fn run(mut self) {
        let mut links = self.member.links().changes();
        // A change between the first pass and this subscription must not be missed.
        self.reconcile().await;
        let mut health_due = Instant::now() + HEALTH_EVERY;
        let mut relink_due = self.relink_due();
        let mut restart_due = None;
        loop {
            let wake = tokio::select! {
                order = self.orders.recv() => Wake::Order(order),
                // Falling behind is fine: every pass looks at the whole.
                _ = links.recv() => Wake::Links,
                () = at(relink_due) => Wake::Relink,
                () = at(restart_due) => Wake::Restart,
                () = tokio::time::sleep_until(health_due), if self.provider.is_some() => Wake::Health,
            };
            match wake {
                Wake::Order(Some(Order::Stop(grace, answer))) => return self.stop(grace, answer).await,
                Wake::Order(None) => return,
                Wake::Links => {
                    self.relink.reset();
                    self.reconcile().await;
                    relink_due = self.relink_due();
                }
                Wake::Relink => {
                    self.reconcile().await;
                    relink_due = self.relink_due();
                }
                Wake::Health => {
                    health_due = Instant::now() + HEALTH_EVERY;
                    if !self.check_health().await {
                        restart_due = self.restart_now().await;
                        relink_due = self.relink_due();
                    }
                }
                Wake::Restart => {
                    restart_due = self.restart_now().await;
                    relink_due = self.relink_due();
                    health_due = Instant::now() + HEALTH_EVERY;
                }
            }
            self.say(None);
        }
    }

    /// Brings the provider's links in line with the member's verified table.
    async fn reconcile(&mut self) {
        let Some(provider) = self.provider.clone() else { return };
        let view = self.member.links().current();
        let naming = view.of_target(&self.party).iter().chain(view.of_source(&self.party));
        let wanted: BTreeMap<LinkId, Arc<ActiveLink>> =
            naming.map(|link| (link.id.clone(), Arc::clone(link))).collect();
        let generations = wanted.iter().map(|(id, link)| (id.clone(), link.generation)).collect();
        for step in plan(&generations, &self.bound) {
            match step {
                Step::Unlink(id) => {
                    self.unlink(&provider, &id).await;
                    self.bound.remove(&id);
                }
                Step::Link(id) => {
                    let Some(link) = wanted.get(&id) else { continue };
                    let problem = self.link(&provider, link).await.err();
                    let served_before = self.bound.get(&id).is_some_and(|bound| bound.problem.is_none());
                    if problem.is_some() && served_before {
                        // The older generation is not in force any more; going on under its terms would be.
                        self.unlink(&provider, &id).await;
                    }
                    self.note(link, problem);
                }
            }
        }
        self.say(None);
    }

    async fn link(&self, provider: &Arc<dyn Provider>, link: &Arc<ActiveLink>) -> Result<(), String> {
        let config = match &link.config_digest {
            None => BTreeMap::new(),
            Some(digest) => self
                .member
                .links()
                .configs()
                .get(digest)
                .await
                .map_err(|error| chain(&error))?
                .0
                .clone(),
        };
        let binding = LinkBinding {
            link: Arc::clone(link),
            config,
        };
        match patient(provider.link(binding)).await {
            Some(outcome) => outcome.map_err(|error| error.to_string()),
            None => Err("the provider did not take the link in time, or panicked over it".to_owned()),
        }
    }

    async fn unlink(&self, provider: &Arc<dyn Provider>, link: &LinkId) {
        match patient(provider.unlink(link)).await {
            Some(Ok(())) => info!(provider = %self.hosted.spec.name, %link, "link given up"),
            Some(Err(error)) => {
                warn!(provider = %self.hosted.spec.name, %link, %error, "the link could not be given up");
            }
            None => warn!(provider = %self.hosted.spec.name, %link, "the provider did not give the link up in time"),
        }
    }

    /// Remembers how taking a link went, and tells it once per change.
    fn note(&mut self, link: &ActiveLink, problem: Option<String>) {
        let bound = Bound {
            generation: link.generation,
            problem,
        };
        if self.bound.get(&link.id) != Some(&bound) {
            let provider = &self.hosted.spec.name;
            match &bound.problem {
                None => info!(%provider, link = %link.id, generation = link.generation, "link taken up"),
                Some(problem) => {
                    warn!(%provider, link = %link.id, generation = link.generation, %problem, "the link cannot be served");
                    let data = json!({ "provider": provider, "generation": link.generation, "problem": problem });
                    self.events.tell(names::LINK_FAILED, Some(link.id.to_string()), data);
                }
            }
        }
        self.bound.insert(link.id.clone(), bound);
    }

    /// When to try the links again that the provider could not take, if there are any.
    fn relink_due(&mut self) -> Option<Instant> {
        let any = self.provider.is_some() && self.bound.values().any(|bound| bound.problem.is_some());
        any.then(|| Instant::now() + self.relink.next(noise()))
    }

    /// Asks the provider how it is; false when it has been unwell for too long.
    async fn check_health(&mut self) -> bool {
        let Some(provider) = self.provider.clone() else {
            return true;
        };
        let health = patient(provider.health()).await;
        let why = match health {
            Some(Health::Healthy) => {
                if self.detail.is_some() {
                    info!(provider = %self.hosted.spec.name, "provider is well again");
                    self.tell(names::PROVIDER_RECOVERED, json!({}));
                }
                (self.unwell, self.detail) = (0, None);
                self.restart.reset();
                return true;
            }
            // Starting it anew would not bring back what it works on, and would cut off what it still does.
            Some(Health::Degraded(why)) => {
                if self.detail.as_ref() != Some(&why) {
                    warn!(provider = %self.hosted.spec.name, %why, "provider is degraded");
                }
                (self.unwell, self.detail) = (0, Some(why));
                return true;
            }
            Some(Health::Unhealthy(why)) => why,
            None => "it does not answer, or panics, when asked how it is".to_owned(),
        };
        self.unwell += 1;
        if self.unwell == 1 {
            warn!(provider = %self.hosted.spec.name, %why, "provider is unwell");
        }
        self.detail = Some(why);
        self.unwell < UNWELL_MAX
    }

    /// Ends the provider and starts it anew. Returns when to try again, if that failed.
    async fn restart_now(&mut self) -> Option<Instant> {
        if let Some(old) = self.provider.take() {
            let why = self.detail.clone().unwrap_or_default();
            warn!(provider = %self.hosted.spec.name, %why, "provider is started again");
            self.tell(names::PROVIDER_FAILED, json!({ "reason": why }));
            self.hosted.set(None);
            self.bound.clear();
            self.say(Some(ProviderState::Starting));
            let _ = patient(old.shutdown(RESTART_GRACE)).await;
        }
        self.unwell = 0;
        match unpanicked(kinds::build(&self.hosted.spec.kind, self.setup.clone())).await {
            Some(Ok(provider)) => {
                self.provider = Some(Arc::clone(&provider));
                self.hosted.set(Some(provider));
                self.detail = None;
                self.reconcile().await;
                info!(provider = %self.hosted.spec.name, "provider serves again");
                None
            }
            failed => {
                let error = failed
                    .and_then(Result::err)
                    .map_or_else(|| "it panicked".to_owned(), |error| error.to_string());
                let wait = self.restart.next(noise());
                self.detail = Some(format!(
                    "cannot be started again: {error}; trying once more in {} s",
                    wait.as_secs().max(1)
                ));
                Some(Instant::now() + wait)
            }
        }
    }

    async fn stop(mut self, grace: Duration, answer: oneshot::Sender<ShutdownReport>) {
        self.say(Some(ProviderState::Draining));
        let report = match self.provider.take() {
            // The provider keeps to its grace; the slack is for one that does not.
            Some(provider) => tokio::time::timeout(grace + PATIENCE, unpanicked(provider.shutdown(grace)))
                .await
                .ok()
                .flatten()
                .unwrap_or(ShutdownReport::Aborted(0)),
            None => ShutdownReport::Drained,
        };
        self.hosted.set(None);
        info!(provider = %self.hosted.spec.name, ?report, "provider stopped");
        // Whoever asked may have gone.
        let _ = answer.send(report);
    }

    fn say(&self, state: Option<ProviderState>) {
        let usual = match (&self.provider, &self.detail) {
            (Some(_), None) => ProviderState::Ready,
            _ => ProviderState::Degraded,
        };
        self.hosted.say(Standing {
            state: state.unwrap_or(usual),
            detail: self.detail.clone(),
            links: self.bound.clone(),
        });
    }

    fn tell(&self, event: &'static str, data: serde_json::Value) {
        self.events.tell(event, Some(self.party.to_string()), data);
    }
}

/// Waits until `due`, for ever without one.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The outcome of a provider's work, `None` when it takes too long or panics.
async fn patient<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, unpanicked(work)).await.ok().flatten()
}

/// The outcome of a provider's work, `None` when it panics. A provider's defect must not take its supervisor along.
async fn unpanicked<T>(work: impl Future<Output = T>) -> Option<T> {
    // Whatever the panic left half done belongs to the provider, which is asked for its health and replaced.
    AssertUnwindSafe(work).catch_unwind().await.ok()
}
