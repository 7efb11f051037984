//! `lattice pull`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::Digest;
use lattice_oci::ImageRef;
use serde::Serialize;

use crate::{
    app::App,
    files::{self, Privacy},
    images::{ImageArgs, Images, Name},
    output::Document,
};

/// Pulls a component from an OCI registry into a file
#[derive(Args, Debug)]
pub(crate) struct Pull {
    /// Which image, by tag or digest: registry.example/shop/web:1.2.0
    image: ImageRef,
    /// Where to put it [default: <last part of the name>.wasm]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    images: ImageArgs,
}

#[derive(Serialize)]
struct PulledView {
    image: String,
    component: Digest,
    bytes: usize,
    signatures: usize,
    file: PathBuf,
}

impl Pull {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let images = Images::open(&self.images)?;
        let name = Name::Image(self.image.clone());
        let fetched = app.in_time("the pull", images.get(&name, None)).await??;
        let last = self.image.repository().rsplit('/').next().unwrap_or("component");
        let file = self.out.unwrap_or_else(|| PathBuf::from(format!("{last}.wasm")));
        files::write_atomically(&file, &fetched.bytes, Privacy::Plain)
            .with_context(|| format!("cannot write {}", file.display()))?;
        let view = PulledView {
            image: fetched.image,
            component: fetched.digest,
            bytes: fetched.bytes.len(),
            signatures: fetched.tokens.len(),
            file,
        };
        let text = format!(
            "pulled {}\ncomponent {}\ninto {}",
            view.image,
            view.component,
            view.file.display()
        );
        app.print(&Document::single(
            "Image",
            format!("image/{}", view.image),
            &view,
            text,
        )?)
    }
}
