//! `lattice apply`

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use lattice_control::{AppAt, Upload};
use lattice_core::{AppName, application::Cause};

use super::diff::between;
use crate::{
    app::App,
    applications::{self, Awaited, Follower, check_free},
    failure::{Exit, Failure},
    images::{SignArgs, check_policy},
    manifests::{Declared, ManifestArgs},
    output::{Narrator, note, write_stdout},
    prefetch::prefetch,
    session::Session,
    views,
};

/// Components that are sent at a time.
const UPLOADS: usize = 4;

/// Makes what manifests declare the state that the lattice is to be in
#[derive(Args, Debug)]
pub(crate) struct Apply {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// Returns when everything is ready, or says what is stuck and why
    #[arg(long)]
    wait: bool,
    /// Shows what would change, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Has every host that may run an actor fetch and compile its component first, so that it can start it when nothing else is in reach
    #[arg(long)]
    prefetch: bool,
    #[command(flatten)]
    sign: SignArgs,
    /// Only if this revision is in force; 0 if the application must not be there yet
    #[arg(long, value_name = "NUMBER")]
    if_revision: Option<u64>,
}

impl Apply {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let mut declared = self.manifests.load(Some(&session)).await?;
        let stored: BTreeMap<AppName, AppAt> = session
            .client
            .apps()
            .await?
            .into_iter()
            .map(|at| (at.name.clone(), at))
            .collect();
        for declared in &declared {
            self.check_revision(&declared.application.name, &stored)?;
            check_free(&session, &declared.application).await?;
        }
        if self.dry_run {
            return dry_run(&declared, &stored);
        }
        // First, so that nothing is sent in vain.
        let signer = applications::signer(&session)?;
        if let Some(signer) = self.sign.signer(&session.context)? {
            for fetched in declared
                .iter_mut()
                .flat_map(|declared| declared.components.values_mut())
            {
                signer.add_to(fetched)?;
            }
        }
        let images = self.manifests.open_images()?;
        let mut narrator = Narrator::new();
        let mut revised = Vec::new();
        for declared in declared {
            let name = declared.application.name.clone();
            upload(&session, &declared, &mut narrator).await?;
            for actor in &declared.application.actors {
                if let Some(fetched) = declared.components.get(&actor.spec.digest) {
                    check_policy(&session, &images, &format!("actor `{}`", actor.spec.name), fetched).await?;
                }
            }
            if self.prefetch {
                prefetch(&session, &declared.application, app.timeout, &mut narrator).await?;
            }
            narrator.step(format!("{name}: signing and storing"));
            let before = stored.get(&name);
            revised.push(
                session
                    .client
                    .revise(declared.application, Cause::Applied, before, &signer)
                    .await?,
            );
        }
        if self.wait {
            for revised in &revised {
                let revision = &revised.revision;
                let mut follower = Follower::new(&session);
                let name = &revision.application.name;
                follower
                    .wait(name, revision.number, Awaited::Ready, app.timeout, &mut narrator)
                    .await?;
            }
        }
        drop(narrator);
        app.print(&views::apps_revised(
            &revised,
            if self.wait { "ready" } else { "applied" },
        )?)?;
        if !self.wait && revised.iter().any(|revised| revised.changed) {
            note("the controller sees to the rest: `lattice app status NAME`, or apply with --wait");
        }
        Ok(())
    }

    fn check_revision(&self, name: &AppName, stored: &BTreeMap<AppName, AppAt>) -> Result<()> {
        let Some(wanted) = self.if_revision else { return Ok(()) };
        let live = stored.get(name).map(applications::verified).transpose()?;
        let live = live.filter(|verified| !verified.revision.is_deletion());
        let number = live.map_or(0, |verified| verified.revision.number);
        if number == wanted {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Conflict,
            format!("`{name}` is at revision {number}, not {wanted}; nothing was done"),
        )
        .help(format!(
            "`lattice app history {name}` shows what happened; `lattice diff` what would change"
        ))
        .into())
    }
}

fn dry_run(declared: &[Declared], stored: &BTreeMap<AppName, AppAt>) -> Result<()> {
    for Declared { application, .. } in declared {
        let current = stored.get(&application.name).and_then(|at| at.revision.as_ref().ok());
        let current = current.filter(|verified| !verified.revision.is_deletion());
        let diff = between(current.map(|verified| &verified.revision.application), application)?;
        match diff.is_empty() {
            true => note(format_args!("app/{} would not change", application.name)),
            false => write_stdout(&diff)?,
        }
    }
    note("nothing was done: this was a dry run");
    Ok(())
}

/// Sends the components that the lattice does not have.
async fn upload(session: &Session, declared: &Declared, narrator: &mut Narrator) -> Result<()> {
    let count = declared.components.len();
    narrator.step(format!("{}: {count} components", declared.application.name));
    let sending = declared.components.values().map(|fetched| fetched.store(session));
    let sent: Vec<_> = stream::iter(sending).buffer_unordered(UPLOADS).try_collect().await?;
    let new = sent.iter().filter(|upload| **upload == Upload::Stored).count();
    if new > 0 {
        narrator.step(format!("{}: {new} components sent", declared.application.name));
    }
    Ok(())
}
