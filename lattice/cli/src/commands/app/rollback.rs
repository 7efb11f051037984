//! `lattice app rollback`

use anyhow::Result;
use clap::Args;
use lattice_core::{AppName, application::Cause};

use crate::{
    app::App,
    applications::{self, Awaited, Follower, current},
    failure::Failure,
    output::{Narrator, note},
    session::Session,
    views,
};

/// Brings an earlier revision of an application back, as a new one; returns when it is ready
#[derive(Args, Debug)]
pub(super) struct Rollback {
    /// Which application
    name: AppName,
    /// To this revision [default: the one that was in force before]
    #[arg(long = "to", value_name = "NUMBER")]
    to: Option<u64>,
    /// Returns at once
    #[arg(long)]
    no_wait: bool,
}

impl Rollback {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let (at, now) = current(&session, &self.name).await?;
        let past = session.client.app_history(&self.name).await?;
        let past: Vec<_> = past
            .into_iter()
            .filter_map(|at| at.revision.ok())
            .map(|verified| verified.revision)
            .collect();
        let number = now.revision.number;
        // What did not become ready is nothing to go back to.
        let failed = |number: u64| {
            past.iter()
                .any(|later| matches!(later.cause, Cause::Failed { revision, .. } if revision == number))
        };
        let wanted = match self.to {
            Some(to) => past
                .iter()
                .rev()
                .find(|revision| revision.number == to && !revision.is_deletion()),
            None => past.iter().rev().find(|revision| {
                revision.number < number
                    && !revision.is_deletion()
                    && !failed(revision.number)
                    && revision.application != now.revision.application
            }),
        };
        let Some(wanted) = wanted else {
            let which = self.to.map_or("an earlier revision that differs".to_owned(), |to| {
                format!("a revision {to}")
            });
            return Err(
                Failure::not_found(format!("`{}` has not {which} to go back to", self.name))
                    .help(format!("`lattice app history {}` shows those that are kept", self.name))
                    .into(),
            );
        };
        let cause = Cause::RolledBack { to: wanted.number };
        let revised = applications::revise(&session, wanted.application.clone(), cause, &at).await?;
        let number = revised.revision.number;
        if self.no_wait {
            note(format_args!("it goes on by itself: `lattice app status {}`", self.name));
            return app.print(&views::app_revised(&revised, "rolled back")?);
        }
        let mut narrator = Narrator::new();
        Follower::new(&session)
            .wait(&self.name, number, Awaited::Ready, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        app.print(&views::app_revised(&revised, "rolled back and ready")?)
    }
}
