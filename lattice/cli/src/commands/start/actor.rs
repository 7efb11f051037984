//! `lattice start actor`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::{ActorStart, Place, Placed, Placement};
use lattice_core::{ActorName, ActorSpec};

use super::super::up::to_labels;
use crate::{
    actor_spec::{self, ReuseArg},
    app::App,
    args::pair,
    component,
    failure::Failure,
    images::{ImageArgs, Images, Name, SignArgs, check_policy},
    output::Narrator,
    session::Session,
    state_spec, views,
};

/// How long an actor that is scaled away by the start of fewer replicas may drain.
const DRAIN: Duration = Duration::from_secs(30);

/// Starts an actor from a component
#[derive(Args, Debug)]
pub(super) struct StartActor {
    /// What links and callers call it
    name: ActorName,
    /// The component: a path, file://, or an image of a registry, by tag or digest
    image: String,
    /// How many replicas, spread evenly over the hosts [default: as many as run, or 1]
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,
    /// Runs all replicas on this host
    #[arg(long, value_name = "HOST", conflicts_with = "labels")]
    host: Option<String>,
    /// Runs replicas only on hosts with this label, now and when it is scaled; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// What wasi:config tells the actor; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// The most a replica may use: memory, deadline, concurrency, queue, body; may be repeated
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = pair)]
    limits: Vec<(String, String)>,
    /// How state is kept: durability=commit|checkpoint:5s|volatile, idle-after, max-size, max-active; may be repeated
    #[arg(long = "state", value_name = "NAME=VALUE", value_parser = pair)]
    state: Vec<(String, String)>,
    /// Whether instances serve more than one invocation: `fresh`, `200`, `concurrent:32`
    #[arg(long, default_value = "fresh", value_name = "HOW")]
    reuse: ReuseArg,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    sign: SignArgs,
}

impl StartActor {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if self.replicas == Some(0) {
            return Err(Failure::usage("an actor with no replicas is not started").into());
        }
        let (image, images) = (Name::read(&self.image)?, Images::open(&self.images)?);
        let limits = actor_spec::limits(&self.limits)?;
        let kind = state_spec::kind(&self.state)?;
        let placement = to_labels(self.labels)?;
        // What can be wrong with a file is told before anybody is asked.
        let here = match &image {
            Name::File(_) => Some(images.get(&image, None).await?),
            Name::Image(_) => None,
        };
        let session = Session::connect_verifying(app.context()?).await?;
        let mut component = match here {
            Some(component) => component,
            None => images.get(&image, Some(&session)).await?,
        };
        if kind.stateful().is_some() {
            state_spec::check(&component::read(&component.bytes)?)?;
        }
        if let Some(signer) = self.sign.signer(&session.context)? {
            signer.add_to(&mut component)?;
        }
        let mut narrator = Narrator::new();
        narrator.step("storing the component");
        component.store(&session).await?;
        check_policy(&session, &images, &format!("actor `{}`", self.name), &component).await?;
        let spec = ActorSpec {
            config: self.config.into_iter().collect(),
            limits,
            reuse: self.reuse.0,
            kind,
            placement,
            ..ActorSpec::new(self.name.clone(), component.digest, component.image)
        };
        let narrator = Mutex::new(narrator);
        let tell = |who: &str, progress| Narrator::tell(&narrator, who, &progress);
        let placed = match &self.host {
            Some(host) => {
                let host = session.host(host).await?;
                let running = session.client.replicas_of(&spec).await?;
                let here = running.get(&host.member).copied().unwrap_or(1);
                let start = ActorStart::new(spec, self.replicas.unwrap_or(here));
                let started = session
                    .client
                    .send(&host, &start, app.timeout, |p| tell(&host.name, p))
                    .await?;
                let placement = Placement {
                    host: host.name.clone(),
                    member: host.member.clone(),
                    replicas: started.status.replicas,
                };
                Placed {
                    placements: vec![placement],
                    changed: !started.was_running,
                }
            }
            None => {
                let replicas = match self.replicas {
                    Some(replicas) => replicas,
                    None => session.client.replicas_of(&spec).await?.values().sum::<u32>().max(1),
                };
                let selector = spec.placement.clone();
                let place = Place {
                    spec,
                    replicas,
                    selector,
                    drain: DRAIN,
                    within: app.timeout,
                };
                session.client.place(&place, &tell).await?
            }
        };
        drop(narrator);
        app.print(&views::placed(&self.name, &placed)?)
    }
}
