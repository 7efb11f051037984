//! `lattice key publish`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_control::ErrorKind;
use lattice_core::OperatorId;
use serde::Serialize;

use crate::{
    app::App,
    failure::Failure,
    files,
    output::{Document, note},
    session::{connect_bus_patiently, now},
    state,
};

/// Creates the lattice's state on its NATS, and publishes whom to trust. Doing it again changes nothing
#[derive(Args, Debug)]
pub(super) struct Publish {
    /// The trust bundle
    bundle: PathBuf,
    /// The operator (O…) that signed it, when the context names none; may be repeated
    #[arg(
        long = "operator",
        env = "LATTICE_OPERATORS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    operators: Vec<OperatorId>,
}

#[derive(Serialize)]
struct Published {
    serial: Option<u64>,
}

impl Publish {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let path = self.bundle.display();
        let bundle = files::read_if_there(&self.bundle)?
            .ok_or_else(|| Failure::not_found(format!("the trust bundle {path} is not there")))?;
        let operators = match self.operators.as_slice() {
            [] => &context.trusted_operators,
            named => named,
        };
        if operators.is_empty() {
            return Err(Failure::usage("nobody says whose trust bundle this must be")
                .help("name the operator's key with --operator O…")
                .into());
        }
        // Before NATS is asked for anything: a bundle that nobody would take is not worth a connection.
        let mut trust = lattice_core::Trust::new(context.lattice.clone(), operators.iter().cloned());
        trust
            .admit(bundle.trim(), now())
            .with_context(|| format!("the trust bundle {path} would be refused"))?;

        // NATS may be starting beside us.
        let bus = connect_bus_patiently(&context.nats, app.timeout).await?;
        let client = state::create(bus, &context.lattice).await?;
        match client.publish_trust(bundle.trim(), operators).await {
            Ok(()) => {}
            // Somebody has changed since whom to trust. What they decided stays decided.
            Err(error) if error.kind == ErrorKind::Conflict => note(format_args!("left as it is: {error}")),
            Err(error) => return Err(error.into()),
        }
        let serial = client.trust(operators).await?.serial();
        let text = format!(
            "lattice {} has its state, and trust bundle {}",
            context.lattice,
            serial.map_or_else(|| "none".to_owned(), |serial| serial.to_string())
        );
        let name = format!("lattice/{}", context.lattice);
        app.print(&Document::single("TrustBundle", name, &Published { serial }, text)?)
    }
}
