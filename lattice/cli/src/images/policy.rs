//! What the lattice's policy will say to a component. Hosts decide for themselves; asked before, nothing is written down in vain.

use anyhow::Result;
use lattice_core::{
    Digest, Trust,
    token::{ImageRefusal, verify_image},
    trust::Freshness,
};

use super::{Fetched, Images};
use crate::{
    failure::{Exit, Failure},
    session::{Session, now},
};

/// Refuses a component that hosts would refuse: the policy demands a signature, and the lattice has none that counts.
pub(crate) async fn check_policy(session: &Session, images: &Images, what: &str, fetched: &Fetched) -> Result<()> {
    let Some(trust) = session.trust().await? else {
        return Ok(());
    };
    if trust.image_policy().is_any() {
        return Ok(());
    }
    let component = &fetched.digest;
    let mut tokens = session.client.image_tokens(component).await?;
    if tokens.verify(&trust, now(), Freshness::MayBeStale).is_err() {
        // The lattice had the component, so that the registry was not asked; it may know of a signature that was made since.
        let more = images.signatures(&fetched.image).await;
        session.client.store_image_tokens(component, &more).await?;
        tokens.add(more.iter().map(String::as_str));
    }
    let Err(refusal) = tokens.verify(&trust, now(), Freshness::MayBeStale) else {
        return Ok(());
    };
    let help = match refusal {
        ImageRefusal::Unsigned | ImageRefusal::OtherComponent { .. } => {
            "add --sign, in a context with the key of an issuer with the role `image`"
        }
        _ => "sign it with a key that the lattice trusts for images: `lattice key show` lists them",
    };
    Err(
        Failure::new(Exit::Denied, format!("{what} may not run here: {refusal}"))
            .help(help)
            .into(),
    )
}

/// What this lattice says to each of some signatures; nothing where it cannot be asked.
pub(crate) fn verdicts(
    trust: Option<&Trust>,
    component: &Digest,
    tokens: &[String],
) -> Vec<Option<Result<(), ImageRefusal>>> {
    let verdict = |token: &String| {
        let trust = trust?;
        Some(verify_image(token, component, trust, now(), Freshness::Required).map(drop))
    };
    tokens.iter().map(verdict).collect()
}
