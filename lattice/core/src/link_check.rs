//! The checks that one link or unlink token must pass on its own, before the table compares it with what came earlier.

use crate::id::Digest;
use crate::link::{ActiveLink, LinkClaims, LinkId, UnlinkClaims};
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::token::{Body, Claims, TokenError, Unverified};
use crate::trust::{Ask, Freshness, Provenance, Trust};

/// A link or unlink token that is well formed, signed by an issuer that may, for this lattice and this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedLink {
    /// Which link it is about.
    pub id: LinkId,
    /// Which generation of it.
    pub generation: u64,
    /// What it does.
    pub form: LinkForm,
    /// When it ends: with its token, or with its issuer's right.
    pub until: UnixSeconds,
    /// The digest of its token.
    pub digest: Digest,
}

/// What a token does to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkForm {
    /// Grants it.
    Link(Box<ActiveLink>),
    /// Ends it.
    Tombstone,
}

/// Checks a token from the bucket. `known` says whether these very bytes were believed before: then a trust bundle past its time
/// will do, so that a member that is offline keeps its links over a restart.
///
/// The order is from cheap to dear, so that a flood of garbage costs no signature checks: size, header, issuer with its role and
/// scope, then the signature, then lattice and times.
pub fn check_link(
    bytes: &[u8],
    trust: &Trust,
    now: UnixSeconds,
    known: impl Fn(&LinkId, &Digest) -> bool,
) -> Result<CheckedLink, Refusal> {
    let unverified = Unverified::parse_bytes(bytes)?;
    let digest = Digest::of(bytes);
    match unverified.head().kind.as_str() {
        UnlinkClaims::KIND => check_tombstone(&unverified, digest, trust, now),
        _ => check_grant(&unverified, digest, trust, now, known),
    }
}

fn check_grant(
    unverified: &Unverified,
    digest: Digest,
    trust: &Trust,
    now: UnixSeconds,
    known: impl Fn(&LinkId, &Digest) -> bool,
) -> Result<CheckedLink, Refusal> {
    let claims = unverified.claims::<LinkClaims>()?;
    let id = subject(&claims)?;
    let freshness = if known(&id, &digest) {
        Freshness::MayBeStale
    } else {
        Freshness::Required
    };
    let until = authorize(&claims, trust, now, freshness)?;
    let claims = unverified.verify_claims(claims)?.into_claims();
    let described = claims.body.id(&claims.lattice);
    if described != id {
        return Err(Refusal::SubjectMismatch {
            subject: id.to_string(),
            described,
        });
    }
    trust.check_frame(&claims, now)?;
    check_minimum(&id, claims.body.generation, trust)?;
    let link = ActiveLink {
        id: id.clone(),
        issuer: claims.issuer,
        token_id: claims.id,
        issued_at: claims.issued_at,
        expires_at: claims.expires_at,
        token: unverified.token().clone(),
        claims: claims.body,
    };
    let (generation, until) = (link.claims.generation, until.min(link.expires_at));
    Ok(CheckedLink {
        id,
        generation,
        form: LinkForm::Link(Box::new(link)),
        until,
        digest,
    })
}

fn check_tombstone(
    unverified: &Unverified,
    digest: Digest,
    trust: &Trust,
    now: UnixSeconds,
) -> Result<CheckedLink, Refusal> {
    let claims = unverified.claims::<UnlinkClaims>()?;
    let id = subject(&claims)?;
    let parts = id.parts();
    let ask = Ask::Unlink {
        source: &parts.source,
        interface: &parts.interface,
    };
    // Taking a right away needs no fresh bundle.
    let until = trust.authorize(&claims.issuer, &ask, &provenance(&claims), now, Freshness::MayBeStale)?;
    let claims = unverified.verify_claims(claims)?.into_claims();
    if parts.lattice != claims.lattice {
        let described = LinkId::new(&claims.lattice, &parts.source, &parts.interface, &parts.label);
        return Err(Refusal::SubjectMismatch {
            subject: id.to_string(),
            described,
        });
    }
    trust.check_frame(&claims, now)?;
    check_minimum(&id, claims.body.generation, trust)?;
    let until = until.min(claims.expires_at);
    Ok(CheckedLink {
        id,
        generation: claims.body.generation,
        form: LinkForm::Tombstone,
        until,
        digest,
    })
}

/// Asks again whether the issuer of a link in force may grant it. Without cryptography: its signature held once. Returns the new
/// end of the link.
pub(crate) fn recheck(link: &ActiveLink, trust: &Trust, now: UnixSeconds) -> Result<UnixSeconds, Refusal> {
    let ask = Ask::Link {
        source: &link.source,
        interface: &link.interface,
        target: &link.target,
    };
    let provenance = Provenance {
        issued_at: link.issued_at,
        token_id: &link.token_id,
        subject: link.id.as_str(),
    };
    let until = trust
        .authorize(&link.issuer, &ask, &provenance, now, Freshness::MayBeStale)?
        .min(link.expires_at);
    if crate::link_table::is_over(until, now) {
        return Err(Refusal::Expired { at: until, now });
    }
    check_minimum(&link.id, link.generation, trust)?;
    Ok(until)
}

fn authorize(
    claims: &Claims<LinkClaims>,
    trust: &Trust,
    now: UnixSeconds,
    freshness: Freshness,
) -> Result<UnixSeconds, Refusal> {
    let LinkClaims {
        source,
        interface,
        target,
        ..
    } = &claims.body;
    trust.authorize(
        &claims.issuer,
        &Ask::Link {
            source,
            interface,
            target,
        },
        &provenance(claims),
        now,
        freshness,
    )
}

fn provenance<B: Body>(claims: &Claims<B>) -> Provenance<'_> {
    Provenance {
        issued_at: claims.issued_at,
        token_id: &claims.id,
        subject: &claims.subject,
    }
}

fn subject<B: Body>(claims: &Claims<B>) -> Result<LinkId, TokenError> {
    claims
        .subject
        .parse()
        .map_err(|error: crate::ParseIdError| TokenError::Malformed(error.to_string()))
}

fn check_minimum(id: &LinkId, generation: u64, trust: &Trust) -> Result<(), Refusal> {
    match trust.minimum_generation(id) {
        minimum if generation < minimum => Err(Refusal::BelowMinimumGeneration {
            minimum,
            got: generation,
        }),
        _ => Ok(()),
    }
}
