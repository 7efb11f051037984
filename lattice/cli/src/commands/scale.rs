//! `lattice scale`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::Place;
use lattice_core::{
    ActorName, Labels,
    application::{Cause, Scale},
};

use super::up::to_labels;
use crate::{
    app::App,
    applications::{self, Awaited, Follower, Managed, managed},
    args::{duration, pair},
    failure::Failure,
    output::Narrator,
    session::Session,
    views,
};

/// Runs this many replicas of an actor, spread evenly over the hosts; returns when they serve
#[derive(Args, Debug)]
pub(crate) struct ScaleActor {
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

impl ScaleActor {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let selector = to_labels(self.labels.clone())?;
        let session = Session::connect_verifying(app.context()?).await?;
        let inventories = session.client.inventories().await?;
        if let Some(managed) = managed(&session, &self.actor, &inventories).await? {
            return self.declare(app, &session, managed, &selector).await;
        }
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

    /// Writes the number down where the controller reads it, and waits until it is so.
    async fn declare(self, app: &App, session: &Session, managed: Managed, selector: &Labels) -> Result<()> {
        let Managed { at, mut application } = managed;
        let name = application.name.clone();
        if !selector.is_empty() {
            return Err(Failure::usage(format!(
                "the application `{name}` says on which hosts `{}` runs",
                self.actor
            ))
            .help("change its `placement` in the manifest and apply it; without --label the number is changed")
            .into());
        }
        let actor = application.actor_mut(&self.actor).expect("it was found by this actor");
        if let Scale::PerHost(_) = actor.placement.scale {
            return Err(Failure::usage(format!(
                "`{}` runs on every host that matches, by its application `{name}`",
                self.actor
            ))
            .help("change `daemon` in the manifest and apply it")
            .into());
        }
        actor.placement.scale = Scale::Replicas(self.replicas);
        let cause = Cause::Scaled {
            actor: self.actor.clone(),
        };
        let revised = applications::revise(session, application, cause, &at).await?;
        let mut narrator = Narrator::new();
        let number = revised.revision.number;
        Follower::new(session)
            .wait(&name, number, Awaited::Ready, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        app.print(&views::app_revised(
            &revised,
            &format!("ready with {} of {}", self.replicas, self.actor),
        )?)
    }
}
