//! `lattice describe`

use anyhow::Result;
use clap::Args;
use lattice_control::Links;
use serde::Serialize;

use super::get::What;
use crate::{
    app::App,
    failure::Failure,
    output::{Document, for_programs, to_yaml},
    resolve,
    session::Session,
    views::{self, ActorView, LinkView, ProviderView},
};

/// Shows all there is to know about one host, actor, provider or link
#[derive(Args, Debug)]
pub(crate) struct Describe {
    /// What it is
    #[arg(value_enum)]
    what: What,
    /// Its name; for a host also its id, for a link its id or its source
    name: String,
}

#[derive(Serialize)]
struct ActorDescription {
    #[serde(flatten)]
    actor: ActorView,
    links: Vec<LinkView>,
}

impl Describe {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_reading(app.context()?).await?;
        let inventories = session.client.inventories().await?;
        let name = self.name.as_str();
        let missing = |kind: &str| {
            Failure::not_found(format!("no {kind} is called `{name}`"))
                .help(format!("`lattice get {kind}s` lists them"))
        };
        let document = match self.what {
            What::Hosts => {
                let members: Vec<_> = inventories.iter().map(|inventory| inventory.summary.clone()).collect();
                let member = resolve::member(&members, name)?;
                let inventory = inventories
                    .iter()
                    .find(|inventory| inventory.summary.member == member.member);
                described("Host", format!("host/{}", member.name), &inventory)?
            }
            What::Actors => {
                let actors = ActorView::gather(&inventories);
                let actor = actors.into_iter().find(|actor| actor.name.as_str() == name);
                let actor = actor.ok_or_else(|| missing("actor"))?;
                let mut links = all_links(&session).await?;
                let party = lattice_core::Party::Actor(actor.name.clone());
                links.retain(|link| {
                    link.source.as_ref() == Some(&party) || link.link.as_ref().is_some_and(|link| link.target == party)
                });
                described("Actor", format!("actor/{name}"), &ActorDescription { actor, links })?
            }
            What::Providers => {
                let mut providers = ProviderView::gather(&inventories);
                providers.retain(|provider| provider.status.spec.name.as_str() == name);
                if providers.is_empty() {
                    return Err(missing("provider").into());
                }
                described("Provider", format!("provider/{name}"), &providers)?
            }
            What::Links => {
                let id = name.strip_prefix("link/").unwrap_or(name);
                let mut links = all_links(&session).await?;
                links.retain(|link| link.id == id || link.source.as_ref().is_some_and(|source| source.name() == id));
                if links.is_empty() {
                    return Err(missing("link").into());
                }
                described("Link", format!("link/{name}"), &links)?
            }
        };
        app.print(&document)
    }
}

/// For people as for programs: the whole content, laid out.
fn described<T: Serialize>(kind: &'static str, name: String, content: &T) -> Result<Document> {
    let text = to_yaml(&for_programs(content)?);
    Document::single(kind, name, content, text)
}

async fn all_links(session: &Session) -> Result<Vec<LinkView>> {
    let members = session.members().await?;
    let replies = session.client.read_each(&members, &Links::default()).await;
    let replies: Vec<_> = replies
        .into_iter()
        .filter_map(|(member, reply)| Some((member, reply.ok()?)))
        .collect();
    Ok(views::gather_links(&replies))
}
