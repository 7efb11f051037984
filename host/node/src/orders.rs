//! What this host was told by those who decide for all hosts, kept over restarts: what applications have it run, and whether more may
//! be placed on it.
//!
//! A host that starts again runs what it ran before it asks anybody: on an edge that is cut off there may be nobody to ask. What was
//! started by hand is not kept; whoever started it knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lattice_core::presence::Scheduling;
use lattice_core::{ActorName, ActorSpec, ProviderName, ProviderSpec};
use lattice_mesh::disk;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::warn;

use crate::tasks::Tasks;

/// What changes within this time is written together.
const TOGETHER: Duration = Duration::from_millis(100);

/// What this host was told. Changes are on disk soon after; until then the controller knows.
pub(crate) struct Orders {
    file: PathBuf,
    kept: Mutex<Kept>,
    changed: Notify,
}

/// The orders as they are on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    pub(crate) scheduling: Scheduling,
    #[serde(default)]
    pub(crate) actors: BTreeMap<ActorName, KeptActor>,
    #[serde(default)]
    pub(crate) providers: BTreeMap<ProviderName, ProviderSpec>,
}

/// An actor to run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptActor {
    pub(crate) spec: ActorSpec,
    pub(crate) replicas: u32,
}

impl Orders {
    /// Reads what an earlier run was told. A file that cannot be read is put aside: the host starts empty rather than not at all.
    pub(crate) fn load(data_dir: &Path) -> Self {
        let file = data_dir.join("orders.json");
        let kept = disk::read_json(&file).unwrap_or_else(|error| {
            let aside = file.with_extension("unreadable");
            warn!(%error, file = %file.display(), aside = %aside.display(), "what this host ran cannot be read; starting empty");
            let _ = std::fs::rename(&file, aside);
            None
        });
        Self {
            file,
            kept: Mutex::new(kept.unwrap_or_default()),
            changed: Notify::new(),
        }
    }

    /// What there is to run again.
    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().clone()
    }

    pub(crate) fn scheduling(&self) -> Scheduling {
        self.kept.lock().scheduling
    }

    pub(crate) fn set_scheduling(&self, scheduling: Scheduling) {
        self.change(|kept| kept.scheduling = scheduling);
    }

    /// Remembers an actor that belongs to an application; forgets one of that name that does not.
    pub(crate) fn runs_actor(&self, spec: &ActorSpec, replicas: u32) {
        if spec.app.is_none() {
            return self.stopped_actor(&spec.name);
        }
        let actor = KeptActor {
            spec: spec.clone(),
            replicas,
        };
        self.change(|kept| drop(kept.actors.insert(spec.name.clone(), actor)));
    }

    pub(crate) fn stopped_actor(&self, name: &ActorName) {
        self.change(|kept| drop(kept.actors.remove(name)));
    }

    /// Remembers a provider about which applications decide.
    pub(crate) fn runs_provider(&self, spec: &ProviderSpec) {
        if spec.managed {
            self.change(|kept| drop(kept.providers.insert(spec.name.clone(), spec.clone())));
        }
    }

    pub(crate) fn stopped_provider(&self, name: &ProviderName) {
        self.change(|kept| drop(kept.providers.remove(name)));
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept.lock();
        let before = kept.clone();
        change(&mut kept);
        if *kept != before {
            self.changed.notify_one();
        }
    }

    /// Starts the task that writes.
    pub(crate) fn keep(self: &Arc<Self>, tasks: &Tasks) {
        let (orders, stop) = (Arc::clone(self), tasks.stopping());
        tasks.spawn("keep the orders of this host", async move {
            loop {
                let stops = stop.run_until_cancelled(orders.changed.notified()).await.is_none();
                if !stops {
                    tokio::time::sleep(TOGETHER).await;
                }
                orders.write().await;
                if stops {
                    return;
                }
            }
        });
    }

    async fn write(&self) {
        let (file, kept) = (self.file.clone(), self.kept());
        let written = tokio::task::spawn_blocking(move || disk::write_json(&file, &kept)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, file = %self.file.display(), "what this host runs is not kept: after a restart it begins empty");
        }
    }
}

#[cfg(test)]
mod tests {
    use lattice_core::Digest;

    use super::*;

    #[tokio::test]
    async fn keeps_what_applications_have_it_run_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let orders = Orders::load(folder.path());
        let mut spec = ActorSpec::new("web".parse().expect("a name"), Digest::of(b"web"), "file://web.wasm");
        orders.runs_actor(&spec, 2);
        assert_eq!(orders.kept(), Kept::default(), "started by hand");
        spec.app = Some("shop".parse().expect("a name"));
        orders.runs_actor(&spec, 2);
        orders.set_scheduling(Scheduling::Cordoned);
        orders.write().await;
        let again = Orders::load(folder.path());
        assert_eq!(again.kept(), orders.kept());
        assert_eq!(again.kept().actors[&spec.name].replicas, 2);
        again.stopped_actor(&spec.name);
        assert!(again.kept().actors.is_empty());
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("orders.json"), b"{ not json").expect("written");
        assert_eq!(Orders::load(folder.path()).kept(), Kept::default());
        assert!(folder.path().join("orders.unreadable").exists());
    }
}
