//! `lattice inspect`

use std::path::Path;

use anyhow::Result;
use clap::Args;
use lattice_control::{ARTIFACT_BYTES_MAX, ActorInspect, ActorShape, ImportClass, InspectTarget, Links};
use lattice_core::{ActorName, Digest, Party};
use lattice_oci::{ImageRef, OciError};

use crate::{
    actor_spec,
    app::App,
    component,
    failure::Failure,
    images::{ByteBar, Name, RegistryArgs, failure, verdicts},
    session::Session,
    views::{self, InspectView},
};

/// Shows what a component imports and exports, and which link satisfies each import
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// A component's file, an image of a registry, or the name of an actor that runs
    what: String,
    /// Looks for the links of this actor, when a file is inspected
    #[arg(long = "as", value_name = "ACTOR")]
    actor: Option<ActorName>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl Inspect {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let is_file = self.what.contains("://") || self.what.contains(['/', '.']) || Path::new(&self.what).exists();
        let view = match Name::read(&self.what)? {
            Name::Image(image) => self.image(app, &image).await?,
            Name::File(_) if is_file => self.file(app).await?,
            Name::File(_) => self.running(app).await?,
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

    /// Looks at an image without downloading its component, if its config says what that imports and exports.
    async fn image(&self, app: &App, image: &ImageRef) -> Result<InspectView> {
        let looked = async {
            let repository = self.registry.registries().open(image).await?;
            let resolved = repository.resolve().await?;
            let config = repository.config(&resolved).await?;
            let world = match config.and_then(|config| config.component) {
                Some(world) => Ok(component::World::named(world.imports, world.exports)),
                None => {
                    let bar = ByteBar::new(&image.to_string(), resolved.component.size);
                    let bytes = repository
                        .component(&resolved, ARTIFACT_BYTES_MAX, &|bytes| bar.at(bytes))
                        .await?;
                    component::read(&bytes)
                }
            };
            let tokens = repository.signatures(&resolved.manifest.digest).await?;
            Ok((resolved, world, tokens))
        };
        let looked = app.in_time("the look at the registry", looked).await?;
        let (resolved, world, tokens) = looked.map_err(|error: OciError| failure(&error))?;
        // Who signed it can be told without the lattice; whether that counts, only it knows.
        let session = match app.context() {
            Ok(context) => Session::connect(context).await.ok(),
            Err(_) => None,
        };
        let trust = match &session {
            Some(session) => session.trust().await.ok().flatten(),
            None => None,
        };
        let verdicts = verdicts(trust.as_ref(), &resolved.component.digest, &tokens);
        let mut view = InspectView::of_image(&resolved, world?, &tokens, verdicts);
        if let (Some(actor), Some(session)) = (&self.actor, &session) {
            view.add_links(&Party::Actor(actor.clone()), &links(session).await?);
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
