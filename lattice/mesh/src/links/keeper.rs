//! The task that keeps the links: what comes in, what is kept on disk, what is shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use lattice_bus::{BucketEvent, Bus, Entry, Operation};
use lattice_core::event::names;
use lattice_core::link_table::{Change, Gone};
use lattice_core::{ActiveLink, LatticeId, LinkId, Refusal, UnixSeconds};
use lattice_telemetry::Instruments;
use serde_json::json;
use tokio::sync::watch;

use super::{LinkChange, LinkView, Links, to_link_change};
use crate::trust::{TrustStore, now};
use crate::watched::WatchedBucket;
use crate::{DiskError, Events, buckets, disk};

/// When the disk refused, the next attempt.
const DISK_RETRY: Duration = Duration::from_secs(2);
/// The longest sleep of the clock's turn, so that a clock that was set is noticed.
const TICK_MAX: Duration = Duration::from_secs(30);
/// Events of the bucket taken before the disk is written: at start one write serves thousands.
const BATCH_MAX: usize = 4096;
/// Refusals reported, by key and revision, so that each is reported once. When full, all are forgotten and may be reported again.
const REPORTED_MAX: usize = 4096;

/// A link that was signed longer ago than this is no news when it comes into force.
const NEWS: Duration = Duration::from_secs(60);

/// How long before its end a link is announced to end.
const END_NOTICE: Duration = Duration::from_secs(24 * 3600);

/// The verdict on a link that was not refused.
const ACCEPTED: &str = "accepted";

/// Keeps [`Links`] up to date.
pub(crate) struct Keeper {
    links: Arc<Links>,
    trust: Arc<TrustStore>,
    serial: watch::Receiver<Option<u64>>,
    events: Events,
    instruments: Instruments,
    bucket: WatchedBucket,
    /// Changes that are not on disk yet, and therefore not shown where they grant something.
    unsaved: Vec<LinkChange>,
    dirty: bool,
    reported: HashMap<String, u64>,
    /// Links whose end was announced, by generation.
    announced: HashMap<LinkId, u64>,
}

/// What a keeper is made of.
pub(crate) struct KeeperParts {
    pub(crate) bus: Bus,
    pub(crate) lattice: LatticeId,
    pub(crate) links: Arc<Links>,
    pub(crate) trust: Arc<TrustStore>,
    pub(crate) events: Events,
    pub(crate) instruments: Instruments,
}

enum Input {
    Bucket(BucketEvent),
    TrustChanged,
    Tick,
    RetryDisk,
    Closed,
}

impl Keeper {
    pub(crate) fn new(parts: KeeperParts) -> Self {
        let mut serial = parts.trust.serial();
        serial.mark_changed();
        let bucket = WatchedBucket::new(parts.bus, buckets::links(&parts.lattice));
        Self {
            links: parts.links,
            trust: parts.trust,
            serial,
            events: parts.events,
            instruments: parts.instruments,
            bucket,
            unsaved: Vec::new(),
            dirty: false,
            reported: HashMap::new(),
            announced: HashMap::new(),
        }
    }

    /// Runs until dropped, or the bus is closed.
    pub(crate) async fn run(mut self) {
        loop {
            match self.wait().await {
                Input::Bucket(event) => self.take_batch(event).await,
                Input::TrustChanged => {
                    let (trust, now) = (self.trust.current(), now());
                    let changes = self.links.table.lock().recheck(&trust, now);
                    self.note(changes);
                }
                Input::Tick => {
                    let (trust, now) = (self.trust.current(), now());
                    let changes = self.links.table.lock().tick(&trust, now);
                    self.note(changes);
                    self.announce_ends(now);
                }
                Input::RetryDisk => {}
                Input::Closed => return,
            }
            self.show().await;
        }
    }

    /// Cancel safe in every arm.
    async fn wait(&mut self) -> Input {
        let nap = self.until_tick();
        tokio::select! {
            event = self.bucket.recv() => event.map_or(Input::Closed, Input::Bucket),
            changed = self.serial.changed() => if changed.is_ok() { Input::TrustChanged } else { Input::Closed },
            () = tokio::time::sleep(nap) => Input::Tick,
            () = tokio::time::sleep(DISK_RETRY), if self.dirty => Input::RetryDisk,
        }
    }

    fn until_tick(&self) -> Duration {
        let wakeup = self.links.table.lock().next_wakeup();
        wakeup.map_or(TICK_MAX, |at| {
            at.since(now()).clamp(Duration::from_millis(200), TICK_MAX)
        })
    }

    async fn take_batch(&mut self, first: BucketEvent) {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(event) = next {
            match event {
                BucketEvent::Entry(entry) => self.take(&entry),
                BucketEvent::CaughtUp => {
                    self.show().await;
                    self.links.caught_up.send_replace(true);
                }
            }
            taken += 1;
            next = if taken < BATCH_MAX {
                self.bucket.recv().now_or_never().flatten()
            } else {
                None
            };
        }
    }

    fn take(&mut self, entry: &Entry) {
        if entry.operation != Operation::Put {
            let still = self.links.table.lock().note_deleted(&entry.key);
            if let Some(link) = still {
                tracing::warn!(link = %link.id, "the link was deleted from its bucket without a signed tombstone; it stays in force");
                let data = json!({ "link": link.id, "generation": link.generation });
                self.events
                    .tell(names::LINK_DELETION_IGNORED, Some(link.id.to_string()), data);
            }
            return;
        }
        let (trust, now) = (self.trust.current(), now());
        let admitted = self.links.table.lock().admit(&entry.key, &entry.value, &trust, now);
        let verdict = admitted.as_ref().map_or_else(Refusal::code, |_| ACCEPTED);
        self.instruments.link_verified(verdict);
        match admitted {
            Ok(change) => self.note(vec![change]),
            Err(refusal) => self.report(entry, &refusal),
        }
    }

    /// Says once that a token was refused.
    fn report(&mut self, entry: &Entry, refusal: &Refusal) {
        if self.reported.len() >= REPORTED_MAX {
            self.reported.clear();
        }
        if self.reported.insert(entry.key.clone(), entry.revision) == Some(entry.revision) {
            return;
        }
        let subject = self.links.refused_subject(&entry.key);
        let link = subject.as_deref().unwrap_or("unreadable");
        tracing::warn!(link, key = %entry.key, code = refusal.code(), reason = %refusal, "link refused");
        let data = json!({ "link": subject, "key": entry.key, "code": refusal.code(), "reason": refusal.to_string() });
        self.events.tell(names::LINK_REFUSED, subject, data);
    }

    /// Takes changes of the table to be saved and shown.
    fn note(&mut self, changes: Vec<Change>) {
        for change in changes.into_iter().filter_map(to_link_change) {
            match &change {
                LinkChange::Linked(link) => {
                    tracing::info!(link = %link.id, generation = link.generation, "link in force");
                    self.say_linked(link);
                }
                LinkChange::Unlinked(link, gone) => self.say_unlinked(link, gone),
            }
            self.unsaved.push(change);
            self.dirty = true;
        }
    }

    /// Tells that a link is in force. One that was signed long ago is no news: this member has just come.
    fn say_linked(&self, link: &ActiveLink) {
        if now().since(link.issued_at) > NEWS {
            return;
        }
        let data = json!({
            "link": link.id, "generation": link.generation, "source": link.source, "target": link.target,
            "interface": link.interface, "expires_at": link.expires_at.to_string(),
        });
        let event = self.events.event(names::LINK_ACCEPTED);
        let event = event.about(Some(link.id.to_string())).with(data);
        self.events.send(event.by(Some(link.issuer.to_string())));
    }

    fn say_unlinked(&self, link: &LinkId, gone: &Gone) {
        let (code, reason) = match gone {
            Gone::Tombstone => ("unlinked", "an issuer ended it".to_owned()),
            Gone::Refused(refusal) => (refusal.code(), refusal.to_string()),
        };
        tracing::info!(%link, code, %reason, "link ended");
        let data = json!({ "link": link, "code": code, "reason": reason });
        self.events.tell(names::LINK_ENDED, Some(link.to_string()), data);
    }

    /// Tells operators a day ahead which links end, unless they were never meant to last.
    fn announce_ends(&mut self, now: UnixSeconds) {
        let view = self.links.current();
        self.announced
            .retain(|id, generation| view.get(id).is_some_and(|link| link.generation == *generation));
        for link in view.all() {
            let lasts = link.expires_at.since(link.issued_at);
            let ends_soon = link.expires_at.since(now) < END_NOTICE && lasts > 2 * END_NOTICE;
            if ends_soon && self.announced.insert(link.id.clone(), link.generation).is_none() {
                tracing::warn!(link = %link.id, expires_at = %link.expires_at, "link ends soon");
                let data = json!({ "link": link.id, "generation": link.generation, "expires_at": link.expires_at.to_string() });
                self.events.tell(names::LINK_EXPIRING, Some(link.id.to_string()), data);
            }
        }
    }

    /// Shows what changed. A link that ended is gone at once; one that began is shown only when the disk will remember it, because a
    /// generation that is forgotten lets an older one return.
    async fn show(&mut self) {
        if !self.dirty {
            return;
        }
        let ended: Vec<&LinkId> = self
            .unsaved
            .iter()
            .filter_map(|change| match change {
                LinkChange::Unlinked(link, _) => Some(link),
                LinkChange::Linked(_) => None,
            })
            .collect();
        if !ended.is_empty() {
            let view = self.links.view.load().without(&ended);
            self.links.view.store(Arc::new(view));
            // At once: a grant that is taken back is taken back from what goes on under it, whether or not the disk has room.
            for change in self
                .unsaved
                .extract_if(.., |change| matches!(change, LinkChange::Unlinked(..)))
            {
                // Nobody listening is fine.
                let _ = self.links.changes.send(change);
            }
        }
        if let Err(error) = self.links.save().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "links cannot be kept on disk; new ones wait until they can"
            );
            return;
        }
        self.dirty = false;
        let view = LinkView::new(self.links.table.lock().links());
        self.links.view.store(Arc::new(view));
        for change in self.unsaved.drain(..) {
            // Nobody listening is fine.
            let _ = self.links.changes.send(change);
        }
        self.links.prune_configs();
    }
}

impl Links {
    fn refused_subject(&self, key: &str) -> Option<String> {
        let table = self.table.lock();
        let rejected = table.refusals().find(|(refused, _)| *refused == key);
        rejected.and_then(|(_, rejected)| rejected.subject.clone())
    }

    async fn save(&self) -> Result<(), DiskError> {
        let (remembered, file) = (self.table.lock().export(), self.file.clone());
        let written = tokio::task::spawn_blocking(move || {
            disk::write_json(&file, &remembered).map_err(|source| DiskError::new("write", &file, source))
        });
        written.await.map_err(|_| DiskError::interrupted(&self.file))?
    }

    fn prune_configs(&self) {
        let wanted = self.current().all().filter_map(|link| link.config_digest).collect();
        self.configs.want(wanted);
    }
}
