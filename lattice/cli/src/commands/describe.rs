//! `lattice describe`

use anyhow::Result;
use clap::Args;
use lattice_control::{InventoryReply, KeyedList, Links, MemberSummary};
use lattice_core::{KeyedActor, ParseIdError};
use serde::Serialize;

use super::get::What;
use crate::{
    about::About,
    app::App,
    failure::Failure,
    happened, keyed,
    output::{Document, for_programs, to_yaml},
    resolve,
    session::{Session, now},
    views::{self, ActorView, KeyedLife, KeyedView, LinkView, Names, ProviderView},
};

/// The most actors a host is asked to name when one of them is looked for; more would not fit into a message.
const AWAKE_MAX: u64 = 4096;

/// As many of the events about it are shown.
const LAST_EVENTS: usize = 5;

/// Shows all there is to know about one host, actor, provider or link
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice describe host cloud
  lattice describe actor cart          on which hosts it runs
  lattice describe actor cart/alice    one actor with state: where it lives, and what is stored of it")]
pub(crate) struct Describe {
    /// What it is
    #[arg(value_enum)]
    what: What,
    /// Its name; of actors with state also one: `cart/alice`; for a host also its id, for a link its id or its source
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
        let members: Vec<_> = inventories.iter().map(|inventory| inventory.summary.clone()).collect();
        let mut document = match self.what {
            What::Hosts => {
                let member = resolve::member(&members, name)?;
                let inventory = inventories
                    .iter()
                    .find(|inventory| inventory.summary.member == member.member);
                described("Host", format!("host/{}", member.name), &inventory)?
            }
            What::Actors if name.contains('/') => keyed_actor(&session, name, &inventories).await?,
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
        let about = match self.what {
            What::Hosts => About::Host(name.to_owned()),
            What::Actors => name.parse()?,
            What::Providers => About::Provider(name.parse()?),
            What::Links => About::Link(name.strip_prefix("link/").unwrap_or(name).to_owned()),
        };
        let happened = happened::last(&session, about.resolve(&members)?, LAST_EVENTS).await;
        views::last_events(&mut document, &happened, &Names::of(&members), now());
        app.print(&document)
    }
}

/// One actor with state, as its record has it and its host knows it.
async fn keyed_actor(session: &Session, name: &str, inventories: &[InventoryReply]) -> Result<Document> {
    let wrong = |error: ParseIdError| Failure::usage(format!("`{name}` is no actor with state")).because(error);
    let actor: KeyedActor = name.parse().map_err(wrong)?;
    let found = keyed::find(session, &actor, &keyed::serving(inventories, &actor.name)).await?;
    if !found.known {
        return Err(keyed::never_lived(&actor).into());
    }
    let host = keyed::owner(inventories, &found);
    let life = match host {
        Some(host) => life(session, &actor, host).await,
        None if found.owner.is_some() => KeyedLife::Unknown,
        None => KeyedLife::AtRest,
    };
    views::keyed(&KeyedView::new(&actor, &found, host, life), now())
}

/// Whether an actor is awake on its host. What that does not say is left open: the record tells the rest.
async fn life(session: &Session, actor: &KeyedActor, host: &MemberSummary) -> KeyedLife {
    let question = KeyedList {
        name: actor.name.clone(),
        limit: AWAKE_MAX,
    };
    match session.client.read(&host.member, &question).await {
        Ok(awake) if awake.keys.contains(&actor.key) => KeyedLife::Awake,
        Ok(awake) if awake.total <= awake.keys.len() as u64 => KeyedLife::AtRest,
        Ok(_) | Err(_) => KeyedLife::Unknown,
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
