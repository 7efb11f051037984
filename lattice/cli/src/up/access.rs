//! Who this CLI is on the lattice that it started: credentials, context, and the state that it creates.

use anyhow::Result;
use lattice_control::ControlClient;

use super::plan::UpPlan;
use crate::{
    context::{self, ContextFile, KeyFiles, NatsSettings},
    failure::Failure,
    files, permissions,
    session::{connect_bus, now},
    state,
    trust_root::TrustRoot,
};

/// Makes the CLI's own credentials, and the context that uses them.
pub(crate) fn prepare(plan: &UpPlan, root: &TrustRoot, url: &str) -> Result<ContextFile> {
    files::create_private_dir(&plan.home.credentials())?;
    let creds = plan.home.credentials().join("cli.creds");
    let user = root.write_credentials(&creds, "cli", |user| permissions::cli(&plan.lattice, user), now())?;
    Ok(ContextFile {
        lattice: plan.lattice.clone(),
        nats: NatsSettings {
            url: Some(url.to_owned()),
            creds: Some(creds),
            inbox_prefix: Some(permissions::inbox_prefix(&user)),
            ..NatsSettings::default()
        },
        trusted_operators: vec![root.operator()?],
        keys: KeyFiles {
            operator: Some(root.seed_file("operator")),
            issuer: Some(root.seed_file("issuer")),
            control: Some(root.seed_file("user")),
            nats_account: Some(root.seed_file("nats-account")),
        },
        made_by_up: true,
    })
}

/// Creates the lattice's state, which hosts may only read, and publishes whom to trust.
pub(crate) async fn make_state(context: &ContextFile, root: &TrustRoot) -> Result<ControlClient> {
    let client = state::create(connect_bus(&context.nats).await?, &context.lattice).await?;
    client.publish_trust(root.bundle(), &context.trusted_operators).await?;
    Ok(client)
}

/// Makes the context the one that other commands use. One that somebody wrote by hand is not replaced.
pub(crate) fn select(plan: &UpPlan, context: &ContextFile) -> Result<()> {
    check_replaceable(plan)?;
    context::save(&plan.state, &plan.context, context)?;
    context::select(&plan.state, &plan.context)
}

/// Refuses early what would be refused at the end.
pub(crate) fn check_replaceable(plan: &UpPlan) -> Result<()> {
    let exists = context::names(&plan.state)?.contains(&plan.context);
    if exists && !context::load(&plan.state, &plan.context)?.made_by_up {
        return Err(Failure::failed(format!(
            "the context `{}` is not of `lattice up`'s making",
            plan.context
        ))
        .help("choose another name with --context, or remove that one")
        .into());
    }
    Ok(())
}
