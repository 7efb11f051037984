//! `lattice app delete`

use anyhow::Result;
use clap::Args;
use lattice_core::{
    AppName, Application, Party,
    application::{Cause, VerifiedRevision},
};

use crate::{
    app::App,
    applications::{self, Awaited, Follower, current},
    failure::{Exit, Failure},
    output::{Narrator, note},
    session::Session,
    views,
};

/// Ends an application: its actors, its links, and the providers that no other application has; returns when nothing is left
#[derive(Args, Debug)]
pub(super) struct Delete {
    /// Which application
    name: AppName,
    /// Also when other applications link to its actors or providers
    #[arg(long)]
    force: bool,
    /// Returns at once
    #[arg(long)]
    no_wait: bool,
}

impl Delete {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let (at, verified) = current(&session, &self.name).await?;
        if !self.force {
            let others = session.client.apps().await?;
            let others: Vec<VerifiedRevision> = others.into_iter().filter_map(|at| at.revision.ok()).collect();
            check_unused(&verified.revision.application, &others)?;
        }
        let nothing = Application::empty(self.name.clone());
        let revised = applications::revise(&session, nothing, Cause::Deleted, &at).await?;
        if self.no_wait {
            note(format_args!("it goes on by itself: `lattice app status {}`", self.name));
            return app.print(&views::app_revised(&revised, "being deleted")?);
        }
        let number = revised.revision.number;
        let mut narrator = Narrator::new();
        Follower::new(&session)
            .wait(&self.name, number, Awaited::Deleted, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        app.print(&views::app_revised(&revised, "deleted")?)
    }
}

/// Refuses to pull from under others what they link to.
fn check_unused(going: &Application, others: &[VerifiedRevision]) -> Result<()> {
    let others = || {
        others
            .iter()
            .map(|other| &other.revision.application)
            .filter(|other| other.name != going.name)
    };
    let is_going = |party: &Party| match party {
        Party::Actor(name) => going.actor(name).is_some(),
        Party::Provider(name) => going.provider(name).is_some() && others().all(|other| other.provider(name).is_none()),
    };
    let mut users = Vec::new();
    for other in others() {
        let links = other.links.iter().map(|link| &link.claims);
        let used = links
            .flat_map(|claims| [&claims.source, &claims.target])
            .find(|party| is_going(party));
        users.extend(used.map(|party| format!("`{}` links to {party}", other.name)));
    }
    if users.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Conflict,
        format!("the application `{}` is in use: {}", going.name, users.join("; ")),
    )
    .help("delete those first, or go ahead with --force")
    .into())
}
