//! `lattice host`

mod enroll;
mod install;
mod invite;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Makes a machine a host: invites it, enrols it, installs what it needs
#[derive(Args, Debug)]
pub(crate) struct Host {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Invite(invite::Invite),
    Enroll(enroll::Enroll),
    Install(install::Install),
}

impl Host {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Invite(invite) => invite.run(app).await,
            Action::Enroll(enroll) => enroll.run(app).await,
            Action::Install(install) => install.run(app),
        }
    }
}
