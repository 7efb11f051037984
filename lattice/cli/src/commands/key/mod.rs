//! `lattice key`

mod enroll;
mod generate;
mod issuer;
mod policy;
mod provider_creds;
mod publish;
mod revoke;
mod root;
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
    Policy(policy::Policy),
    Revoke(revoke::Revoke),
    Root(root::Root),
    Publish(publish::Publish),
}

impl Key {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Generate(generate) => generate.run(app),
            Action::Show(show) => show.run(app).await,
            Action::Enroll(enroll) => enroll.run(app),
            Action::ProviderCreds(creds) => creds.run(app),
            Action::Issuer(issuer) => issuer.run(app).await,
            Action::Policy(policy) => policy.run(app).await,
            Action::Revoke(revoke) => revoke.run(app).await,
            Action::Root(root) => root.run(app).await,
            Action::Publish(publish) => publish.run(app).await,
        }
    }
}
