//! Tokens that make a process a member of a lattice: `host` for a key `N…`, `provider` for a key `V…`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::claims::Body;
use super::unverified::{TokenError, Unverified};
use crate::id::{HostId, IssuerId, Labels, MemberId, ProviderKey, ProviderName, UserId};
use crate::presence::MemberKind;
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// How long a member token lasts unless someone says otherwise.
pub const MEMBER_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// Lets the host in `sub` join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostGrant {
    /// The labels that placement goes by.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The user of NATS it connects as, if bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Its curve key, for sealing things to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xkey: Option<String>,
}

/// Lets the process with the key in `sub` join as these providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderGrant {
    /// The names it may go by.
    pub provides: BTreeSet<ProviderName>,
    /// The labels that placement goes by.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The user of NATS it connects as, if bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

impl Body for HostGrant {
    const KIND: &'static str = "host";
    type Issuer = IssuerId;
}

impl Body for ProviderGrant {
    const KIND: &'static str = "provider";
    type Issuer = IssuerId;
}

/// A member whose token was signed by an issuer that may enrol it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMember {
    /// Its key.
    pub id: MemberId,
    /// What sort of process it may be.
    pub kind: MemberKind,
    /// The labels that placement goes by.
    pub labels: Labels,
    /// With [`MemberKind::Provider`]: the names it may go by. A host may run any provider.
    pub provides: BTreeSet<ProviderName>,
    /// Who enrolled it.
    pub issuer: IssuerId,
    /// The id of the token.
    pub token_id: String,
    /// When the token was made.
    pub issued_at: UnixSeconds,
    /// When the token, or the issuer's right to make it, ends.
    pub expires_at: UnixSeconds,
    /// The token.
    pub token: Arc<str>,
}

impl VerifiedMember {
    /// Whether this member may speak as that provider.
    pub fn may_provide(&self, name: &ProviderName) -> bool {
        self.kind == MemberKind::Host || self.provides.contains(name)
    }

    /// Labels as they count: what the member says of its machine (`arch`, `compile`, `os`), and all that its token grants. A member's own
    /// word about anything else, such as the zone it stands in, counts for nothing.
    pub fn effective_labels(&self, reported: &Labels) -> Labels {
        let machine = ["arch", "compile", "os"]
            .into_iter()
            .filter_map(|key| Some((key, reported.get(key)?)));
        let mut labels = self.labels.clone();
        for (key, value) in machine.filter(|(key, _)| self.labels.get(key).is_none()) {
            labels.insert(key, value).expect("came from labels");
        }
        labels
    }

    /// Says whether its time is over, clocks allowed for.
    pub fn has_ended(&self, now: UnixSeconds) -> bool {
        check_end(self.expires_at, now).is_err()
    }

    /// Asks again after a change of trust or the passing of time. Without cryptography: the signature held once.
    pub fn recheck(&self, trust: &Trust, now: UnixSeconds) -> Result<(), Refusal> {
        check_end(self.expires_at, now)?;
        trust
            .authorize(
                &self.issuer,
                &self.ask(),
                &self.provenance(),
                now,
                Freshness::MayBeStale,
            )
            .map(drop)
    }

    fn ask(&self) -> Ask<'_> {
        match self.kind {
            MemberKind::Host => Ask::Host { labels: &self.labels },
            MemberKind::Provider => Ask::Provider { names: &self.provides },
        }
    }

    fn provenance(&self) -> Provenance<'_> {
        Provenance {
            issued_at: self.issued_at,
            token_id: &self.token_id,
            subject: self.id.as_str(),
        }
    }
}

/// Checks a member token, of a host or a provider, against the trust bundle.
pub fn verify_member(token: &str, trust: &Trust, now: UnixSeconds) -> Result<VerifiedMember, Refusal> {
    let unverified = Unverified::parse(token)?;
    let bad_subject = |error: crate::ParseIdError| TokenError::Malformed(error.to_string());
    let mut member = match unverified.head().kind.as_str() {
        ProviderGrant::KIND => {
            let claims = unverified.claims::<ProviderGrant>()?;
            let id: ProviderKey = claims.subject.parse().map_err(bad_subject)?;
            trust.check_frame(&claims, now)?;
            VerifiedMember {
                id: id.into(),
                kind: MemberKind::Provider,
                labels: claims.body.labels,
                provides: claims.body.provides,
                issuer: claims.issuer,
                token_id: claims.id,
                issued_at: claims.issued_at,
                expires_at: claims.expires_at,
                token: token.into(),
            }
        }
        _ => {
            let claims = unverified.claims::<HostGrant>()?;
            let id: HostId = claims.subject.parse().map_err(bad_subject)?;
            trust.check_frame(&claims, now)?;
            VerifiedMember {
                id: id.into(),
                kind: MemberKind::Host,
                labels: claims.body.labels,
                provides: BTreeSet::new(),
                issuer: claims.issuer,
                token_id: claims.id,
                issued_at: claims.issued_at,
                expires_at: claims.expires_at,
                token: token.into(),
            }
        }
    };
    // A heartbeat repeats the token for as long as it lasts, so a stale bundle must not split a lattice that is offline.
    let until = trust.authorize(
        &member.issuer,
        &member.ask(),
        &member.provenance(),
        now,
        Freshness::MayBeStale,
    )?;
    match member.kind {
        MemberKind::Host => unverified.verify::<HostGrant>().map(drop)?,
        MemberKind::Provider => unverified.verify::<ProviderGrant>().map(drop)?,
    }
    member.expires_at = member.expires_at.min(until);
    Ok(member)
}

fn check_end(expires_at: UnixSeconds, now: UnixSeconds) -> Result<(), Refusal> {
    if now > expires_at.after(crate::time::CLOCK_SKEW) {
        Err(Refusal::Expired { at: expires_at, now })
    } else {
        Ok(())
    }
}
