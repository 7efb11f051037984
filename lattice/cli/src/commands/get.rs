//! `lattice get`

use anyhow::Result;
use clap::{Args, ValueEnum};
use lattice_control::Links;
use lattice_core::{Labels, presence::MemberKind};

use crate::{
    app::App,
    failure::Failure,
    output::Document,
    resolve,
    session::{Session, now},
    views::{self, ActorView, ProviderView},
    watch::watch,
};

/// Lists hosts, actors, providers or links
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// What to list
    #[arg(value_enum)]
    what: What,
    /// Only the one of this name
    name: Option<String>,
    /// Shows it again whenever it changes
    #[arg(short, long)]
    watch: bool,
    /// Only hosts with these labels, and what is on them
    #[arg(short = 'l', long, value_name = "KEY=VALUE,…")]
    selector: Option<Labels>,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum What {
    /// Hosts, and providers that run alone.
    #[value(alias = "host")]
    Hosts,
    /// Actors.
    #[value(alias = "actor")]
    Actors,
    /// Providers.
    #[value(alias = "provider")]
    Providers,
    /// Links, and what was refused to be one.
    #[value(alias = "link")]
    Links,
}

impl Get {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_reading(app.context()?).await?;
        if self.watch {
            return watch(app, || self.fetch(&session)).await;
        }
        let fetching = async {
            let document = self.fetch(&session).await?;
            app.print(&document)
        };
        tokio::select! {
            outcome = fetching => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted().into()),
        }
    }

    async fn fetch(&self, session: &Session) -> Result<Document> {
        let everywhere = Labels::new();
        let selector = self.selector.as_ref().unwrap_or(&everywhere);
        match self.what {
            What::Hosts => {
                let mut members = session.members().await?;
                members.retain(|member| member.labels.matches(selector));
                if let Some(name) = &self.name {
                    members = vec![resolve::member(&members, name)?.clone()];
                }
                views::hosts(&members, now())
            }
            What::Actors => {
                let inventories = self.inventories(session, selector).await?;
                let mut actors = ActorView::gather(&inventories);
                self.only(&mut actors, "actor", |actor| actor.name.as_str())?;
                views::actors(&actors)
            }
            What::Providers => {
                let inventories = self.inventories(session, selector).await?;
                let mut providers = ProviderView::gather(&inventories);
                self.only(&mut providers, "provider", |provider| {
                    provider.status.spec.name.as_str()
                })?;
                views::providers(&providers)
            }
            What::Links => {
                let mut members = session.members().await?;
                members.retain(|member| member.labels.matches(selector));
                let replies = session.client.read_each(&members, &Links::default()).await;
                let replies: Vec<_> = replies
                    .into_iter()
                    .filter_map(|(member, reply)| Some((member, reply.ok()?)))
                    .collect();
                let mut links = views::gather_links(&replies);
                if let Some(name) = &self.name {
                    let id = name.strip_prefix("link/").unwrap_or(name);
                    links.retain(|link| link.id == id || link.source.as_ref().is_some_and(|s| s.name() == id));
                    if links.is_empty() {
                        return Err(Failure::not_found(format!(
                            "no link is called `{name}`, nor anything that uses one"
                        ))
                        .help("`lattice get links -o name` lists them")
                        .into());
                    }
                }
                views::links(&links, now())
            }
        }
    }

    async fn inventories(&self, session: &Session, selector: &Labels) -> Result<Vec<lattice_control::InventoryReply>> {
        let mut inventories = session.client.inventories().await?;
        inventories.retain(|inventory| {
            let summary = &inventory.summary;
            summary.labels.matches(selector) && (summary.kind == MemberKind::Host || selector.is_empty())
        });
        Ok(inventories)
    }

    /// Keeps only what is called as asked. Naming something that is not there is an error, listing nothing is not.
    fn only<T>(&self, things: &mut Vec<T>, kind: &str, name_of: impl Fn(&T) -> &str) -> Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        things.retain(|thing| name_of(thing) == name);
        if things.is_empty() {
            return Err(Failure::not_found(format!("no {kind} is called `{name}`"))
                .help(format!("`lattice get {kind}s` lists them"))
                .into());
        }
        Ok(())
    }
}
