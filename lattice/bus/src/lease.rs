//! Leases: one holder of a key at a time, for as long as it keeps renewing.
//!
//! async-nats 0.51 cannot do this: taking over an expired key drops the time to live, and there is no renewal. Here every write
//! names the revision it follows and carries its own time to live, so that of two contenders one is refused by the
//! stream, and a holder that stops renewing is forgotten by it.
//!
//! A lease says who *should* act. What must not happen twice is guarded by [`Lease::epoch`], which grows with every acquisition:
//! let the resource refuse anything older.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::bucket::{Bucket, CasError, EXPECTED_REVISION, TTL_MIN, set};
use crate::jetstream::StateError;
use crate::{BucketEvent, Headers};

const TTL: &str = "Nats-TTL";

/// Renewals per lifetime. Two may fail before the third is the last chance.
const RENEWALS: u32 = 4;

/// The part of its lifetime, in tenths, after which a holder that could not renew stops believing that it holds. The rest is for
/// clocks that run differently.
const TRUSTED_TENTHS: u32 = 8;

/// The outcome of trying to take a lease.
#[derive(Debug)]
pub enum LeaseAttempt {
    /// It is ours.
    Held(Lease),
    /// Somebody else holds it.
    Taken {
        /// Who, in its own words.
        holder: String,
        /// The latest renewal.
        revision: u64,
    },
}

/// A lease that we hold. Renews itself until dropped, released or lost. Dropping it lets it run out.
#[derive(Debug)]
pub struct Lease {
    key: String,
    bucket: Bucket,
    epoch: u64,
    /// The revision to follow, none once lost.
    revision: watch::Receiver<Option<u64>>,
    _renewal: AbortOnDropHandle<()>,
}

impl Bucket {
    /// Tries to take the lease on a key for `holder`, to be renewed within `ttl` (whole seconds, at least one).
    ///
    /// # Errors
    ///
    /// When the bucket cannot expire keys (see [`BucketConfig::expiry_markers`](crate::BucketConfig::expiry_markers)) or cannot be used.
    pub async fn lease(&self, key: &str, holder: &str, ttl: Duration) -> Result<LeaseAttempt, StateError> {
        let expected = match self.last(key).await? {
            Some(entry) if entry.is_live() => {
                return Ok(LeaseAttempt::Taken {
                    holder: holder_of(&entry.value),
                    revision: entry.revision,
                });
            }
            // Expired or released: the marker is what a successor has to follow.
            Some(marker) => marker.revision,
            None => 0,
        };
        let term = Term::new(holder, ttl);
        let sent = Instant::now();
        match term.write(self, key, expected).await {
            Ok(epoch) => Ok(LeaseAttempt::Held(Lease::hold(self.clone(), key, term, epoch, sent))),
            Err(CasError::Conflict { .. }) => self.after_conflict(key, &term, sent).await,
            Err(CasError::State(err)) => Err(err),
        }
    }

    /// Waits until the lease is ours.
    ///
    /// # Errors
    ///
    /// As [`lease`](Self::lease); and when the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// A cancelled wait may leave a lease behind that nobody renews.
    pub async fn lease_when_free(&self, key: &str, holder: &str, ttl: Duration) -> Result<Lease, StateError> {
        let mut watch = self.watch(key);
        loop {
            if let LeaseAttempt::Held(lease) = self.lease(key, holder, ttl).await? {
                return Ok(lease);
            }
            // The marker of its end comes as an event. A bucket whose markers are lost is looked at again all the same.
            let freed = async {
                loop {
                    match watch.recv().await {
                        Some(BucketEvent::Entry(entry)) if !entry.is_live() => return true,
                        Some(_) => {}
                        None => return false,
                    }
                }
            };
            if !tokio::time::timeout(ttl, freed).await.unwrap_or(true) {
                return Err(StateError::Interrupted("the connection is closed"));
            }
        }
    }

    async fn after_conflict(&self, key: &str, term: &Term, sent: Instant) -> Result<LeaseAttempt, StateError> {
        match self.last(key).await? {
            // A first try whose answer got lost was stored after all.
            Some(entry) if entry.value == term.value => Ok(LeaseAttempt::Held(Lease::hold(
                self.clone(),
                key,
                term.clone(),
                entry.revision,
                sent,
            ))),
            Some(entry) => Ok(LeaseAttempt::Taken {
                holder: holder_of(&entry.value),
                revision: entry.revision,
            }),
            None => Ok(LeaseAttempt::Taken {
                holder: String::new(),
                revision: 0,
            }),
        }
    }
}

impl Lease {
    fn hold(bucket: Bucket, key: &str, term: Term, epoch: u64, sent: Instant) -> Self {
        let (tx, revision) = watch::channel(Some(epoch));
        let renewal = tokio::spawn(renew(bucket.clone(), key.to_owned(), term, sent, tx));
        Self {
            key: key.to_owned(),
            bucket,
            epoch,
            revision,
            _renewal: AbortOnDropHandle::new(renewal),
        }
    }

    /// Returns a number larger than that of every earlier holder, for resources to compare.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Says whether we may still believe that we hold it.
    pub fn is_held(&self) -> bool {
        self.revision.borrow().is_some()
    }

    /// Waits until it is lost: taken by another, or not renewed for so long that it may have been.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn lost(&self) {
        // An error means that the renewal is gone, and with it the lease.
        let _ = self.revision.clone().wait_for(Option::is_none).await;
    }

    /// Gives it up, so that another can have it at once.
    ///
    /// # Errors
    ///
    /// When the key cannot be deleted; the lease then runs out.
    pub async fn release(self) -> Result<(), StateError> {
        let Self {
            key,
            bucket,
            revision,
            _renewal: renewal,
            ..
        } = self;
        // First the renewal stops, then the key goes: the other way round a renewal could bring it back.
        renewal.abort();
        let _ = renewal.await;
        let Some(last) = *revision.borrow() else { return Ok(()) };
        match bucket.delete(&key, Some(last)).await {
            Ok(_) | Err(CasError::Conflict { .. }) => Ok(()),
            Err(CasError::State(err)) => Err(err),
        }
    }
}

/// One holder's term: what it writes at each renewal.
#[derive(Clone, Debug)]
struct Term {
    value: Bytes,
    ttl: Duration,
}

impl Term {
    fn new(holder: &str, ttl: Duration) -> Self {
        // The nonce tells our own write, whose answer got lost, from that of another who calls itself the same.
        let value = format!("{holder}\n{}", uuid::Uuid::new_v4().simple()).into();
        Self {
            value,
            ttl: Duration::from_secs(ttl.max(TTL_MIN).as_secs()),
        }
    }

    async fn write(&self, bucket: &Bucket, key: &str, expected: u64) -> Result<u64, CasError> {
        let mut headers = Headers::new();
        set(&mut headers, EXPECTED_REVISION, &expected.to_string());
        set(&mut headers, TTL, &format!("{}s", self.ttl.as_secs()));
        let stored = bucket.store(key, headers, self.value.clone()).await;
        stored.map_err(|err| CasError::from_store(err, key, expected))
    }

    /// Until when a renewal sent at `sent` lets us believe that we hold.
    fn trusted_until(&self, sent: Instant) -> Instant {
        sent + self.ttl * TRUSTED_TENTHS / 10
    }
}

fn holder_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Renews until it cannot; then says so by setting `revision` to none.
async fn renew(bucket: Bucket, key: String, term: Term, sent: Instant, revision: watch::Sender<Option<u64>>) {
    let mut trusted_until = term.trusted_until(sent);
    loop {
        let fence = tokio::time::Instant::from_std(trusted_until);
        let outcome = tokio::time::timeout_at(fence, async {
            tokio::time::sleep(term.ttl / RENEWALS).await;
            renew_once(&bucket, &key, &term, &revision).await
        });
        match outcome.await {
            Ok(Some(sent)) => trusted_until = term.trusted_until(sent),
            Ok(None) => {
                warn!(key, bucket = bucket.name(), "lost a lease: another holds it");
                break;
            }
            Err(_) => {
                warn!(
                    key,
                    bucket = bucket.name(),
                    "lost a lease: it could not be renewed in time"
                );
                break;
            }
        }
    }
    revision.send_replace(None);
}

/// Renews once, however many tries that takes; returns when the successful one was sent, none if the lease is another's.
async fn renew_once(bucket: &Bucket, key: &str, term: &Term, revision: &watch::Sender<Option<u64>>) -> Option<Instant> {
    let mut expected = (*revision.borrow())?;
    loop {
        let sent = Instant::now();
        match term.write(bucket, key, expected).await {
            Ok(renewed) => {
                revision.send_replace(Some(renewed));
                return Some(sent);
            }
            Err(CasError::Conflict { .. }) => match bucket.last(key).await {
                // A renewal whose answer got lost: go on from there.
                Ok(Some(entry)) if entry.value == term.value && entry.revision != expected => expected = entry.revision,
                Ok(_) => return None,
                Err(err) => debug!(key, error = %err, "cannot look at a lease; trying again"),
            },
            Err(CasError::State(err)) => debug!(key, error = %err, "cannot renew a lease; trying again"),
        }
        tokio::time::sleep(term.ttl / 20).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_whole_seconds_and_ends_early_for_its_holder() {
        let term = Term::new("host-a", Duration::from_millis(10_900));
        assert_eq!(term.ttl, Duration::from_secs(10));
        let now = Instant::now();
        assert_eq!(term.trusted_until(now) - now, Duration::from_secs(8));
        assert_eq!(Term::new("x", Duration::ZERO).ttl, TTL_MIN);
        assert_eq!(holder_of(&term.value), "host-a");
        assert_eq!(holder_of(b"\xff"), "\u{fffd}");
    }
}
