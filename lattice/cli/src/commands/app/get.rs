//! `lattice app get`

use anyhow::Result;
use clap::Args;
use lattice_core::AppName;

use crate::{
    app::App,
    applications::verified,
    failure::Failure,
    output::{Document, for_programs, to_yaml},
    session::Session,
};

/// Shows what an application declares
#[derive(Args, Debug)]
pub(super) struct Get {
    /// Which application
    name: AppName,
    /// As of this revision
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,
}

impl Get {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let at = match self.revision {
            None => session.client.app(&self.name).await?,
            Some(number) => {
                let past = session.client.app_history(&self.name).await?;
                let is_it = |at: &lattice_control::AppAt| {
                    at.revision
                        .as_ref()
                        .is_ok_and(|verified| verified.revision.number == number)
                };
                past.into_iter().rev().find(is_it)
            }
        };
        let Some(at) = at else {
            return Err(
                Failure::not_found(format!("there is no such application or revision: `{}`", self.name))
                    .help("`lattice app list` shows the applications, `lattice app history` the revisions of one")
                    .into(),
            );
        };
        let declared = &verified(&at)?.revision.application;
        let text = to_yaml(&for_programs(declared)?);
        app.print(&Document::single(
            "Application",
            format!("app/{}", self.name),
            declared,
            text,
        )?)
    }
}
