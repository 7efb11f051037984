//! `lattice move`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::Relocate;
use lattice_core::ActorName;

use crate::{app::App, args::duration, output::Narrator, resolve, session::Session, views};

/// Moves an actor from one host to another while it serves: no request fails
#[derive(Args, Debug)]
pub(crate) struct Move {
    /// Which actor
    actor: ActorName,
    /// Away from this host
    #[arg(long, value_name = "HOST")]
    from: String,
    /// To this host
    #[arg(long, value_name = "HOST")]
    to: String,
    /// How long invocations in flight may take to finish where it was
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    drain: Duration,
}

impl Move {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let hosts = session.hosts().await?;
        let relocate = Relocate {
            actor: self.actor.clone(),
            from: resolve::member(&hosts, &self.from)?.clone(),
            to: resolve::member(&hosts, &self.to)?.clone(),
            drain: self.drain,
            within: app.timeout,
        };
        let narrator = Mutex::new(Narrator::new());
        let relocated = session
            .client
            .relocate(&relocate, &|who, progress| Narrator::tell(&narrator, who, &progress))
            .await?;
        drop(narrator);
        app.print(&views::relocated(&self.actor, &relocated)?)
    }
}
