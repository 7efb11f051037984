//! Reads manifests: what people write to say what shall run, and where.
//!
//! There are two forms, our own (`apiVersion: lattice.dev/v1`) and that of wadm (`core.oam.dev/v1beta1`), in YAML or JSON, several in
//! one file if need be. Either becomes a [`Manifest`], which becomes a [`lattice_core::Application`] once somebody has looked up the
//! digests of its images. Nothing here touches a disk or a network: the caller brings the text.
//!
//! Whatever is wrong is told at once, each mistake with its line, its column and the words there:
//!
//! ```
//! use lattice_manifest::{Options, Source, read};
//!
//! let text = "apiVersion: lattice.dev/v1\nkind: Application\nmetadata: {name: shop}\nspec:\n  actors:\n    - name: web\n      image: file://web.wasm\n      replcias: 3\n";
//! let source = Source { name: "shop.yaml".into(), text: text.into(), folder: ".".into() };
//! let mistakes = read(&source, &Options::default()).expect_err("a misspelt key");
//! assert_eq!(
//!     mistakes.to_string(),
//!     "shop.yaml:8:7: error: unknown key `replcias` in an actor\n  |\n8 |       replcias: 3\n  |       ^^^^^^^^\n help: did you mean `replicas`?"
//! );
//! ```
//!
//! From the text to the manifest: `tree` is the text with its places, `read` takes typed forms out of a tree, `native` and `wadm` make
//! drafts of those forms, and `draft` checks what both have in common.

// What comes in, and what is said about it.
mod mistake;
mod snippet;
mod source;

// From text to typed forms.
mod nearest;
mod read;
mod tree;

// What the forms have in common.
mod aliases;
mod draft;
mod image;
mod interfaces;
mod kinds;

// The forms.
mod document;
mod native;
mod wadm;

// What comes out.
mod manifest;
mod schema;
mod worlds;

pub use aliases::ImageAliases;
pub use document::read;
pub use image::Image;
pub use manifest::{Manifest, MissingDigest, Part};
pub use mistake::{Mistake, Mistakes, Severity};
pub use schema::json_schema;
pub use source::{Options, Source};
pub use worlds::World;
