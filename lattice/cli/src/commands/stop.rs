//! `lattice stop`

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use lattice_control::{ActorStop, Command, HostStop, InventoryReply, MemberSummary, ProviderStop};
use lattice_core::{ActorName, ProviderName};
use serde::Serialize;

use crate::{
    app::App,
    args::duration,
    failure::{Exit, Failure},
    output::{Document, Narrator},
    resolve,
    session::Session,
};

/// Drains and stops an actor, a provider or a host; returns when it is gone
#[derive(Args, Debug)]
pub(crate) struct Stop {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Stops an actor, everywhere or on one host
    Actor {
        /// Its name
        name: ActorName,
        #[command(flatten)]
        how: How,
    },
    /// Stops a provider, everywhere or on one host
    Provider {
        /// Its name
        name: ProviderName,
        #[command(flatten)]
        how: How,
    },
    /// Stops a host: everything on it drains, then its process ends
    Host {
        /// Its name, its id, or the beginning of either
        name: String,
        /// How long work in flight may take to finish
        #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
        drain: Duration,
    },
}

#[derive(Args, Debug)]
struct How {
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// How long work in flight may take to finish
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    drain: Duration,
}

#[derive(Serialize)]
struct Stopped {
    hosts: Vec<String>,
}

impl Stop {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        match self.what {
            What::Actor { name, how } => {
                let places = places(&session, how.host.as_deref(), &format!("actor `{name}`"), |inventory| {
                    inventory.actors.iter().any(|actor| *actor.name() == name)
                })
                .await?;
                let owner = owner(&session, |inventory| {
                    let actor = inventory.actors.iter().find(|actor| *actor.name() == name)?;
                    actor.spec.app.clone()
                });
                if let Some(owner) = owner.await? {
                    return Err(Failure::new(
                        Exit::Conflict,
                        format!("`{name}` belongs to the application `{owner}`, which would start it again"),
                    )
                    .help(format!("`lattice scale {name} 0`, or `lattice app delete {owner}`"))
                    .into());
                }
                let stop = ActorStop {
                    actor: name.clone(),
                    drain_ms: millis(how.drain),
                };
                stop_on(app, &session, &places, &stop, how.drain, "actor", name.as_str()).await
            }
            What::Provider { name, how } => {
                let places = places(
                    &session,
                    how.host.as_deref(),
                    &format!("provider `{name}`"),
                    |inventory| inventory.providers.iter().any(|provider| provider.spec.name == name),
                )
                .await?;
                let owner = owner(&session, |inventory| {
                    let provider = inventory.providers.iter().find(|provider| provider.spec.name == name)?;
                    provider.spec.managed.then_some(())
                });
                if owner.await?.is_some() {
                    return Err(Failure::new(
                        Exit::Conflict,
                        format!("provider `{name}` belongs to applications, which would start it again"),
                    )
                    .help("take it out of their manifests, or `lattice app delete` them")
                    .into());
                }
                let stop = ProviderStop {
                    provider: name.clone(),
                    drain_ms: millis(how.drain),
                };
                stop_on(app, &session, &places, &stop, how.drain, "provider", name.as_str()).await
            }
            What::Host { name, drain } => {
                let host = session.host(&name).await?;
                let stop = HostStop {
                    drain_ms: millis(drain),
                };
                stop_on(
                    app,
                    &session,
                    std::slice::from_ref(&host),
                    &stop,
                    drain,
                    "host",
                    &host.name,
                )
                .await
            }
        }
    }
}

/// Who decides about it, if any member runs it for somebody.
async fn owner<T>(session: &Session, of: impl Fn(&InventoryReply) -> Option<T>) -> Result<Option<T>> {
    Ok(session.client.inventories().await?.iter().find_map(of))
}

/// The members that run it.
async fn places(
    session: &Session,
    host: Option<&str>,
    what: &str,
    runs: impl Fn(&InventoryReply) -> bool,
) -> Result<Vec<MemberSummary>> {
    let inventories = session.client.inventories().await?;
    let mut places: Vec<MemberSummary> = inventories
        .iter()
        .filter(|inventory| runs(inventory))
        .map(|inventory| inventory.summary.clone())
        .collect();
    if let Some(host) = host {
        let members: Vec<MemberSummary> = inventories.into_iter().map(|inventory| inventory.summary).collect();
        let host = resolve::member(&members, host)?.member.clone();
        places.retain(|place| place.member == host);
    }
    if places.is_empty() {
        let there = host.map_or_else(String::new, |host| format!(" on {host}"));
        return Err(Failure::not_found(format!("{what} does not run{there}"))
            .help("`lattice get actors` and `lattice get providers` show what runs")
            .into());
    }
    Ok(places)
}

async fn stop_on<C: Command>(
    app: &App,
    session: &Session,
    places: &[MemberSummary],
    stop: &C,
    drain: Duration,
    kind: &str,
    name: &str,
) -> Result<()> {
    let mut narrator = Narrator::new();
    let mut hosts = Vec::new();
    for place in places {
        session
            .client
            .send(place, stop, app.timeout + drain, |p| narrator.progress(&place.name, &p))
            .await?;
        hosts.push(place.name.clone());
    }
    drop(narrator);
    let text = match kind {
        "host" => format!("host/{name} stopped"),
        _ => format!("{kind}/{name} stopped on {}", hosts.join(", ")),
    };
    app.print(&Document::single(
        "Stopped",
        format!("{kind}/{name}"),
        &Stopped { hosts },
        text,
    )?)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
