//! `lattice link put`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lattice_control::LinkDraft;
use lattice_core::{ConfigMap, FunctionName, FunctionSet, InterfacePattern, LinkClaims, LinkLabel};

use super::{parties, verdicts};
use crate::{
    app::App,
    args::{duration, pair},
    output::Narrator,
    session::Session,
};

/// Signs a link and waits until every member has accepted or refused it
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  lattice link put provider/http wasi:http/incoming-handler actor/hello --config path=/\n  \
    lattice link put actor/counter wasi:keyvalue provider/kv --config bucket=counts"
)]
pub(super) struct Put {
    /// Who may use it: actor/NAME or provider/NAME, or the bare name of something that runs
    source: String,
    /// What: an interface such as wasi:keyvalue/store, or a whole package such as wasi:keyvalue
    interface: InterfacePattern,
    /// Whom it reaches: actor/NAME or provider/NAME, or the bare name of something that runs
    target: String,
    /// Tells apart several links of one source for the same interface
    #[arg(long, default_value_t)]
    label: LinkLabel,
    /// A setting of the link; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// Only this function of the interface; may be repeated
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<FunctionName>,
    /// How long the link lasts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    expires: Duration,
}

impl Put {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let signer = session.link_signer()?;
        let bare = !self.source.contains('/') || !self.target.contains('/');
        let inventories = if bare {
            session.client.inventories().await?
        } else {
            Vec::new()
        };
        let source = parties::resolve(&self.source, &inventories)?;
        let target = parties::resolve(&self.target, &inventories)?;
        let functions = if self.functions.is_empty() {
            FunctionSet::All
        } else {
            FunctionSet::Only(self.functions)
        };
        let claims = LinkClaims {
            label: self.label,
            functions,
            ..LinkClaims::new(source, self.interface, target)
        };
        let draft = LinkDraft {
            claims,
            config: ConfigMap::from_iter(self.config),
            lifetime: self.expires,
        };

        let mut narrator = Narrator::new();
        narrator.step("signing");
        let signed = session.client.put_link(&draft, &signer).await?;
        narrator.step("waiting for every member to accept or refuse it");
        let verdicts = session
            .client
            .confirm_link(&signed, false, verdicts::WITHIN.min(app.timeout))
            .await?;
        drop(narrator);
        verdicts::report(app, &signed, &verdicts, "accepted")
    }
}
