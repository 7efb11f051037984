//! Reading and writing the revisions of applications. The last one under its key counts; every write names the one it follows.

use std::time::SystemTime;

use lattice_bus::{Bucket, Entry};
use lattice_core::{
    AppName, Trust, UnixSeconds,
    application::{RevisionError, StoredRevision, VerifiedRevision},
    subject,
};

use super::{apps_bucket, leases_bucket, unreachable};
use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
};

/// A revision and where it stands in the bucket.
#[derive(Clone, Debug)]
pub struct AppAt {
    /// The application.
    pub name: AppName,
    /// What is stored, if somebody signed it who may; else why it is not believed.
    pub revision: Result<VerifiedRevision, RevisionError>,
    /// What the next write has to follow.
    pub at: u64,
    /// When it was stored, by the server's clock.
    pub stored_at: SystemTime,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PutApp {
    /// It is stored.
    Stored {
        /// What the next write has to follow.
        at: u64,
    },
    /// Somebody else was quicker.
    Overtaken,
}

impl AppAt {
    fn of(entry: &Entry, trust: &Trust) -> Option<Self> {
        let name: AppName = entry.key.parse().ok()?;
        let now = UnixSeconds::from(SystemTime::now());
        Some(Self {
            revision: read(&name, entry, trust, now),
            name,
            at: entry.revision,
            stored_at: entry.created,
        })
    }
}

/// Reads what lies under an application's key.
///
/// # Errors
/// When nobody signed it who may, or it is damaged.
pub(crate) fn read(
    name: &AppName,
    entry: &Entry,
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedRevision, RevisionError> {
    StoredRevision::decode(&entry.value)?.verify(name, trust, now)
}

impl ControlClient {
    /// Reads the revision of an application that counts; `None` when it never had one.
    ///
    /// # Errors
    /// When the state cannot be reached, or this client was not given the trust to verify with.
    pub async fn app(&self, name: &AppName) -> Result<Option<AppAt>, ControlError> {
        let trust = self.trust_to_verify()?;
        let bucket = self.apps_bucket().await?;
        let last = bucket.last(name.as_str()).await;
        let Some(last) = last.map_err(|error| unreachable(&error))? else {
            return Ok(None);
        };
        if last.is_live() {
            return Ok(AppAt::of(&last, trust));
        }
        // Deleting a key is no way to delete an application: what was signed last holds, and the next write follows the deletion.
        let past = bucket.history(name.as_str()).await;
        let past = past.map_err(|error| unreachable(&error))?;
        let before = past
            .iter()
            .rev()
            .find(|entry| entry.is_live())
            .and_then(|entry| AppAt::of(entry, trust));
        Ok(before.map(|before| AppAt {
            at: last.revision,
            ..before
        }))
    }

    /// Reads all applications, deleted ones included.
    ///
    /// # Errors
    /// As [`ControlClient::app`].
    pub async fn apps(&self) -> Result<Vec<AppAt>, ControlError> {
        let trust = self.trust_to_verify()?;
        let entries = self.apps_bucket().await?.entries().await;
        let entries = entries.map_err(|error| unreachable(&error))?;
        Ok(entries.iter().filter_map(|entry| AppAt::of(entry, trust)).collect())
    }

    /// Reads what is kept of an application's past, the oldest revision first.
    ///
    /// # Errors
    /// As [`ControlClient::app`].
    pub async fn app_history(&self, name: &AppName) -> Result<Vec<AppAt>, ControlError> {
        let trust = self.trust_to_verify()?;
        let past = self.apps_bucket().await?.history(name.as_str()).await;
        let past = past.map_err(|error| unreachable(&error))?;
        let live = past.iter().filter(|entry| entry.is_live());
        Ok(live.filter_map(|entry| AppAt::of(entry, trust)).collect())
    }

    /// Stores a revision if nobody has stored another since `after`; zero when there was none.
    ///
    /// # Errors
    /// When the state cannot be reached. Being overtaken is no error here.
    pub async fn put_app(&self, name: &AppName, revision: &StoredRevision, after: u64) -> Result<PutApp, ControlError> {
        let bucket = self.apps_bucket().await?;
        match bucket.update(name.as_str(), revision.encode().into(), after).await {
            Ok(at) => Ok(PutApp::Stored { at }),
            Err(error) if error.is_conflict() => Ok(PutApp::Overtaken),
            Err(error) => Err(ControlError::new(
                ErrorKind::Unreachable,
                format!("the application `{name}` was not stored: {error}"),
            )
            .with_help("`lattice doctor` looks at NATS and JetStream")),
        }
    }

    /// Says which member's controller leads, in its own words: its id. `None` when nobody does.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn leader(&self) -> Result<Option<lattice_core::MemberId>, ControlError> {
        let bucket = self.bus().bucket(leases_bucket(self.lattice())).await;
        let bucket = bucket.map_err(|error| unreachable(&error))?;
        let holder = bucket.get(subject::CONTROLLER_LEASE_KEY).await;
        let holder = holder.map_err(|error| unreachable(&error))?;
        let named = |entry: Entry| std::str::from_utf8(&entry.value).ok()?.lines().next()?.parse().ok();
        Ok(holder.and_then(named))
    }

    async fn apps_bucket(&self) -> Result<Bucket, ControlError> {
        let bucket = self.bus().bucket(apps_bucket(self.lattice())).await;
        bucket.map_err(|error| unreachable(&error))
    }

    pub(crate) fn trust_to_verify(&self) -> Result<&Trust, ControlError> {
        self.trust.as_deref().ok_or_else(|| {
            ControlError::denied("applications cannot be told from forgeries: this context names no operator to trust")
                .with_help("add `trustedOperators` to the context: `lattice context ls -o wide` shows them")
        })
    }
}
