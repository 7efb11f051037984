//! `lattice link del`

use anyhow::Result;
use clap::Args;
use lattice_core::{InterfacePattern, LinkId, LinkLabel, link::LINK_LIFETIME};

use super::{parties, verdicts};
use crate::{app::App, failure::Failure, output::Narrator, session::Session};

/// Ends a link: signs its end and waits until every member has taken it
#[derive(Args, Debug)]
pub(super) struct Del {
    /// Who uses it: actor/NAME, provider/NAME or a bare name; or the link's whole id
    source: String,
    /// What; not needed with a whole id
    interface: Option<InterfacePattern>,
    /// The link's label
    #[arg(long, default_value_t)]
    label: LinkLabel,
}

impl Del {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let signer = session.link_signer()?;
        let id = self.id(&session).await?;
        if !exists(&session, &id).await? {
            return Err(Failure::not_found(format!("there is no link `{id}`"))
                .help("`lattice get links -o name` lists them")
                .into());
        }
        let mut narrator = Narrator::new();
        narrator.step("signing its end");
        let signed = session.client.delete_link(&id, LINK_LIFETIME, &signer).await?;
        narrator.step("waiting for every member to take it");
        let verdicts = session
            .client
            .confirm_link(&signed, true, verdicts::WITHIN.min(app.timeout))
            .await?;
        drop(narrator);
        verdicts::report(app, &signed, &verdicts, "ended, taken")
    }

    async fn id(&self, session: &Session) -> Result<LinkId> {
        let Some(interface) = &self.interface else {
            let id = self.source.strip_prefix("link/").unwrap_or(&self.source);
            return id.parse().map_err(|_| {
                Failure::usage(format!("`{}` is not the id of a link", self.source))
                    .help("name the source and the interface: `lattice link del actor/counter wasi:keyvalue`")
                    .into()
            });
        };
        let bare = !self.source.contains('/');
        let inventories = if bare {
            session.client.inventories().await?
        } else {
            Vec::new()
        };
        let source = parties::resolve(&self.source, &inventories)?;
        Ok(LinkId::new(&session.context.lattice, &source, interface, &self.label))
    }
}

/// Whether anything lies under the link's key, or any member holds it.
async fn exists(session: &Session, id: &LinkId) -> Result<bool> {
    let key = id.link_key();
    if session
        .client
        .stored_links()
        .await?
        .iter()
        .any(|stored| stored.key == key)
    {
        return Ok(true);
    }
    let members = session.members().await?;
    let question = lattice_control::Links {
        link: Some(id.clone()),
        ..lattice_control::Links::default()
    };
    let replies = session.client.read_each(&members, &question).await;
    Ok(replies
        .iter()
        .any(|(_, reply)| reply.as_ref().is_ok_and(|reply| !reply.active.is_empty())))
}
