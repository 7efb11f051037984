//! `lattice wait`

use anyhow::Result;
use clap::{Args, ValueEnum};
use lattice_core::AppName;

use crate::{
    app::App,
    applications::{Awaited, Follower, verified},
    failure::Failure,
    output::Narrator,
    session::Session,
    views,
};

/// Waits until an application is ready, or gone
#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// Which application: app/NAME, or NAME
    app: String,
    /// For what
    #[arg(long = "for", value_enum, default_value_t)]
    condition: Condition,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Condition {
    /// Everything runs as it shall.
    #[default]
    Ready,
    /// Nothing is left of it.
    #[value(alias = "delete")]
    Deleted,
}

impl Wait {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let name = self.app.strip_prefix("app/").unwrap_or(&self.app);
        let name: AppName = name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let session = Session::connect_verifying(app.context()?).await?;
        let at = session.client.app(&name).await?.ok_or_else(|| {
            Failure::not_found(format!("there is no application `{name}`"))
                .help("`lattice app list` shows those there are")
        })?;
        let verified = verified(&at)?;
        let awaited = match (self.condition, verified.revision.is_deletion()) {
            (Condition::Ready, true) => {
                return Err(Failure::not_found(format!("the application `{name}` was deleted")).into());
            }
            (Condition::Ready, false) => Awaited::Ready,
            (Condition::Deleted, true) => Awaited::Deleted,
            (Condition::Deleted, false) => {
                return Err(Failure::failed(format!("nobody has deleted the application `{name}`"))
                    .help(format!("`lattice app delete {name}` does"))
                    .into());
            }
        };
        let mut narrator = Narrator::new();
        let progress = Follower::new(&session)
            .wait(&name, verified.revision.number, awaited, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        app.print(&views::app_status(verified, Some(&progress))?)
    }
}
