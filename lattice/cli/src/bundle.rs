//! Changing whom a lattice trusts: the bundle in force, changed, signed again with the next serial, published.

use std::time::Duration;

use anyhow::Result;
use lattice_core::{TrustBundle, token::Validity};

use crate::{
    failure::{Exit, Failure},
    files::{self, Privacy},
    session::{Session, now, read_seed},
};

/// How long a bundle lasts when it is signed again.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Changes the bundle in force and publishes the result. Returns its serial.
pub(crate) async fn change(session: &Session, change: impl FnOnce(&mut TrustBundle) -> Result<()>) -> Result<u64> {
    let operator = session.context.keys.operator.as_ref().ok_or_else(|| {
        Failure::new(
            Exit::Denied,
            "only an operator can change whom the lattice trusts, and this context has no operator's key",
        )
        .help("use a context with `keys.operator`: `lattice context ls`")
    })?;
    let key = read_seed(operator)?;
    let trust = session.trust().await?;
    let trust = trust.ok_or_else(|| Failure::new(Exit::Denied, "this context names no operator to believe"))?;
    let mut bundle = trust.bundle().cloned().unwrap_or_default();
    change(&mut bundle)?;
    bundle.serial += 1;
    let token = bundle.sign(&key, &session.context.lattice, Validity::lasting(now(), LIFETIME))?;
    session
        .client
        .publish_trust(&token, &session.context.trusted_operators)
        .await?;
    // Where the keys are, the bundle is too: the next start goes on from it.
    let beside = operator.with_file_name("bundle.jwt");
    if beside.exists() {
        files::write_atomically(&beside, format!("{token}\n").as_bytes(), Privacy::Plain)?;
    }
    Ok(bundle.serial)
}
