//! `lattice move`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::{MemberSummary, Relocate};
use lattice_core::{ActorName, application::Cause, presence::MemberKind};

use crate::{
    app::App,
    applications::{self, Awaited, Follower, Managed, managed},
    args::duration,
    failure::Failure,
    output::Narrator,
    resolve,
    session::Session,
    views,
};

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
        let inventories = session.client.inventories().await?;
        let hosts: Vec<_> = inventories
            .iter()
            .map(|inventory| inventory.summary.clone())
            .filter(|member| member.kind == MemberKind::Host)
            .collect();
        if let Some(managed) = managed(&session, &self.actor, &inventories).await? {
            let from = resolve::member(&hosts, &self.from)?;
            let to = resolve::member(&hosts, &self.to)?;
            return self.declare(app, &session, managed, from, to).await;
        }
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

    /// Writes the move down where the controller reads it, and waits until it is so.
    async fn declare(
        &self,
        app: &App,
        session: &Session,
        managed: Managed,
        from: &MemberSummary,
        to: &MemberSummary,
    ) -> Result<()> {
        let Managed { at, mut application } = managed;
        let name = application.name.clone();
        let (Some(from_id), Some(to_id)) = (from.member.as_host(), to.member.as_host()) else {
            return Err(Failure::usage("actors move between hosts").into());
        };
        if from_id == to_id {
            return Err(Failure::usage(format!("`{}` is to move from {} to itself", self.actor, from.name)).into());
        }
        let actor = application.actor_mut(&self.actor).expect("it was found by this actor");
        if !to.labels.matches(&actor.spec.placement) {
            return Err(Failure::failed(format!("{} may not run `{}`", to.name, self.actor))
                .because(format!("it asks for hosts with {}", actor.spec.placement))
                .into());
        }
        let moved = &mut actor.placement.moved;
        // Whatever was moved to where it now leaves goes along; moving it back undoes the move.
        moved
            .values_mut()
            .filter(|there| **there == from_id)
            .for_each(|there| *there = to_id.clone());
        moved.retain(|here, there| here != there);
        moved.remove(&to_id);
        moved.insert(from_id, to_id);
        let cause = Cause::Moved {
            actor: self.actor.clone(),
        };
        let revised = applications::revise(session, application, cause, &at).await?;
        let mut narrator = Narrator::new();
        let number = revised.revision.number;
        Follower::new(session)
            .wait(&name, number, Awaited::Ready, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        let told = format!("ready, {} moved from {} to {}", self.actor, from.name, to.name);
        app.print(&views::app_revised(&revised, &told)?)
    }
}
