//! `lattice start`

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use lattice_control::{ActorStart, Place, Placed, Placement, ProviderStart};
use lattice_core::{ActorName, ActorSpec, ProviderKind, ProviderName, ProviderSpec, presence::MemberState};

use super::up::to_labels;
use crate::{
    actor_spec::{self, ReuseArg},
    app::App,
    args::pair,
    failure::Failure,
    output::{Document, Narrator, note},
    session::Session,
    views,
};

/// How long an actor that is scaled away by the start of fewer replicas may drain.
const DRAIN: Duration = Duration::from_secs(30);

/// Starts an actor or a provider; returns when it serves
#[derive(Args, Debug)]
pub(crate) struct Start {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Actor(StartActor),
    Provider(StartProvider),
}

/// Starts an actor from a component
#[derive(Args, Debug)]
struct StartActor {
    /// What links and callers call it
    name: ActorName,
    /// The component: a path or file://
    image: String,
    /// How many replicas, spread evenly over the hosts
    #[arg(long, default_value_t = 1, value_name = "N")]
    replicas: u32,
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
    /// Whether instances serve more than one invocation: `fresh`, `200`, `concurrent:32`
    #[arg(long, default_value = "fresh", value_name = "HOW")]
    reuse: ReuseArg,
}

/// Starts a provider: http-server, http-client, keyvalue-nats, keyvalue-redis or messaging-nats
#[derive(Args, Debug)]
struct StartProvider {
    /// What links call it
    name: ProviderName,
    /// Which implementation
    kind: ProviderKind,
    /// On this host; may be repeated. Not needed when there is only one
    #[arg(long = "host", value_name = "HOST", conflicts_with = "labels")]
    hosts: Vec<String>,
    /// On every host with this label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// A setting of the provider; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
}

impl Start {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.what {
            What::Actor(actor) => actor.run(app).await,
            What::Provider(provider) => provider.run(app).await,
        }
    }
}

impl StartActor {
    async fn run(self, app: &App) -> Result<()> {
        if self.replicas == 0 {
            return Err(Failure::usage("an actor with no replicas is not started").into());
        }
        let component = actor_spec::read_component(&self.image)?;
        let limits = actor_spec::limits(&self.limits)?;
        let placement = to_labels(self.labels)?;
        let session = Session::connect_verifying(app.context()?).await?;
        let mut narrator = Narrator::new();
        narrator.step("storing the component");
        let (digest, _) = session.client.store_artifact(component.bytes.into()).await?;
        let spec = ActorSpec {
            config: self.config.into_iter().collect(),
            limits,
            reuse: self.reuse.0,
            placement,
            ..ActorSpec::new(self.name.clone(), digest, component.image)
        };
        let narrator = std::sync::Mutex::new(narrator);
        let tell = |who: &str, progress| Narrator::tell(&narrator, who, &progress);
        let placed = match &self.host {
            Some(host) => {
                let host = session.host(host).await?;
                let start = ActorStart { spec, replicas: self.replicas };
                let started = session.client.send(&host, &start, app.timeout, |p| tell(&host.name, p)).await?;
                let placement = Placement {
                    host: host.name.clone(),
                    member: host.member.clone(),
                    replicas: started.status.replicas,
                };
                Placed { placements: vec![placement], changed: !started.was_running }
            }
            None => {
                let (replicas, selector) = (self.replicas, spec.placement.clone());
                let place = Place { spec, replicas, selector, drain: DRAIN, within: app.timeout };
                session.client.place(&place, &tell).await?
            }
        };
        drop(narrator);
        app.print(&views::placed(&self.name, &placed)?)
    }
}

impl StartProvider {
    async fn run(self, app: &App) -> Result<()> {
        let selector = to_labels(self.labels)?;
        let spec = ProviderSpec {
            config: self.config.into_iter().collect(),
            ..ProviderSpec::new(self.name.clone(), self.kind.clone())
        };
        let session = Session::connect_verifying(app.context()?).await?;
        let mut hosts = session.hosts().await?;
        hosts.retain(|host| host.state == MemberState::Ready);
        let chosen = if self.hosts.is_empty() {
            hosts.retain(|host| host.labels.matches(&selector));
            if hosts.len() > 1 && selector.is_empty() {
                let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
                return Err(Failure::usage(format!("on which host shall `{}` run?", self.name))
                    .because(format!("there are {}", names.join(", ")))
                    .help("say --host NAME, or --label KEY=VALUE for every host that has it")
                    .into());
            }
            hosts
        } else {
            let named = self.hosts.iter().map(|name| crate::resolve::member(&hosts, name).cloned());
            named.collect::<Result<Vec<_>, _>>()?
        };
        if chosen.is_empty() {
            return Err(Failure::not_found("there is no host to start it on")
                .help("`lattice get hosts` shows the hosts and their labels")
                .into());
        }
        for host in chosen {
            let mut narrator = Narrator::new();
            let start = ProviderStart { spec: spec.clone() };
            let started =
                session.client.send(&host, &start, app.timeout, |p| narrator.progress(&host.name, &p)).await?;
            drop(narrator);
            if started.was_running {
                note(format_args!("it was running there already"));
            }
            let status = started.status;
            let endpoints = status.endpoints.join(" ");
            let text = format!("provider/{} serves on {} {endpoints}", self.name, host.name);
            let name = format!("provider/{}", self.name);
            app.print(&Document::single("Provider", name, &status, text.trim_end().to_owned())?)?;
        }
        Ok(())
    }
}
