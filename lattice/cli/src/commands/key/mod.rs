//! `lattice key`

mod enroll;
mod generate;
mod issuer;
mod provider_creds;
mod revoke;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::App;

/// Makes and shows keys, enrols hosts and providers, says who may sign what
#[derive(Args, Debug)]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    #[command(name = "gen")]
    Generate(generate::Generate),
    #[command(alias = "list")]
    Show(show::Show),
    Enroll(enroll::Enroll),
    ProviderCreds(provider_creds::ProviderCreds),
    Issuer(issuer::Issuer),
    Revoke(revoke::Revoke),
}

impl Key {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Generate(generate) => generate.run(app),
            Action::Show(show) => show.run(app).await,
            Action::Enroll(enroll) => enroll.run(app),
            Action::ProviderCreds(creds) => creds.run(app),
            Action::Issuer(issuer) => issuer.run(app).await,
            Action::Revoke(revoke) => revoke.run(app).await,
        }
    }
}
