//! `lattice bundle load`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lattice_control::Upload;
use lattice_core::Digest;
use lattice_oci::Bundle;
use serde::Serialize;

use crate::{
    app::App,
    images::{bundle_failure, of_bundled},
    output::{Column, Document, Narrator, Table},
    session::Session,
};

/// Puts what is in a bundle into the lattice's artifact store, where every host finds it
#[derive(Args, Debug)]
pub(super) struct Load {
    /// The bundle: what `lattice bundle save` or `skopeo copy … oci-archive:FILE` wrote
    file: PathBuf,
}

const COLUMNS: &[Column] = &[
    Column::always("IMAGE"),
    Column::always("COMPONENT"),
    Column::always("SIGNATURES"),
    Column::always("WAS THERE"),
    Column::wide("MANIFEST"),
];

#[derive(Serialize)]
struct Loaded {
    image: String,
    component: Digest,
    manifest: Digest,
    signatures: usize,
    was_there: bool,
}

impl Load {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let shown = self.file.display().to_string();
        let bundle = Bundle::open(&self.file).map_err(|error| bundle_failure(&shown, &error))?;
        let session = Session::connect(app.context()?).await?;
        let (mut narrator, mut loaded) = (Narrator::new(), Vec::new());
        for bundled in bundle.images() {
            let manifest = bundled.manifest.digest;
            let image = bundled.name.clone().unwrap_or_else(|| manifest.to_string());
            narrator.step(format!("storing {image}"));
            let fetched = of_bundled(&bundle, bundled, &image)?;
            let upload = fetched.store(&session).await?;
            loaded.push(Loaded {
                image,
                component: fetched.digest,
                manifest,
                signatures: fetched.tokens.len(),
                was_there: upload == Upload::Known,
            });
        }
        drop(narrator);
        let mut table = Table::new(COLUMNS);
        for one in &loaded {
            table.row([
                one.image.clone(),
                one.component.short(),
                one.signatures.to_string(),
                if one.was_there { "yes" } else { "no" }.to_owned(),
                one.manifest.to_string(),
            ]);
        }
        let names = loaded
            .iter()
            .map(|one| format!("component/{}", one.component))
            .collect();
        app.print(&Document::list(
            "ComponentList",
            &loaded,
            table,
            names,
            "there was nothing in it",
        )?)
    }
}
