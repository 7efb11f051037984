//! The applications as they are stored, followed for as long as a term lasts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use lattice_bus::{Bucket, BucketEvent, Entry, StateError, Watch};
use lattice_control::{
    apps_bucket,
    reconcile::{Desired, KnownApp},
};
use lattice_core::{
    AppName, IssuerId, Trust, UnixSeconds,
    application::{RevisionError, StoredRevision, VerifiedRevision},
};
use lattice_mesh::{Member, disk};
use tracing::{info, warn};

/// The applications of a lattice, each in the latest revision that somebody signed who may.
pub(crate) struct Apps {
    bucket: Bucket,
    watch: Watch,
    /// The last word on each, believed or not.
    entries: BTreeMap<AppName, Entry>,
    /// Where the revision stands that is believed: what the next write follows. One that is not believed is never written over.
    believed_at: BTreeMap<AppName, u64>,
    desired: Desired,
    /// Who signed each.
    signed_by: BTreeMap<AppName, IssuerId>,
    marks: Marks,
}

impl Apps {
    /// Reads all there are. `folder` is where this host remembers how far each had come.
    pub(crate) async fn read(member: &Member, folder: &Path) -> Result<Self, StateError> {
        let bucket = member.bus().bucket(apps_bucket(member.lattice())).await?;
        let mut apps = Self {
            watch: bucket.watch_all(),
            bucket,
            entries: BTreeMap::new(),
            believed_at: BTreeMap::new(),
            desired: Desired::default(),
            signed_by: BTreeMap::new(),
            marks: Marks::load(folder),
        };
        loop {
            match apps.watch.recv().await {
                Some(BucketEvent::CaughtUp) => return Ok(apps),
                Some(event) => apps.apply(event, &member.trust().current()).await,
                None => return Err(StateError::Interrupted("the connection is closed")),
            }
        }
    }

    pub(crate) fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Who signed the revision of an application.
    pub(crate) fn signed_by(&self, app: &AppName) -> Option<&IssuerId> {
        self.signed_by.get(app)
    }

    /// What the next revision of an application has to follow.
    pub(crate) fn at(&self, app: &AppName) -> u64 {
        self.believed_at.get(app).copied().unwrap_or(0)
    }

    /// Waits for something to change; none when the bus is closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) -> Option<BucketEvent> {
        self.watch.recv().await
    }

    /// Takes a change in.
    pub(crate) async fn apply(&mut self, event: BucketEvent, trust: &Trust) {
        let BucketEvent::Entry(mut entry) = event else { return };
        if !entry.is_live() {
            let Some(before) = self.before_deletion(&entry).await else {
                return;
            };
            entry = before;
        }
        self.take(entry, trust);
        self.marks.save();
    }

    /// Judges all anew: the trust may have changed, or a clock caught up. What is not believed any more is not acted upon.
    pub(crate) fn judge(&mut self, trust: &Trust) {
        for entry in std::mem::take(&mut self.entries).into_values() {
            if let Ok(name) = entry.key.parse::<AppName>() {
                let stands = self.believed_at.get(&name) == Some(&entry.revision);
                let good = read(&name, &entry, trust).is_ok();
                if stands && good {
                    self.entries.insert(name, entry);
                    continue;
                }
                if stands {
                    warn!(app = %name, "its revision is not believed any more; what runs is left alone");
                    self.desired.apps.remove(&name);
                    self.believed_at.remove(&name);
                }
            }
            self.take(entry, trust);
        }
    }

    /// Deleting a key is no way to delete an application: what was signed last holds.
    async fn before_deletion(&self, marker: &Entry) -> Option<Entry> {
        warn!(
            app = marker.key,
            "its key was deleted, which changes nothing: `lattice app delete` does"
        );
        let past = self.bucket.history(&marker.key).await.ok()?;
        let last = past.into_iter().rev().find(Entry::is_live)?;
        Some(Entry {
            revision: marker.revision,
            ..last
        })
    }

    fn take(&mut self, entry: Entry, trust: &Trust) {
        let Ok(name) = entry.key.parse::<AppName>() else {
            warn!(key = entry.key, "no application has such a name");
            return;
        };
        match read(&name, &entry, trust) {
            Ok(verified) => self.admit(&name, verified, &entry),
            Err(error) => warn!(app = %name, %error, "a stored revision is not believed; the one before holds"),
        }
        self.entries.insert(name, entry);
    }

    fn admit(&mut self, name: &AppName, verified: VerifiedRevision, entry: &Entry) {
        let number = verified.revision.number;
        if let Some(mark) = self.marks.get(name).filter(|mark| *mark > number) {
            warn!(app = %name, revision = number, mark, "an older revision than one seen is not believed");
            return;
        }
        info!(app = %name, revision = number, issuer = %verified.issuer, "application");
        self.marks.raise(name, number);
        self.believed_at.insert(name.clone(), entry.revision);
        self.signed_by.insert(name.clone(), verified.issuer.clone());
        // By the server's clock: that of whoever signed may be wrong.
        let known = KnownApp::new(verified, UnixSeconds::from(entry.created));
        self.desired.apps.insert(name.clone(), Arc::new(known));
    }
}

fn read(name: &AppName, entry: &Entry, trust: &Trust) -> Result<VerifiedRevision, RevisionError> {
    let now = UnixSeconds::from(SystemTime::now());
    StoredRevision::decode(&entry.value)?.verify(name, trust, now)
}

/// The highest revision of each application that this host has believed, kept on disk: who can write the bucket must not be able to bring an
/// older one back.
struct Marks {
    file: PathBuf,
    marks: BTreeMap<AppName, u64>,
    changed: bool,
}

impl Marks {
    fn load(folder: &Path) -> Self {
        let file = folder.join("apps.json");
        let marks = disk::read_json(&file).unwrap_or_else(|error| {
            warn!(%error, file = %file.display(), "how far applications had come cannot be read");
            None
        });
        Self {
            file,
            marks: marks.unwrap_or_default(),
            changed: false,
        }
    }

    fn get(&self, app: &AppName) -> Option<u64> {
        self.marks.get(app).copied()
    }

    fn raise(&mut self, app: &AppName, number: u64) {
        let before = self.marks.insert(app.clone(), number);
        self.changed |= before != Some(number);
    }

    /// Writes what has changed. Small, and seldom: with each revision.
    fn save(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        if let Err(error) = disk::write_json(&self.file, &self.marks) {
            warn!(%error, file = %self.file.display(), "how far applications had come is not kept");
        }
    }
}
