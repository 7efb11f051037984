//! Reading and publishing the trust bundle.

use std::time::SystemTime;

use lattice_core::{OperatorId, Trust, UnixSeconds, subject::TRUST_BUNDLE_KEY};

use super::{trust_bucket, unreachable};
use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
};

impl ControlClient {
    /// Reads the trust bundle that the lattice has, unverified.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn trust_bundle(&self) -> Result<Option<String>, ControlError> {
        let bucket = self
            .bus()
            .bucket(trust_bucket(self.lattice()))
            .await
            .map_err(|error| unreachable(&error))?;
        let entry = bucket
            .get(TRUST_BUNDLE_KEY)
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(entry.and_then(|entry| String::from_utf8(entry.value.to_vec()).ok()))
    }

    /// Reads what the lattice trusts, as one of these operators signed it.
    ///
    /// # Errors
    /// When the state cannot be reached, there is no bundle, or it is not theirs.
    pub async fn trust(&self, operators: &[OperatorId]) -> Result<Trust, ControlError> {
        let bundle = self.trust_bundle().await?.ok_or_else(|| {
            ControlError::not_found("the lattice has no trust bundle")
                .with_help("an operator must sign and publish one: `lattice up` makes one for development")
        })?;
        let mut trust = Trust::new(self.lattice().clone(), operators.iter().cloned());
        trust
            .admit(&bundle, UnixSeconds::from(SystemTime::now()))
            .map_err(|refusal| {
                ControlError::denied(format!("the lattice's trust bundle is refused: {refusal}"))
                    .with_help("does this context name the right operators? `lattice context ls -o wide` shows them")
            })?;
        Ok(trust)
    }

    /// Publishes a trust bundle, unless the lattice has one with a higher serial.
    ///
    /// # Errors
    /// `Conflict` when there is a newer one, or another was published at the same time. When the state cannot be reached.
    pub async fn publish_trust(&self, bundle: &str, operators: &[OperatorId]) -> Result<(), ControlError> {
        let now = UnixSeconds::from(SystemTime::now());
        let mut trust = Trust::new(self.lattice().clone(), operators.iter().cloned());
        let refused = |refusal| ControlError::denied(format!("the new trust bundle would be refused: {refusal}"));
        trust.admit(bundle, now).map_err(refused)?;

        let bucket = self
            .bus()
            .bucket(trust_bucket(self.lattice()))
            .await
            .map_err(|error| unreachable(&error))?;
        let last = bucket
            .last(TRUST_BUNDLE_KEY)
            .await
            .map_err(|error| unreachable(&error))?;
        if let Some(entry) = last.as_ref().filter(|entry| entry.is_live()) {
            if entry.value == bundle.as_bytes() {
                return Ok(());
            }
            // Only a bundle that these operators signed can forbid ours: anybody may have put other bytes there.
            let mut theirs = Trust::new(self.lattice().clone(), operators.iter().cloned());
            let text = std::str::from_utf8(&entry.value).unwrap_or_default();
            if theirs.admit(text, now).is_ok() && theirs.serial() >= trust.serial() {
                let serials = (theirs.serial().unwrap_or_default(), trust.serial().unwrap_or_default());
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    format!(
                        "the lattice has a trust bundle with serial {}, the new one has {}",
                        serials.0, serials.1
                    ),
                ));
            }
        }
        let revision = last.map_or(0, |entry| entry.revision);
        bucket
            .update(TRUST_BUNDLE_KEY, bundle.to_owned().into(), revision)
            .await
            .map(drop)
            .map_err(|error| {
                if error.is_conflict() {
                    return ControlError::new(
                        ErrorKind::Conflict,
                        "another trust bundle was published at the same time",
                    );
                }
                ControlError::new(
                    ErrorKind::Unreachable,
                    format!("the trust bundle was not stored: {error}"),
                )
            })
    }
}
