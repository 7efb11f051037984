//! The heartbeat of a member: who it is, what it runs, how busy it is; signed, so that nobody else can speak for it.

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::id::{
    ActorName, AppName, Digest, Incarnation, Labels, LatticeId, MemberId, ProviderKind, ProviderName, SiteName,
};
use crate::time::{CLOCK_SKEW, UnixSeconds};

/// Set apart from everything else the member's key signs.
const DOMAIN: &[u8] = b"lattice-presence-v1\0";

/// The longest heartbeat that is read. A thousand actors fit several times over.
pub const PRESENCE_BYTES_MAX: usize = 512 * 1024;

/// What a member says of itself, at once after every change and every few seconds besides.
///
/// The labels here are the member's own word. Placement goes by those its token grants
/// ([`crate::token::VerifiedMember::effective_labels`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The lattice it is on.
    pub lattice: LatticeId,
    /// Who speaks.
    pub member: MemberId,
    /// What sort of process it is.
    pub kind: MemberKind,
    /// What people call it.
    pub name: String,
    /// Which run of it.
    pub incarnation: Incarnation,
    /// Grows with every heartbeat of this run.
    pub seq: u64,
    /// When it was sent, by the member's clock.
    pub sent_at: UnixSeconds,
    /// When this run began, by the member's clock.
    pub started_at: UnixSeconds,
    /// The version of its program.
    pub version: String,
    /// Labels as the member states them.
    #[serde(default)]
    pub labels: Labels,
    /// The site it is at, if it is at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// Whether it takes work.
    pub state: MemberState,
    /// Whether more may be placed on it.
    #[serde(default, skip_serializing_if = "Scheduling::is_open")]
    pub scheduling: Scheduling,
    /// The most replicas, over all actors, that may be placed on it. None: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_max: Option<u32>,
    /// The actors it runs.
    #[serde(default)]
    pub actors: Vec<ActorPlacement>,
    /// The providers it runs.
    #[serde(default)]
    pub providers: Vec<ProviderPlacement>,
    /// How busy it is.
    #[serde(default)]
    pub load: Load,
    /// Its member token, which says what it may be.
    pub token: String,
}

/// What sort of process a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberKind {
    /// Runs actors.
    Host,
    /// One provider in a process of its own.
    Provider,
}

/// Whether a member takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberState {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It has left. The last heartbeat of a run, so that nobody waits for the next.
    Stopped,
}

/// Whether more may be placed on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheduling {
    /// Yes.
    #[default]
    Open,
    /// No; what it runs stays.
    Cordoned,
    /// No; and what it runs is to go elsewhere.
    Evacuating,
}

impl Scheduling {
    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// An actor on a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorPlacement {
    /// Which actor.
    pub name: ActorName,
    /// Which component.
    pub digest: Digest,
    /// How many replicas; 0 while it drains.
    pub replicas: u32,
    /// Invocations it serves now, queued ones included.
    pub in_flight: u32,
    /// Invocations it can serve at a time, over all replicas.
    pub capacity: u32,
    /// What the member was asked to run, in few bytes.
    #[serde(default, rename = "fp", skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The application it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
}

/// A provider on a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderPlacement {
    /// Which provider.
    pub name: ProviderName,
    /// Which implementation.
    pub kind: ProviderKind,
    /// What the member was asked to run, in few bytes.
    #[serde(default, rename = "fp", skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Whether applications decide where it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
}

/// How busy a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Share of the machine's processor time in use, in thousandths.
    pub cpu_permille: u16,
    /// Resident memory of the process.
    pub memory_bytes: u64,
    /// Invocations in flight over all actors.
    pub in_flight: u32,
}

/// The form on the wire. The body is signed as the bytes that travel, so nothing is ever encoded twice to check it.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    v: u8,
    #[serde(with = "crate::wire::bytes", borrow)]
    body: &'a [u8],
    #[serde(with = "crate::wire::bytes", borrow)]
    sig: &'a [u8],
}

/// Why a heartbeat was not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// It is longer than [`PRESENCE_BYTES_MAX`].
    #[error("the heartbeat is longer than {PRESENCE_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not a heartbeat at all.
    #[error("the heartbeat cannot be read: {0}")]
    Malformed(String),
    /// A version this program does not know.
    #[error("the heartbeat has version {0}, this program reads version 1")]
    Version(u8),
    /// It belongs to another lattice.
    #[error("the heartbeat is for lattice `{0}`")]
    WrongLattice(LatticeId),
    /// Its signature is not the member's.
    #[error("the heartbeat is not signed by {0}")]
    BadSignature(MemberId),
    /// It was sent long ago or far ahead: a replay, or a clock that is wrong.
    #[error("the heartbeat of {member} was sent at {sent_at}, too far from now")]
    Stale {
        /// Who sent it.
        member: MemberId,
        /// When, by the sender's clock.
        sent_at: UnixSeconds,
    },
}

/// The key that was to sign a heartbeat is not the member's, or has no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is not that of the member, or cannot sign")]
pub struct SealError;

impl Presence {
    /// Signs the heartbeat with the member's own key, ready to publish.
    pub fn seal(&self, key: &nkeys::KeyPair) -> Result<Vec<u8>, SealError> {
        if key.public_key() != self.member.as_str() {
            return Err(SealError);
        }
        let body = rmp_serde::to_vec_named(self).map_err(|_| SealError)?;
        let sig = key.sign(&signed_bytes(&body)).map_err(|_| SealError)?;
        rmp_serde::to_vec_named(&Envelope {
            v: 1,
            body: &body,
            sig: &sig,
        })
        .map_err(|_| SealError)
    }

    /// Reads a heartbeat and checks that the member it names signed it, for this lattice, about now.
    ///
    /// What the member may be (its token) and whether the heartbeat is newer than the last ([`Presence::supersedes`]) is the
    /// reader's to check.
    pub fn open(bytes: &[u8], lattice: &LatticeId, now: UnixSeconds) -> Result<Presence, PresenceError> {
        if bytes.len() > PRESENCE_BYTES_MAX {
            return Err(PresenceError::TooLarge);
        }
        let malformed = |error: rmp_serde::decode::Error| PresenceError::Malformed(error.to_string());
        let envelope: Envelope<'_> = rmp_serde::from_slice(bytes).map_err(malformed)?;
        if envelope.v != 1 {
            return Err(PresenceError::Version(envelope.v));
        }
        let presence: Presence = rmp_serde::from_slice(envelope.body).map_err(malformed)?;
        if presence.lattice != *lattice {
            return Err(PresenceError::WrongLattice(presence.lattice));
        }
        let fits_key = presence.member.as_host().is_some() == (presence.kind == MemberKind::Host);
        if !fits_key {
            return Err(PresenceError::Malformed("its kind is not that of its key".to_owned()));
        }
        let signed = <[u8; 64]>::try_from(envelope.sig)
            .is_ok_and(|sig| presence.member.verifies(&signed_bytes(envelope.body), &sig));
        if !signed {
            return Err(PresenceError::BadSignature(presence.member));
        }
        if presence.sent_at.since(now).max(now.since(presence.sent_at)) > CLOCK_SKEW {
            return Err(PresenceError::Stale {
                member: presence.member,
                sent_at: presence.sent_at,
            });
        }
        Ok(presence)
    }

    /// Whether this is a later word of the same member than `other`: of a later run, or later in the same run.
    pub fn supersedes(&self, other: &Presence) -> bool {
        self.member == other.member && (self.incarnation, self.seq) > (other.incarnation, other.seq)
    }

    /// Where the member runs `actor`, if it does.
    pub fn actor(&self, actor: &ActorName) -> Option<&ActorPlacement> {
        self.actors.iter().find(|placement| placement.name == *actor)
    }

    /// Whether the member runs `provider`.
    pub fn has_provider(&self, provider: &ProviderName) -> bool {
        self.providers.iter().any(|placement| placement.name == *provider)
    }
}

fn signed_bytes(body: &[u8]) -> Vec<u8> {
    [DOMAIN, body].concat()
}
