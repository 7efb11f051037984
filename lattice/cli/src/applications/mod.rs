//! What the commands about applications share: who signs, what is there, how far it is.

mod conflicts;
mod follow;
mod intent;

use anyhow::Result;
use lattice_control::{AppAt, AppSigner, CommandSigner, Revised};
use lattice_core::{
    AppName, Application,
    application::{Cause, VerifiedRevision},
};

pub(crate) use conflicts::check_free;
pub(crate) use follow::{Awaited, Follower};
pub(crate) use intent::{Managed, managed};

use crate::{
    failure::{Exit, Failure},
    session::{Session, read_seed},
};

/// What signs applications in this context.
pub(crate) fn signer(session: &Session) -> Result<AppSigner> {
    let keys = &session.context.keys;
    let control = keys.control.as_ref().or(keys.issuer.as_ref()).ok_or_else(|| {
        Failure::new(
            Exit::Denied,
            "applications must be signed, and this context has no key for it",
        )
        .help("use a context with `keys.control`, the seed of an issuer with the role `control`: `lattice context ls`")
    })?;
    Ok(AppSigner {
        revisions: CommandSigner::new(read_seed(control)?)?,
        links: session.link_signer()?,
        lifetime: lattice_control::APP_LINK_LIFETIME,
    })
}

/// The application of that name as it counts now.
pub(crate) async fn current(session: &Session, name: &AppName) -> Result<(AppAt, VerifiedRevision)> {
    let not_there = || {
        Failure::not_found(format!("there is no application `{name}`")).help("`lattice app list` shows those there are")
    };
    let at = session.client.app(name).await?.ok_or_else(not_there)?;
    let verified = verified(&at)?.clone();
    if verified.revision.is_deletion() {
        return Err(Failure::not_found(format!("the application `{name}` was deleted"))
            .help(format!("`lattice app history {name}` shows its revisions"))
            .into());
    }
    Ok((at, verified))
}

/// What is stored, if it is to be believed.
pub(crate) fn verified(at: &AppAt) -> Result<&VerifiedRevision> {
    at.revision.as_ref().map_err(|error| {
        Failure::new(
            Exit::Denied,
            format!(
                "what is stored as the application `{}` is not believed: {error}",
                at.name
            ),
        )
        .help("apply it anew; `lattice app history` shows the revisions that are kept")
        .into()
    })
}

/// Writes the next revision of an application, as it was changed.
pub(crate) async fn revise(session: &Session, next: Application, cause: Cause, before: &AppAt) -> Result<Revised> {
    let signer = signer(session)?;
    Ok(session.client.revise(next, cause, Some(before), &signer).await?)
}
