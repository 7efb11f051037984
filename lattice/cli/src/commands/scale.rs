//! `lattice scale`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::Place;
use lattice_core::ActorName;

use super::up::to_labels;
use crate::{
    app::App,
    args::{duration, pair},
    failure::Failure,
    output::Narrator,
    session::Session,
    views,
};

/// Runs this many replicas of an actor, spread evenly over the hosts; returns when they serve
#[derive(Args, Debug)]
pub(crate) struct Scale {
    /// Which actor
    actor: ActorName,
    /// How many replicas in all; 0 stops it
    replicas: u32,
    /// Only on hosts with this label, and none elsewhere; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// How long replicas that are taken away may finish what they are doing
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    drain: Duration,
}

impl Scale {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let selector = to_labels(self.labels)?;
        let session = Session::connect_verifying(app.context()?).await?;
        let inventories = session.client.inventories().await?;
        let running = inventories.iter().flat_map(|inventory| &inventory.actors);
        let Some(status) = running.into_iter().find(|status| *status.name() == self.actor) else {
            return Err(Failure::not_found(format!("actor `{}` does not run", self.actor))
                .help(format!("start it first: `lattice start actor {} FILE`", self.actor))
                .into());
        };
        let narrator = Mutex::new(Narrator::new());
        let place = Place {
            spec: status.spec.clone(),
            replicas: self.replicas,
            selector,
            drain: self.drain,
            within: app.timeout,
        };
        let placed = session
            .client
            .place(&place, &|who, progress| Narrator::tell(&narrator, who, &progress))
            .await?;
        drop(narrator);
        app.print(&views::placed(&self.actor, &placed)?)
    }
}
