//! Local files that stand for images of registries.

use std::path::PathBuf;

use crate::image::resolve_path;
use crate::mistake::Mistakes;
use crate::read::{At, Read, Reader, Table};
use crate::source::{Source, SourceText};
use crate::tree::documents;

/// Which file stands for which image.
///
/// ```
/// use lattice_manifest::{ImageAliases, Source};
///
/// let text = "ghcr.io/example/web:1.0: build/web.wasm\n\"ghcr.io/example/kv:*\": build/kv.wasm\n";
/// let source = Source { name: "aliases.yaml".into(), text: text.into(), folder: "/shop".into() };
/// let aliases = ImageAliases::read(&source)?;
/// assert_eq!(aliases.resolve("ghcr.io/example/kv:2"), Some("/shop/build/kv.wasm".into()));
/// assert_eq!(aliases.resolve("ghcr.io/example/web:2"), None);
/// # Ok::<(), lattice_manifest::Mistakes>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageAliases(Vec<Alias>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Alias {
    /// The image, or what it begins with.
    image: String,
    is_prefix: bool,
    file: PathBuf,
}

impl ImageAliases {
    /// Reads a mapping of images to files. An image that ends in `*` is every image that begins so; a relative file is meant from the
    /// folder of the source.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn read(source: &Source) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(SourceText::new(source));
        let mut aliases = Vec::new();
        for document in documents(&mut reader) {
            let table: Option<Table<String>> = Read::read(&document, &mut reader);
            for (image, At { value: file, .. }) in table.map(|table| table.0).unwrap_or_default() {
                let (text, is_prefix) = match image.value.strip_suffix('*') {
                    Some(prefix) => (prefix.to_owned(), true),
                    None => (image.value.clone(), false),
                };
                aliases.push(Alias {
                    image: text,
                    is_prefix,
                    file: resolve_path(&source.folder, file.strip_prefix("file://").unwrap_or(&file)),
                });
            }
        }
        if reader.has_errors() {
            return Err(Mistakes::new(reader.take_mistakes()));
        }
        Ok(Self(aliases))
    }

    /// The file that stands for an image: that of the image itself, else that of the longest beginning.
    pub fn resolve(&self, image: &str) -> Option<PathBuf> {
        let exact = self.0.iter().find(|alias| !alias.is_prefix && alias.image == image);
        let begins_so = |alias: &&Alias| alias.is_prefix && image.starts_with(&alias.image);
        let longest = || self.0.iter().filter(begins_so).max_by_key(|alias| alias.image.len());
        exact.or_else(longest).map(|alias| alias.file.clone())
    }
}
