//! `lattice push`

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use lattice_core::Digest;
use lattice_oci::{ImageRef, Packed, World};
use serde::Serialize;

use crate::{
    actor_spec::read_component,
    app::App,
    component,
    failure::Failure,
    images::{ByteBar, RegistryArgs, SignArgs, failure},
    output::Document,
};

/// Pushes a component to an OCI registry, and signs it if that is asked for
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice push hello.wasm ghcr.io/shop/hello:1.0 --sign
  lattice push hello.wasm 127.0.0.1:5000/hello:1.0   a registry on this machine, over plain HTTP")]
pub(crate) struct Push {
    /// The component: a path or file://
    file: String,
    /// Where to: registry.example/shop/web:1.2.0
    image: ImageRef,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    sign: SignArgs,
}

#[derive(Serialize)]
struct PushedView {
    image: ImageRef,
    manifest: Digest,
    component: Digest,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
}

impl Push {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let packed = pack(read_component(&self.file)?.bytes.into())?;
        let signer = match self.sign.sign {
            true => self.sign.signer(&app.context()?)?,
            false => None,
        };
        let token = signer
            .as_ref()
            .map(|signer| {
                let image = self.image.pinned(packed.manifest_digest()).to_string();
                signer.sign(packed.component_digest(), Some(packed.manifest_digest()), &image)
            })
            .transpose()?;
        let push = async {
            let repository = self.registry.registries().open(&self.image).await?;
            let bar = ByteBar::new(&self.image.to_string(), packed.component.len() as u64);
            let pushed = repository.push(&packed, &|bytes| bar.at(bytes)).await?;
            if let Some(token) = &token {
                repository.push_signature(packed.described(), token).await?;
            }
            Ok(pushed)
        };
        let pushed = app.in_time("the push", push).await?.map_err(|error| failure(&error))?;
        let view = PushedView {
            image: pushed.reference,
            manifest: pushed.manifest,
            component: pushed.component,
            bytes: packed.component.len(),
            signed_by: signer.map(|signer| signer.issuer()),
        };
        let signed = view.signed_by.as_ref();
        let signed = signed.map_or_else(String::new, |issuer| format!("\nsigned by {issuer}"));
        let text = format!("pushed {}\ncomponent {}{signed}", view.image, view.component);
        app.print(&Document::single(
            "Image",
            format!("image/{}", view.image),
            &view,
            text,
        )?)
    }
}

/// Makes a component ready to travel.
pub(crate) fn pack(bytes: Bytes) -> Result<Packed> {
    let world = component::read(&bytes)?;
    let names = |items: Vec<component::Item>| items.into_iter().map(|item| item.name).collect();
    let world = World {
        imports: names(world.imports),
        exports: names(world.exports),
        target: None,
    };
    Packed::new(bytes, world).map_err(|_| Failure::failed("this is no component").into())
}
