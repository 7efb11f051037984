//! A host's word that it is there, and ending it for a host that is not.
//!
//! Every host that keeps stateful actors has one record, which it renews by compare-and-swap. An actor belongs to a host *during one of its
//! sessions*. A host that cannot be reached loses its session thus: whoever wants it out reads the record, waits while it stands still, and
//! then writes "fenced" over the very revision it read. If that succeeds no renewal has been stored since the reading, so that the host's own
//! lease, which counts from the *sending* of its last stored renewal, is over as well: it answers nothing from memory any more. If it does
//! not succeed, the host lives. No two clocks are compared; they only have to run about equally fast.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_bus::{Bucket, CasError, StateError};
use lattice_core::{MemberId, TraceContext};
use lattice_telemetry::Tracer;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::failover::Failover;
use crate::random;
use crate::record::Owner;
use crate::timing::Timing;

/// Sessions known to be over; when full, all are forgotten and found out again.
const OUT_MAX: usize = 4096;
/// Before a failed renewal is tried again.
const RETRY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Alive,
    /// Another host has ended it.
    Fenced,
    /// The host itself has.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SessionRecord {
    session: u64,
    state: State,
}

/// This host's session.
#[derive(Debug)]
pub(crate) struct Session {
    me: MemberId,
    bucket: Bucket,
    timing: Timing,
    standing: watch::Sender<Option<Standing>>,
    /// Sessions of others that were found to be over.
    out: Mutex<HashMap<Owner, Over>>,
    /// One attempt at a time to end the session of a host.
    fencing: Mutex<HashMap<MemberId, Arc<tokio::sync::Mutex<()>>>>,
    tracer: Tracer,
}

/// A session that was found to be over.
#[derive(Clone, Debug)]
struct Over {
    how: Fenced,
    /// The trace in which this host ended it.
    failover: Option<TraceContext>,
}

/// A session as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) id: u64,
    /// When the last renewal that was stored had been sent.
    renewed: Instant,
    /// Cancelled when the session is over.
    pub(crate) lost: CancellationToken,
}

/// How long what is in memory may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// For actors that are stored before they answer.
    Fast,
    /// For all others.
    Slow,
}

/// What came of trying to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fenced {
    /// It is over, and was found to be so at that time. Its host may not have noticed yet.
    Out(Instant),
    /// Its host itself has let go of it.
    LetGo,
    /// Its host renews it.
    Alive,
}

impl Session {
    pub(crate) fn new(me: MemberId, bucket: Bucket, timing: Timing, tracer: Tracer) -> Arc<Self> {
        Arc::new(Self {
            me,
            bucket,
            timing,
            standing: watch::Sender::new(None),
            out: Mutex::default(),
            fencing: Mutex::default(),
            tracer,
        })
    }

    /// The session in force, once there is one.
    pub(crate) async fn current(&self) -> Standing {
        let mut standing = self.standing.subscribe();
        let found = standing
            .wait_for(|standing| standing.as_ref().is_some_and(|standing| !standing.lost.is_cancelled()))
            .await;
        match found.map(|standing| standing.clone()) {
            Ok(Some(standing)) => standing,
            // The sender is ours, and the condition asks for one.
            _ => std::future::pending().await,
        }
    }

    /// Whether an answer from memory may leave now: yes while the lease holds, never when the session is over, none for not yet.
    pub(crate) fn vouches(&self, id: u64, lease: Lease) -> Option<bool> {
        self.judge(self.standing.borrow().as_ref(), id, lease)
    }

    /// Returns once an answer from memory may leave. False when the session is over.
    pub(crate) async fn vouch(&self, id: u64, lease: Lease) -> bool {
        let mut changes = self.standing.subscribe();
        loop {
            if let Some(known) = self.judge(changes.borrow_and_update().as_ref(), id, lease) {
                return known;
            }
            if changes.changed().await.is_err() {
                return false;
            }
        }
    }

    fn judge(&self, standing: Option<&Standing>, id: u64, lease: Lease) -> Option<bool> {
        let length = match lease {
            Lease::Fast => self.timing.lease,
            Lease::Slow => self.timing.slow_lease,
        };
        match standing {
            Some(standing) if standing.id == id && !standing.lost.is_cancelled() => {
                (standing.renewed.elapsed() < length).then_some(true)
            }
            _ => Some(false),
        }
    }

    /// Keeps the session, and begins another whenever it is lost, until `ending`; then says that it ended.
    pub(crate) async fn run(self: Arc<Self>, ending: CancellationToken) {
        while !ending.is_cancelled() {
            let Some((id, sent, revision)) = ending.run_until_cancelled(self.begin()).await else {
                return;
            };
            let lost = CancellationToken::new();
            let standing = Standing {
                id,
                renewed: sent,
                lost: lost.clone(),
            };
            self.standing.send_replace(Some(standing));
            let revision = self.keep(id, revision, &ending).await;
            lost.cancel();
            self.standing.send_modify(|_| {});
            match revision {
                Some(revision) => self.end(id, revision).await,
                None => warn!(
                    session = id,
                    "another host has ended this host's session: its stateful actors are let go"
                ),
            }
        }
    }

    /// Begins a session over whatever is there.
    async fn begin(&self) -> (u64, Instant, u64) {
        let id = random::number();
        loop {
            let begun = async {
                let last = self.bucket.last(self.me.as_str()).await?;
                let sent = Instant::now();
                let revision = last.map_or(0, |entry| entry.revision);
                let written = self.write(id, State::Alive, revision).await?;
                Ok::<_, CasError>((sent, written))
            };
            match begun.await {
                Ok((sent, revision)) => {
                    info!(session = id, "began a session for stateful actors");
                    return (id, sent, revision);
                }
                Err(error) => debug!(%error, "no session yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews until `ending`, and returns the last revision; none when the session was lost.
    async fn keep(&self, id: u64, mut revision: u64, ending: &CancellationToken) -> Option<u64> {
        loop {
            if ending
                .run_until_cancelled(tokio::time::sleep(self.timing.renew))
                .await
                .is_none()
            {
                return Some(revision);
            }
            let sent = Instant::now();
            match self.write(id, State::Alive, revision).await {
                Ok(written) => {
                    revision = written;
                    self.standing.send_modify(|standing| {
                        if let Some(standing) = standing {
                            standing.renewed = sent;
                        }
                    });
                }
                Err(CasError::Conflict { .. }) => revision = self.recover(id).await?,
                Err(error) => {
                    debug!(%error, "the session was not renewed");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// After a conflict: an earlier renewal of our own may have been stored without our hearing of it. None when the session is over.
    async fn recover(&self, id: u64) -> Option<u64> {
        loop {
            match self.read(&self.me).await {
                Ok(Some((record, revision))) if record.session == id && record.state == State::Alive => {
                    return Some(revision);
                }
                Ok(_) => return None,
                Err(error) => debug!(%error, "the session cannot be read"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn end(&self, id: u64, revision: u64) {
        // Best effort: without it others wait before they take over, no more.
        if let Err(error) = self.write(id, State::Ended, revision).await {
            debug!(%error, "the end of the session was not stored");
        }
    }

    /// Ends the session of a host that cannot be reached; takes as long as it has to stand still.
    ///
    /// # Errors
    /// When the sessions cannot be read or written now.
    pub(crate) async fn fence(&self, owner: &Owner) -> Result<Fenced, CasError> {
        if let Some(known) = self.known_out(owner) {
            return Ok(known);
        }
        let turn = Arc::clone(self.fencing.lock().entry(owner.member.clone()).or_default());
        let _one = turn.lock().await;
        if let Some(known) = self.known_out(owner) {
            return Ok(known);
        }
        let (record, revision) = match self.read(&owner.member).await? {
            Some((record, revision)) if record.session == owner.session => (record, revision),
            // It has begun another, or none is left.
            _ => return Ok(self.note_out(owner, Fenced::LetGo)),
        };
        match record.state {
            State::Alive => {}
            State::Fenced => return Ok(self.note_out(owner, Fenced::Out(Instant::now()))),
            State::Ended => return Ok(self.note_out(owner, Fenced::LetGo)),
        }
        let failover = Failover::begin(&self.tracer);
        let failover_trace = failover.context();
        let fenced = self.end_session_of(owner, revision, &failover).await;
        failover.end(owner, fenced.as_ref().map(|fenced| *fenced == Fenced::Alive));
        if let Ok(Fenced::Out(_)) = fenced {
            warn!(member = %owner.member, session = owner.session, "ended the session of a host that does not answer");
            self.note(owner, Fenced::Out(Instant::now()), failover_trace);
        }
        fenced
    }

    async fn end_session_of(&self, owner: &Owner, revision: u64, failover: &Failover) -> Result<Fenced, CasError> {
        failover.step("failover wait");
        tokio::time::sleep(self.timing.takeover).await;
        failover.step("failover fence");
        let fenced = SessionRecord {
            session: owner.session,
            state: State::Fenced,
        };
        let key = owner.member.as_str();
        match self.bucket.update(key, encode(&fenced), revision).await {
            Ok(_) => Ok(Fenced::Out(Instant::now())),
            Err(CasError::Conflict { .. }) => Ok(Fenced::Alive),
            Err(error) => Err(error),
        }
    }

    /// The trace in which this host ended a session, if it did.
    pub(crate) fn failover_of(&self, owner: &Owner) -> Option<TraceContext> {
        self.out.lock().get(owner)?.failover.clone()
    }

    /// Whether a session is over, without waiting for anything but the record.
    pub(crate) async fn is_out(&self, owner: &Owner) -> Result<bool, StateError> {
        if self.known_out(owner).is_some() {
            return Ok(true);
        }
        let record = self.read(&owner.member).await?;
        Ok(!record.is_some_and(|(record, _)| record.session == owner.session && record.state == State::Alive))
    }

    fn known_out(&self, owner: &Owner) -> Option<Fenced> {
        self.out.lock().get(owner).map(|over| over.how)
    }

    fn note_out(&self, owner: &Owner, how: Fenced) -> Fenced {
        self.note(owner, how, None)
    }

    fn note(&self, owner: &Owner, how: Fenced, failover: Option<TraceContext>) -> Fenced {
        let mut out = self.out.lock();
        if out.len() >= OUT_MAX {
            out.clear();
        }
        out.entry(owner.clone()).or_insert(Over { how, failover }).how
    }

    async fn read(&self, member: &MemberId) -> Result<Option<(SessionRecord, u64)>, StateError> {
        let entry = self.bucket.get(member.as_str()).await?;
        // What cannot be read is no session.
        Ok(entry.and_then(|entry| Some((rmp_serde::from_slice(&entry.value).ok()?, entry.revision))))
    }

    async fn write(&self, session: u64, state: State, revision: u64) -> Result<u64, CasError> {
        let record = SessionRecord { session, state };
        self.bucket.update(self.me.as_str(), encode(&record), revision).await
    }
}

fn encode(record: &SessionRecord) -> bytes::Bytes {
    rmp_serde::to_vec_named(record).expect("plain data into memory").into()
}
