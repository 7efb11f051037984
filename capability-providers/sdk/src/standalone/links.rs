//! Brings the provider its links, and takes them away again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lattice_core::{ActiveLink, LinkId, Party};
use lattice_mesh::Member;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::bindings::{Bound, Step, plan};
use crate::{LinkBinding, Provider};

/// Longest wait for a provider to take up or give up one link.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between tries of links that the provider could not take grow from the first to the last.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(60);

/// The links that the provider has, or could not take, for whoever asks.
pub(super) type Bindings = watch::Receiver<BTreeMap<LinkId, Bound>>;

/// Keeps the provider's links those of the member's verified table.
pub(super) struct LinkKeeper {
    member: Arc<Member>,
    provider: Arc<dyn Provider>,
    party: Party,
    bound: watch::Sender<BTreeMap<LinkId, Bound>>,
}

impl LinkKeeper {
    pub(super) fn new(member: Arc<Member>, provider: Arc<dyn Provider>, party: Party) -> Self {
        Self {
            member,
            provider,
            party,
            bound: watch::Sender::default(),
        }
    }

    pub(super) fn bound(&self) -> Bindings {
        self.bound.subscribe()
    }

    /// Follows the table for ever.
    pub(super) async fn run(mut self) {
        let mut changes = self.member.links().changes();
        let mut pause = RETRY_FIRST;
        loop {
            // The first pass catches what changed before the subscription.
            self.reconcile().await;
            let failed = self.bound.borrow().values().any(|bound| bound.problem.is_some());
            tokio::select! {
                // Falling behind is fine: every pass looks at the whole.
                _ = changes.recv() => pause = RETRY_FIRST,
                () = tokio::time::sleep(pause), if failed => pause = (pause * 2).min(RETRY_LAST),
            }
        }
    }

    /// Brings the provider's links in line with the table, once.
    pub(super) async fn reconcile(&mut self) {
        let view = self.member.links().current();
        let naming = view.of_target(&self.party).iter().chain(view.of_source(&self.party));
        let me = self.member.id();
        let wanted: BTreeMap<LinkId, Arc<ActiveLink>> = naming
            .filter(|link| link.target_key.as_ref().is_none_or(|key| key.as_str() == me.as_str()))
            .map(|link| (link.id.clone(), Arc::clone(link)))
            .collect();
        let generations: BTreeMap<_, _> = wanted.iter().map(|(id, link)| (id.clone(), link.generation)).collect();
        let steps = plan(&generations, &self.bound.borrow());
        for step in steps {
            match step {
                Step::Unlink(id) => {
                    self.unlink(&id).await;
                    self.bound.send_modify(|bound| drop(bound.remove(&id)));
                }
                Step::Link(id) => {
                    if let Some(link) = wanted.get(&id) {
                        self.take_up(link).await;
                    }
                }
            }
        }
    }

    async fn take_up(&mut self, link: &Arc<ActiveLink>) {
        let problem = self.link(link).await.err();
        let before = self.bound.borrow().get(&link.id).cloned();
        if problem.is_some() && before.as_ref().is_some_and(|before| before.problem.is_none()) {
            // The generation that it serves is not in force any more, and its terms may be what was to change.
            self.unlink(&link.id).await;
        }
        let bound = Bound {
            generation: link.generation,
            problem,
        };
        if before.as_ref() != Some(&bound) {
            match &bound.problem {
                None => info!(link = %link.id, generation = link.generation, "link taken up"),
                Some(problem) => {
                    warn!(link = %link.id, generation = link.generation, %problem, "the link cannot be served");
                }
            }
        }
        self.bound.send_modify(|all| drop(all.insert(link.id.clone(), bound)));
    }

    async fn link(&self, link: &Arc<ActiveLink>) -> Result<(), String> {
        let config = match &link.config_digest {
            None => BTreeMap::new(),
            Some(digest) => self
                .member
                .links()
                .config(digest)
                .await
                .map_err(|error| error.to_string())?
                .0
                .clone(),
        };
        let binding = LinkBinding {
            link: Arc::clone(link),
            config,
        };
        match tokio::time::timeout(PATIENCE, self.provider.link(binding)).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the provider did not take the link in time".to_owned()),
        }
    }

    async fn unlink(&self, link: &LinkId) {
        match tokio::time::timeout(PATIENCE, self.provider.unlink(link)).await {
            Ok(Ok(())) => info!(%link, "link given up"),
            Ok(Err(error)) => warn!(%link, %error, "the link could not be given up"),
            Err(_) => warn!(%link, "the provider did not give the link up in time"),
        }
    }
}
