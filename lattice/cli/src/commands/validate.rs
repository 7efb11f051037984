//! `lattice validate`

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    manifests::ManifestArgs,
    output::{Document, write_stdout},
};

/// Checks manifests without a lattice: their form, then each component's imports and exports against the links; registries are asked for images
#[derive(Args, Debug)]
pub(crate) struct Validate {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// Prints the JSON Schema of manifests instead, for editors
    #[arg(long)]
    schema: bool,
}

#[derive(Serialize)]
struct Valid {
    name: String,
    actors: usize,
    providers: usize,
    links: usize,
}

impl Validate {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        if self.schema {
            return write_stdout(&format!("{:#}\n", lattice_manifest::json_schema()));
        }
        let declared = self.manifests.load(None).await?;
        let valid: Vec<Valid> = declared
            .iter()
            .map(|declared| Valid {
                name: declared.application.name.to_string(),
                actors: declared.application.actors.len(),
                providers: declared.application.providers.len(),
                links: declared.application.links.len(),
            })
            .collect();
        let text: String = valid
            .iter()
            .map(|app| {
                let Valid {
                    name,
                    actors,
                    providers,
                    links,
                } = app;
                format!("app/{name} is valid: {actors} actors, {providers} providers, {links} links\n")
            })
            .collect();
        let names = valid.iter().map(|app| format!("app/{}", app.name)).collect();
        app.print(&Document::plain_list("ValidationList", &valid, names, text)?)
    }
}
