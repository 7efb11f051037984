//! From a name to a component.

use std::path::Path;

use anyhow::Result;
use lattice_control::{ARTIFACT_BYTES_MAX, ControlError, ErrorKind};
use lattice_oci::{Bundle, Bundled, Image, ImageRef, OciErrorKind, Registries};

use super::registry::bundle_failure;
use super::{ByteBar, Fetched, ImageArgs, failure};
use crate::{actor_spec, failure::Failure, session::Session};

/// What somebody typed where a component is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A file.
    File(String),
    /// An image in a registry.
    Image(ImageRef),
}

impl Name {
    /// A file if there is one, or if it ends as components do; an image if it begins with the name of a machine.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let is_file = text.starts_with("file://") || Path::new(text).exists();
        let looks_like_file = text.ends_with(".wasm") && !text.starts_with("oci://");
        if is_file || looks_like_file || !ImageRef::looks_like(text) {
            return Ok(Self::File(text.to_owned()));
        }
        let image = text.parse().map_err(|error: lattice_oci::BadReference| {
            Failure::usage(error.to_string()).help("write a file, or an image: registry.example/shop/web:1.2.0")
        })?;
        Ok(Self::Image(image))
    }
}

/// Where components are taken from.
pub(crate) struct Images {
    registries: Registries,
    bundle: Option<Bundle>,
}

impl Images {
    /// As the command line says.
    pub(crate) fn open(args: &ImageArgs) -> Result<Self> {
        Ok(Self {
            registries: args.registry.registries(),
            bundle: args.open_bundle()?,
        })
    }

    /// Gets a component. An image that is named by its digest comes from the lattice if that has it: then no registry is asked.
    pub(crate) async fn get(&self, name: &Name, session: Option<&Session>) -> Result<Fetched> {
        match name {
            Name::File(file) => {
                let read = actor_spec::read_component(file)?;
                Ok(Fetched::of_file(read.image, read.bytes.into()))
            }
            Name::Image(image) => self.image(image, session).await,
        }
    }

    async fn image(&self, image: &ImageRef, session: Option<&Session>) -> Result<Fetched> {
        if let Some(bundle) = &self.bundle {
            return from_bundle(bundle, image);
        }
        if let Some(session) = session
            && let Some(known) = from_lattice(session, image).await?
        {
            return Ok(known);
        }
        self.pull(image).await
    }

    /// The signatures of an image that its registry has; none when it cannot be asked.
    pub(super) async fn signatures(&self, image: &str) -> Vec<String> {
        let asked = async {
            let image: ImageRef = image.parse().ok()?;
            let repository = self.registries.open(&image).await.ok()?;
            repository.signatures(image.digest()?).await.ok()
        };
        match self.bundle {
            Some(_) => Vec::new(),
            None => asked.await.unwrap_or_default(),
        }
    }

    /// How registries are spoken to.
    pub(crate) fn registries(&self) -> &Registries {
        &self.registries
    }

    async fn pull(&self, image: &ImageRef) -> Result<Fetched> {
        let pulled = async {
            let repository = self.registries.open(image).await?;
            let resolved = repository.resolve().await?;
            let bar = ByteBar::new(&image.to_string(), resolved.component.size);
            let bytes = repository
                .component(&resolved, ARTIFACT_BYTES_MAX, &|bytes| bar.at(bytes))
                .await?;
            let tokens = repository.signatures(&resolved.manifest.digest).await?;
            Ok((resolved, bytes, tokens))
        };
        let (resolved, bytes, tokens) = pulled.await.map_err(|error: lattice_oci::OciError| {
            let failure = failure(&error);
            match error.kind() {
                OciErrorKind::Unreachable => failure.help(format!(
                    "{}; without a registry, name the image by its digest if the lattice has it, or take it from a file: --bundle FILE",
                    error.help()
                )),
                _ => failure,
            }
        })?;
        Ok(Fetched {
            image: resolved.reference.to_string(),
            digest: resolved.component.digest,
            bytes,
            manifest: Some(resolved.manifest_bytes),
            tokens,
        })
    }
}

fn from_bundle(bundle: &Bundle, image: &ImageRef) -> Result<Fetched> {
    let bundled = bundle.find(image).ok_or_else(|| {
        let names: Vec<&str> = bundle
            .images()
            .iter()
            .filter_map(|bundled| bundled.name.as_deref())
            .collect();
        Failure::not_found(format!("the bundle has no image {image}")).help(format!("it has {}", names.join(", ")))
    })?;
    of_bundled(bundle, bundled, &image.pinned(bundled.manifest.digest).to_string())
}

/// A component of a bundle, known as `image` from now on.
pub(crate) fn of_bundled(bundle: &Bundle, bundled: &Bundled, image: &str) -> Result<Fetched> {
    let told = |error| bundle_failure("that was named", &error);
    Ok(Fetched {
        image: image.to_owned(),
        digest: bundled.component.digest,
        bytes: bundle.component(bundled, ARTIFACT_BYTES_MAX).map_err(told)?,
        manifest: Some(bundle.manifest(bundled).map_err(told)?),
        tokens: bundled.signatures.clone(),
    })
}

/// An image that the lattice has all of, by its digest.
async fn from_lattice(session: &Session, image: &ImageRef) -> Result<Option<Fetched>> {
    let Some(manifest) = image.digest() else {
        return Ok(None);
    };
    let known = async {
        let manifest = session.client.artifact(manifest).await?;
        let Ok(image) = Image::read(image, manifest.clone()) else {
            return Err(ControlError::not_found("it is no image"));
        };
        let bytes = session.client.artifact(&image.component.digest).await?;
        Ok::<_, ControlError>(Fetched {
            image: image.reference.to_string(),
            digest: image.component.digest,
            bytes,
            manifest: Some(manifest),
            tokens: Vec::new(),
        })
    };
    match known.await {
        Ok(fetched) => Ok(Some(fetched)),
        // What lies there under its name may be somebody else's doing; the registry knows better.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Denied) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_images_are_told_apart() {
        let check = |text: &str, is_image: bool| {
            let name = Name::read(text).expect(text);
            assert_eq!(matches!(name, Name::Image(_)), is_image, "{text}");
        };
        check("hello.wasm", false);
        check("./hello.wasm", false);
        check("file:///a/b.wasm", false);
        check("target/wasm32-wasip2/hello.wasm", false);
        check("/abs/hello", false);
        check("hello", false);
        check("127.0.0.1:5000/hello:1", true);
        check("ghcr.io/shop/web:1.0", true);
        check("oci://ghcr.io/shop/web.wasm", true);
        check("localhost/web", true);
        assert!(Name::read("ghcr.io/Shop/web:1.0").is_err());
    }
}
