//! The applications as they are stored, followed for as long as a term lasts.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use lattice_bus::{BucketEvent, Entry, StateError, Watch};
use lattice_control::{
    apps_bucket,
    reconcile::{Desired, KnownApp},
};
use lattice_core::{
    AppName, Trust, UnixSeconds,
    application::{RevisionError, StoredRevision, VerifiedRevision},
};
use lattice_mesh::Member;
use tracing::{info, warn};

/// The applications of a lattice, each in the latest revision that somebody signed who may.
pub(crate) struct Apps {
    watch: Watch,
    entries: BTreeMap<AppName, Known>,
    desired: Desired,
}

struct Known {
    /// Where it stands in the bucket: what the next write follows.
    at: u64,
    entry: Entry,
}

impl Apps {
    /// Reads all there are.
    pub(crate) async fn read(member: &Member) -> Result<Self, StateError> {
        let bucket = member.bus().bucket(apps_bucket(member.lattice())).await?;
        let mut apps = Self {
            watch: bucket.watch_all(),
            entries: BTreeMap::new(),
            desired: Desired::default(),
        };
        loop {
            match apps.watch.recv().await {
                Some(BucketEvent::CaughtUp) => return Ok(apps),
                Some(BucketEvent::Entry(entry)) => apps.take(entry, &member.trust().current()),
                None => return Err(StateError::Interrupted("the connection is closed")),
            }
        }
    }

    pub(crate) fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What the next revision of an application has to follow.
    pub(crate) fn at(&self, app: &AppName) -> u64 {
        self.entries.get(app).map_or(0, |known| known.at)
    }

    /// Waits for something to change; none when the bus is closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) -> Option<BucketEvent> {
        self.watch.recv().await
    }

    /// Takes a change in.
    pub(crate) fn apply(&mut self, event: BucketEvent, trust: &Trust) {
        if let BucketEvent::Entry(entry) = event {
            self.take(entry, trust);
        }
    }

    /// Judges all anew, after the trust has changed.
    pub(crate) fn judge(&mut self, trust: &Trust) {
        let entries: Vec<Entry> = self.entries.values().map(|known| known.entry.clone()).collect();
        for entry in entries {
            self.take(entry, trust);
        }
    }

    fn take(&mut self, entry: Entry, trust: &Trust) {
        let Ok(name) = entry.key.parse::<AppName>() else {
            warn!(key = entry.key, "no application has such a name");
            return;
        };
        let at = entry.revision;
        // Deleting a key is no way to delete an application: what was signed holds until something else is.
        if entry.is_live() {
            let now = UnixSeconds::from(SystemTime::now());
            match read(&name, &entry, trust, now) {
                Ok(verified) => self.admit(&name, verified),
                Err(error) => warn!(app = %name, %error, "a stored revision is not believed; the one before holds"),
            }
        } else {
            warn!(app = %name, "its key was deleted, which changes nothing: `lattice app delete` does");
        }
        self.entries.insert(name, Known { at, entry });
    }

    fn admit(&mut self, name: &AppName, verified: VerifiedRevision) {
        let known = self.desired.apps.get(name).map(|app| app.revision.number);
        if known.is_some_and(|known| known > verified.revision.number) {
            warn!(app = %name, revision = verified.revision.number, ?known, "an older revision is not believed");
            return;
        }
        info!(app = %name, revision = verified.revision.number, issuer = %verified.issuer, "application");
        self.desired
            .apps
            .insert(name.clone(), Arc::new(KnownApp::new(verified)));
    }
}

fn read(name: &AppName, entry: &Entry, trust: &Trust, now: UnixSeconds) -> Result<VerifiedRevision, RevisionError> {
    StoredRevision::decode(&entry.value)?.verify(name, trust, now)
}
