//! `lattice drain`

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;
use lattice_control::{Inventory, InventoryReply, MemberSummary, Relocate};
use lattice_core::{
    ActorName,
    presence::{MemberKind, MemberState, Scheduling},
};
use serde::Serialize;

use super::cordon::schedule;
use crate::{
    app::App,
    args::duration,
    failure::{Exit, Failure},
    output::{Document, Narrator, warn},
    session::Session,
};

/// Between two looks at the host.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Moves everything off a host while it serves, and places nothing more on it, until it is uncordoned
#[derive(Args, Debug)]
pub(crate) struct Drain {
    /// Which host
    host: String,
    /// How long invocations in flight may take to finish where they are
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    drain: Duration,
}

#[derive(Serialize)]
struct Drained {
    host: String,
    moved: Vec<ActorName>,
    left: Vec<String>,
    took_ms: u64,
}

impl Drain {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let started = Instant::now();
        let session = Session::connect_verifying(app.context()?).await?;
        let host = session.host(&self.host).await?;
        schedule(app, &session, &host, Scheduling::Evacuating).await?;
        let mut narrator = Narrator::new();
        narrator.step(format!("{}: takes no more; moving what it has", host.name));
        let mut moved = self.move_by_hand(app, &session, &host).await?;
        let until = started + app.timeout;
        // What applications have here, the controller moves.
        let left = loop {
            let now = session.client.read(&host.member, &Inventory {}).await?;
            let managed: Vec<ActorName> = managed(&now);
            moved.extend(
                managed
                    .iter()
                    .filter(|name| !moved.contains(name))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            let providers = now.providers.iter().filter(|provider| provider.spec.managed).count();
            if managed.is_empty() && providers == 0 {
                break now;
            }
            narrator.step(format!(
                "{} actors and {providers} providers of applications are left",
                managed.len()
            ));
            if Instant::now() >= until {
                return Err(still_there(&host, &now, app.timeout).into());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        };
        drop(narrator);
        let left: Vec<String> = left
            .providers
            .iter()
            .map(|provider| format!("provider/{}", provider.spec.name))
            .collect();
        if !left.is_empty() {
            warn(format_args!(
                "started by hand and still there: {}; `lattice stop provider` ends them",
                left.join(", ")
            ));
        }
        let drained = Drained {
            host: host.name.clone(),
            left,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            moved,
        };
        let text = format!(
            "host/{} drained in {} ms: {} actors moved; `lattice uncordon {}` opens it again",
            drained.host,
            drained.took_ms,
            drained.moved.len(),
            drained.host
        );
        app.print(&Document::single(
            "Drain",
            format!("host/{}", host.name),
            &drained,
            text,
        )?)
    }

    /// Moves the actors that were started by hand, each to the host with the least on it that may run it.
    async fn move_by_hand(&self, app: &App, session: &Session, host: &MemberSummary) -> Result<Vec<ActorName>> {
        let mut moved = Vec::new();
        loop {
            let inventories = session.client.inventories().await?;
            let here = inventories
                .iter()
                .find(|inventory| inventory.summary.member == host.member);
            let Some(actor) = here.and_then(|here| here.actors.iter().find(|actor| actor.spec.app.is_none())) else {
                return Ok(moved);
            };
            let to = target(&inventories, host, &actor.spec.placement).ok_or_else(|| {
                Failure::failed(format!("`{}` has nowhere to go from {}", actor.name(), host.name))
                    .because("no other host takes work and has the labels it asks for")
                    .help("`lattice get hosts -o wide` shows them; `lattice uncordon` opens this one again")
            })?;
            let relocate = Relocate {
                actor: actor.name().clone(),
                from: host.clone(),
                to,
                component: None,
                drain: self.drain,
                within: app.timeout,
            };
            let narrator = Mutex::new(Narrator::new());
            let tell = |who: &str, progress| Narrator::tell(&narrator, who, &progress);
            session.client.relocate(&relocate, &tell).await?;
            moved.push(actor.name().clone());
        }
    }
}

/// The actors that applications have there, those on their way out included.
fn managed(inventory: &InventoryReply) -> Vec<ActorName> {
    let managed = inventory.actors.iter().filter(|actor| actor.spec.app.is_some());
    managed.map(|actor| actor.name().clone()).collect()
}

fn target(
    inventories: &[InventoryReply],
    from: &MemberSummary,
    placement: &lattice_core::Labels,
) -> Option<MemberSummary> {
    let takes = |inventory: &&InventoryReply| {
        let summary = &inventory.summary;
        summary.kind == MemberKind::Host
            && summary.member != from.member
            && summary.state == MemberState::Ready
            && summary.scheduling == Scheduling::Open
            && summary.labels.matches(placement)
    };
    let hosts = inventories.iter().filter(takes);
    let busy = |inventory: &&InventoryReply| inventory.actors.iter().map(|actor| actor.replicas).sum::<u32>();
    hosts.min_by_key(busy).map(|inventory| inventory.summary.clone())
}

fn still_there(host: &MemberSummary, now: &InventoryReply, within: Duration) -> Failure {
    let within = lattice_core::text::format_duration(within);
    let actors = now.actors.iter().map(|actor| format!("actor/{}", actor.name()));
    let providers = now
        .providers
        .iter()
        .map(|provider| format!("provider/{}", provider.spec.name));
    let names: Vec<String> = actors.chain(providers).collect();
    Failure::new(
        Exit::Timeout,
        format!("{} is not empty after {within}: {}", host.name, names.join(", ")),
    )
    .because("nothing is taken away before it serves elsewhere")
    .help("`lattice app list -o wide` says what has no place; `lattice uncordon` opens the host again")
}
