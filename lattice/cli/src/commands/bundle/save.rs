//! `lattice bundle save`

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use lattice_control::ARTIFACT_BYTES_MAX;
use lattice_core::Digest;
use lattice_oci::{BundleWriter, ImageRef, OciError, Registries};
use serde::Serialize;

use super::super::push::pack;
use crate::{
    actor_spec::read_component,
    app::App,
    failure::Failure,
    images::{ByteBar, Name, SignArgs, Signer, bundle_failure, failure},
    manifests::ManifestArgs,
    output::Document,
};

/// Writes components with their signatures into one file
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice bundle save shop.tar ghcr.io/shop/web:1.0 ghcr.io/shop/cart:2.1
  lattice bundle save shop.tar -f shop.yaml --sign   what a manifest needs, signed here")]
pub(super) struct Save {
    /// The file to write
    out: PathBuf,
    /// Images, by tag or digest, and components' files
    images: Vec<String>,
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    sign: SignArgs,
}

#[derive(Serialize)]
struct Saved {
    file: PathBuf,
    images: Vec<SavedImage>,
}

#[derive(Serialize)]
struct SavedImage {
    image: String,
    component: Digest,
    signatures: usize,
}

/// An image on its way into the file.
struct Item {
    name: String,
    media_type: String,
    manifest: Bytes,
    component: Bytes,
    rest: Vec<Bytes>,
    tokens: Vec<String>,
}

impl Save {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let signer = match self.sign.sign {
            true => self.sign.signer(&app.context()?)?,
            false => None,
        };
        let registries = self.manifests.open_images()?.registries().clone();
        let names = self.names()?;
        // Beside its place, so that a file that is there is whole.
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let partial = tempfile_in(folder.unwrap_or(Path::new(".")), &self.out)?;
        let shown = self.out.display().to_string();
        let told = |error| bundle_failure(&shown, &error);
        let mut writer = BundleWriter::new(BufWriter::new(partial.file()?)).map_err(told)?;
        let mut images = Vec::new();
        for (name, source) in names {
            let mut item = Item::get(&name, &source, &registries).await?;
            item.sign(signer.as_ref())?;
            let blobs: Vec<&Bytes> = item.rest.iter().chain([&item.component]).collect();
            writer
                .add(&item.name, &item.media_type, &item.manifest, &blobs, &item.tokens)
                .map_err(told)?;
            images.push(SavedImage {
                component: Digest::of(&item.component),
                signatures: item.tokens.len(),
                image: item.name,
            });
        }
        let mut file = writer.finish().map_err(told)?;
        file.flush().with_context(|| format!("cannot write {shown}"))?;
        partial.keep(&self.out)?;
        let lines = images.iter().map(|saved| {
            let SavedImage {
                image,
                component,
                signatures,
            } = saved;
            let signed = match signatures {
                0 => "not signed".to_owned(),
                some => format!("signed by {some}"),
            };
            format!("{image}  {}  {signed}\n", component.short())
        });
        let text = format!("saved {shown}\n{}", lines.collect::<String>());
        let saved = Saved { file: self.out, images };
        app.print(&Document::single("Bundle", format!("bundle/{shown}"), &saved, text)?)
    }

    /// What goes into the file, each once, by the name it has there.
    fn names(&self) -> Result<BTreeMap<String, Name>> {
        let mut names = BTreeMap::new();
        for text in &self.images {
            add(&mut names, Name::read(text)?)?;
        }
        for image in self.manifests.images()? {
            add(&mut names, image)?;
        }
        if names.is_empty() {
            return Err(Failure::usage("nothing was named that could be saved")
                .help("name images or components' files, or a manifest with -f FILE")
                .into());
        }
        Ok(names)
    }
}

fn add(names: &mut BTreeMap<String, Name>, name: Name) -> Result<()> {
    let known_as = match &name {
        Name::Image(image) => image.to_string(),
        Name::File(file) => {
            let stem = Path::new(file)
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            stem.unwrap_or_else(|| file.clone())
        }
    };
    match names.get(&known_as) {
        Some(other) if *other != name => {
            Err(Failure::usage(format!("two files would be called `{known_as}` in the bundle")).into())
        }
        _ => {
            names.insert(known_as, name);
            Ok(())
        }
    }
}

impl Item {
    async fn get(known_as: &str, name: &Name, registries: &Registries) -> Result<Self> {
        match name {
            Name::File(file) => Self::of_file(known_as, file),
            Name::Image(image) => {
                let pulled = Self::pull(image, registries).await;
                Ok(pulled.map_err(|error| failure(&error))?)
            }
        }
    }

    fn of_file(known_as: &str, file: &str) -> Result<Self> {
        let packed = pack(read_component(file)?.bytes.into())?;
        Ok(Self {
            name: known_as.to_owned(),
            media_type: packed.described().media_type.clone(),
            manifest: packed.manifest,
            component: packed.component,
            rest: vec![packed.config],
            tokens: Vec::new(),
        })
    }

    async fn pull(image: &ImageRef, registries: &Registries) -> Result<Self, OciError> {
        let repository = registries.open(image).await?;
        let resolved = repository.resolve().await?;
        let bar = ByteBar::new(&image.to_string(), resolved.component.size);
        let component = repository
            .component(&resolved, ARTIFACT_BYTES_MAX, &|bytes| bar.at(bytes))
            .await?;
        Ok(Self {
            name: image.to_string(),
            component,
            rest: repository.rest(&resolved, ARTIFACT_BYTES_MAX).await?,
            tokens: repository.signatures(&resolved.manifest.digest).await?,
            media_type: resolved.manifest.media_type,
            manifest: resolved.manifest_bytes,
        })
    }

    fn sign(&mut self, signer: Option<&Signer>) -> Result<()> {
        if let Some(signer) = signer {
            let (component, manifest) = (Digest::of(&self.component), Digest::of(&self.manifest));
            self.tokens.push(signer.sign(component, Some(manifest), &self.name)?);
        }
        Ok(())
    }
}

/// A file that is removed unless it is kept.
struct Partial(PathBuf);

fn tempfile_in(folder: &Path, out: &Path) -> Result<Partial> {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Failure::usage(format!("{} names no file", out.display())))?;
    Ok(Partial(folder.join(format!(".{name}.{}", std::process::id()))))
}

impl Partial {
    fn file(&self) -> Result<File> {
        File::create(&self.0).with_context(|| format!("cannot write {}", self.0.display()))
    }

    fn keep(self, out: &Path) -> Result<()> {
        std::fs::rename(&self.0, out).with_context(|| format!("cannot write {}", out.display()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = std::fs::remove_file(&self.0);
    }
}
