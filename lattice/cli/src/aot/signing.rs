//! Vouching for code.

use std::time::Duration;

use anyhow::Result;
use lattice_core::{
    Digest, LatticeId, Trust,
    aot::{Artifact, Statement},
    token::{AotClaims, Unverified, Validity, verify_code},
    trust::Freshness,
};
use nkeys::KeyPair;

use crate::{
    context::ContextFile,
    failure::{Exit, Failure},
    session::{now, read_seed},
};

/// Signs code for one lattice.
pub(crate) struct Signer {
    key: KeyPair,
    lattice: LatticeId,
}

impl Signer {
    /// The context's issuer.
    pub(crate) fn of(context: &ContextFile) -> Result<Self> {
        let path = context.keys.issuer.as_ref().ok_or_else(|| {
            Failure::new(
                Exit::Denied,
                "code must be signed, and this context has no issuer's key",
            )
            .help("use a context with `keys.issuer`, the seed of an issuer with the role `aot`: `lattice context ls`")
        })?;
        Ok(Self {
            key: read_seed(path)?,
            lattice: context.lattice.clone(),
        })
    }

    /// Signs what an artifact says of its code, once that is found to be so.
    pub(crate) fn sign(&self, artifact: &Artifact<'_>, lifetime: Duration) -> Result<Statement> {
        let claims = artifact.statement.claims()?;
        check_code(&claims, artifact.code)?;
        let token = claims.sign(&self.key, &self.lattice, Validity::lasting(now(), lifetime))?;
        Ok(Statement::Signed(Unverified::parse(&token)?))
    }
}

/// Asks what a host would ask, so that it is asked here and not in a field far away.
pub(crate) fn check(artifact: &Artifact<'_>, trust: Option<&Trust>) -> Result<AotClaims> {
    let claims = artifact.statement.claims()?;
    check_code(&claims, artifact.code)?;
    let Statement::Signed(token) = &artifact.statement else {
        return Err(Failure::new(Exit::Denied, "this code is not signed")
            .because("no host would run it")
            .help("`--sign` signs it with the context's issuer")
            .into());
    };
    if let Some(trust) = trust {
        verify_code(token, &claims.component, trust, now(), Freshness::Required).map_err(|refusal| {
            Failure::new(Exit::Denied, "no host would believe the signature of this code")
                .because(refusal)
                .help("let an operator say who may sign code: `lattice key issuer add A… --role aot`")
        })?;
    }
    Ok(claims)
}

fn check_code(claims: &AotClaims, code: &[u8]) -> Result<()> {
    match Digest::of(code) == claims.code {
        true => Ok(()),
        false => Err(
            Failure::new(Exit::Denied, "the code is not the one its statement speaks of")
                .because("it was changed after it was compiled")
                .into(),
        ),
    }
}
