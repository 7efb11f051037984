//! `lattice inspect`

use std::path::Path;

use anyhow::Result;
use clap::Args;
use lattice_control::{ActorInspect, ActorShape, ImportClass, InspectTarget, Links};
use lattice_core::{ActorName, Digest, Party};

use crate::{
    actor_spec,
    app::App,
    component,
    failure::Failure,
    session::Session,
    views::{self, InspectView},
};

/// Shows what a component imports and exports, and which link satisfies each import
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// A component's file, or the name of an actor that runs
    what: String,
    /// Looks for the links of this actor, when a file is inspected
    #[arg(long = "as", value_name = "ACTOR")]
    actor: Option<ActorName>,
}

impl Inspect {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let is_file = self.what.contains("://") || self.what.contains(['/', '.']) || Path::new(&self.what).exists();
        let view = if is_file {
            self.file(app).await?
        } else {
            self.running(app).await?
        };
        app.print(&views::inspect(&view)?)
    }

    async fn file(&self, app: &App) -> Result<InspectView> {
        let read = actor_spec::read_component(&self.what)?;
        let world = component::read(&read.bytes)?;
        let mut view = InspectView::of_file(Digest::of(&read.bytes), world);
        if let Some(actor) = &self.actor {
            let session = Session::connect_reading(app.context()?).await?;
            view.add_links(&Party::Actor(actor.clone()), &links(&session).await?);
        }
        Ok(view)
    }

    async fn running(&self, app: &App) -> Result<InspectView> {
        let name: ActorName = self.what.parse().map_err(|error: lattice_core::ParseIdError| {
            Failure::usage(format!("`{}` is neither a file nor an actor", self.what)).because(error)
        })?;
        let session = Session::connect_reading(app.context()?).await?;
        let inventories = session.client.inventories().await?;
        let place = inventories
            .iter()
            .find(|inventory| inventory.actors.iter().any(|actor| *actor.name() == name));
        let Some(place) = place else {
            return Err(
                Failure::not_found(format!("no actor `{name}` runs, and there is no such file"))
                    .help("`lattice get actors` lists those that run")
                    .into(),
            );
        };
        let question = ActorInspect {
            target: InspectTarget::Actor(name.clone()),
        };
        let shape: ActorShape = session.client.read(&place.summary.member, &question).await?;
        let mut view = InspectView::of_actor(shape);
        view.add_links(&Party::Actor(name), &links(&session).await?);
        Ok(view)
    }
}

/// The links in force, as any member holds them.
async fn links(session: &Session) -> Result<Vec<lattice_control::LinkStatus>> {
    let members = session.members().await?;
    let replies = session.client.read_each(&members, &Links::default()).await;
    Ok(replies
        .into_iter()
        .filter_map(|(_, reply)| reply.ok())
        .flat_map(|reply| reply.active)
        .collect())
}

/// How an import is satisfied when no host is there to say.
pub(crate) fn guess(interface: &str) -> ImportClass {
    const OF_THE_HOST: [&str; 16] = [
        "lattice:actor/context",
        "lattice:actor/peers",
        "lattice:actor/reminders",
        "lattice:actor/state",
        "lattice:actor/types",
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:config/",
        "wasi:filesystem/",
        "wasi:http/types",
        "wasi:io/",
        "wasi:logging/",
        "wasi:random/",
        "wasi:sockets/",
        "wasmcloud:bus/",
        "wasmcloud:messaging/types",
    ];
    const OF_PROVIDERS: [&str; 4] = [
        "wasi:blobstore/",
        "wasi:http/",
        "wasi:keyvalue/",
        "wasmcloud:messaging/",
    ];
    if OF_THE_HOST.iter().any(|known| interface.starts_with(known)) {
        ImportClass::Host
    } else if OF_PROVIDERS.iter().any(|known| interface.starts_with(known)) {
        ImportClass::Capability
    } else if interface.contains(':') {
        ImportClass::Actor
    } else {
        ImportClass::Unsupported
    }
}
