//! The links in force on this member, verified by itself, whatever lies in the bucket.
//!
//! [`Links`] is what everybody reads: a view behind one atomic load. A task ([`keeper`]) feeds the pure table with what the bucket, the clock
//! and the trust bundle bring, writes what must survive to disk, and only then shows it. At start the table comes from disk, so that a member
//! that cannot reach NATS has its links; nothing in it counts before its token was verified again.

mod config;
mod keeper;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use lattice_core::link_table::{Change, Gone, Remembered};
use lattice_core::{ActiveLink, ConfigMap, Digest, LinkId, LinkTable, Rejected, Trust};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

pub use config::{ConfigStore, FetchConfigError};
pub(crate) use keeper::{Keeper, KeeperParts};
pub use view::LinkView;

use crate::{DiskError, disk};

/// Changes kept for a slow reader. When full: the oldest are lost to that reader, who is told so and looks at the whole again.
const CHANGES: usize = 1024;

/// A change of the links in force.
#[derive(Debug, Clone)]
pub enum LinkChange {
    /// This link is in force, in place of any earlier generation.
    Linked(Arc<ActiveLink>),
    /// This link is not in force any more.
    Unlinked(LinkId, Gone),
}

/// The links in force on this member.
#[derive(Debug)]
pub struct Links {
    view: ArcSwap<LinkView>,
    table: Mutex<LinkTable>,
    file: PathBuf,
    changes: broadcast::Sender<LinkChange>,
    /// Whether the bucket was read through once since the start.
    caught_up: watch::Sender<bool>,
    configs: Arc<ConfigStore>,
}

impl Links {
    /// Goes on from what is on disk, as far as `trust` still bears it.
    pub(crate) fn load(data_dir: &Path, trust: &Trust, configs: Arc<ConfigStore>) -> Result<Self, DiskError> {
        let file = data_dir.join("links.json");
        let saved: Vec<Remembered> = disk::read_json(&file)
            .map_err(|source| DiskError::new("read", &file, source))?
            .unwrap_or_default();
        let mut table = LinkTable::restore(saved);
        table.recheck(trust, crate::trust::now());
        let view = LinkView::new(table.links());
        // Before anybody tidies up the folder of configurations.
        configs.want(view.all().filter_map(|link| link.config_digest).collect());
        let view = ArcSwap::from_pointee(view);
        let changes = broadcast::Sender::new(CHANGES);
        Ok(Self {
            view,
            table: Mutex::new(table),
            file,
            changes,
            caught_up: watch::Sender::new(false),
            configs,
        })
    }

    /// The links in force now.
    pub fn current(&self) -> Arc<LinkView> {
        self.view.load_full()
    }

    /// Follows changes. A reader that falls behind gets `Lagged` and has to look at [`current`](Self::current) again.
    pub fn changes(&self) -> broadcast::Receiver<LinkChange> {
        self.changes.subscribe()
    }

    /// Tokens that were refused, by their key in the bucket.
    pub fn refusals(&self) -> Vec<(String, Rejected)> {
        let table = self.table.lock();
        table
            .refusals()
            .map(|(key, rejected)| (key.to_owned(), rejected.clone()))
            .collect()
    }

    /// The highest generation of a link accepted so far, in force or not.
    pub fn generation(&self, link: &LinkId) -> Option<u64> {
        self.table.lock().generation(link)
    }

    /// Returns once the bucket was read through; at once if it was already.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn caught_up(&self) {
        // The sender lives in `self`, so that this cannot fail.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }

    /// Gets the configuration that a link was signed for; see [`ConfigStore::get`].
    ///
    /// # Errors
    /// It is nowhere, or what is there is something else.
    pub async fn config(&self, digest: &Digest) -> Result<Arc<ConfigMap>, FetchConfigError> {
        self.configs.get(digest).await
    }

    /// The configuration of links, by digest.
    pub fn configs(&self) -> &Arc<ConfigStore> {
        &self.configs
    }
}

/// What a table change means to readers; `None` when it means nothing.
fn to_link_change(change: Change) -> Option<LinkChange> {
    match change {
        Change::Unchanged => None,
        Change::Linked(link) => Some(LinkChange::Linked(link)),
        Change::Unlinked(link, gone) => Some(LinkChange::Unlinked(link, gone)),
    }
}
