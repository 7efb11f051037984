//! Keeping the components on disk within bounds: never what runs or is to run again, else the oldest first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lattice_core::trust::ImagePolicy;
use lattice_core::{ActorSpec, Digest, UnixSeconds};
use tracing::{debug, info, warn};

use super::{Artifacts, FetchError, blocking};
use crate::config::BlobLimits;
use crate::shared::Shared;

/// How often a host looks for what has become too old.
const EVERY: Duration = Duration::from_secs(3600);

/// A component on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    /// When it was needed last.
    pub(super) used: SystemTime,
}

/// Which of `blobs` have to go.
fn surplus(mut blobs: Vec<Blob>, in_use: &BTreeSet<Digest>, limits: &BlobLimits, now: SystemTime) -> Vec<Digest> {
    blobs.sort_by_key(|blob| (blob.used, blob.digest));
    let mut bytes: u64 = blobs.iter().map(|blob| blob.bytes).sum();
    let mut gone = Vec::new();
    for blob in blobs.iter().filter(|blob| !in_use.contains(&blob.digest)) {
        // A clock that was set back makes nothing old.
        let age = now.duration_since(blob.used).unwrap_or_default();
        if age > limits.age_max || bytes > limits.bytes_max {
            bytes -= blob.bytes;
            gone.push(blob.digest);
        }
    }
    gone
}

impl Artifacts {
    /// Removes what is too old or too much.
    async fn sweep(&self, in_use: BTreeSet<Digest>) -> Result<usize, FetchError> {
        let (disk, limits) = (self.disk.clone(), self.limits);
        blocking(move || {
            for digest in &in_use {
                disk.touch(digest);
            }
            let gone = surplus(disk.list()?, &in_use, &limits, SystemTime::now());
            for digest in &gone {
                debug!(%digest, "component removed from disk");
                disk.remove(digest)?;
            }
            Ok(gone.len())
        })
        .await
    }
}

/// Sweeps at the start, when something new was kept, and now and then, until the host stops.
pub(crate) async fn keep_small(shared: Arc<Shared>) {
    let stopping = shared.tasks.stopping();
    loop {
        match shared.artifacts.sweep(in_use(&shared)).await {
            Ok(0) => {}
            Ok(count) => info!(count, "components that nothing needs were removed from disk"),
            Err(error) => warn!(%error, "the components on disk cannot be looked through"),
        }
        let next = tokio::time::timeout(EVERY, shared.artifacts.grown.notified());
        if stopping.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// What runs here, is being started, or is to run again after a restart.
fn in_use(shared: &Shared) -> BTreeSet<Digest> {
    needed(shared).into_iter().map(|spec| spec.digest).collect()
}

fn needed(shared: &Shared) -> Vec<ActorSpec> {
    let kept = shared.orders.kept().actors.into_values().map(|actor| actor.spec);
    shared.actors.specs().into_iter().chain(kept).collect()
}

/// When the lattice begins to demand signatures, or believes other signers: fetches the signatures of what this host runs, so that it
/// can start it again when it is cut off, and says which it could not. What runs goes on; it was in order when it was started.
pub(crate) async fn tend_signatures(shared: Arc<Shared>) {
    let (stopping, mut serial) = (shared.tasks.stopping(), shared.member.trust().serial());
    loop {
        let trust = shared.member.trust().current();
        serial.mark_unchanged();
        if trust.image_policy() == ImagePolicy::Signed {
            for spec in needed(&shared) {
                let now = UnixSeconds::from(SystemTime::now());
                if let Err(error) = shared.artifacts.signed(&spec.digest, &spec.image, &trust, now).await {
                    warn!(actor = %spec.name, %error, "what runs here would not be started again");
                }
            }
        }
        match stopping.run_until_cancelled(serial.changed()).await {
            Some(Ok(())) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// Components by name, size and age in days, as they are swept.
    fn check(blobs: &[(&str, u64, u32)], in_use: &[&str], expect: &[&str]) {
        let now = SystemTime::UNIX_EPOCH + DAY * 1000;
        let limits = BlobLimits {
            bytes_max: 100,
            age_max: DAY * 30,
        };
        let blobs = blobs.iter().map(|(name, bytes, days)| Blob {
            digest: digest(name),
            bytes: *bytes,
            used: now - DAY * *days,
        });
        let in_use = in_use.iter().map(|name| digest(name)).collect();
        let expect: Vec<Digest> = expect.iter().map(|name| digest(name)).collect();
        assert_eq!(surplus(blobs.collect(), &in_use, &limits, now), expect);
    }

    #[test]
    fn the_oldest_go_first_and_only_as_many_as_must() {
        check(&[("a", 40, 1), ("b", 40, 2)], &[], &[]);
        check(&[("a", 40, 1), ("b", 40, 2), ("c", 40, 3)], &[], &["c"]);
        check(&[("a", 90, 1), ("b", 40, 2), ("c", 40, 3)], &[], &["c", "b"]);
        check(&[("a", 10, 31), ("b", 10, 1)], &[], &["a"]);
        check(&[("huge", 500, 0)], &[], &["huge"]);
    }

    #[test]
    fn what_is_in_use_stays_however_old_and_large() {
        check(&[("a", 400, 99)], &["a"], &[]);
        check(&[("a", 400, 99), ("b", 10, 1)], &["a"], &["b"]);
        check(&[("a", 60, 99), ("b", 60, 98), ("c", 10, 1)], &["a"], &["b"]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_old() {
        let now = SystemTime::UNIX_EPOCH;
        let limits = BlobLimits {
            bytes_max: 100,
            age_max: DAY,
        };
        let blob = Blob {
            digest: digest("a"),
            bytes: 1,
            used: now + DAY * 5,
        };
        assert!(surplus(vec![blob], &BTreeSet::new(), &limits, now).is_empty());
    }
}
