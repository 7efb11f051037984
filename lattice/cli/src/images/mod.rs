//! Components from wherever they are: files, registries, bundles, the lattice itself. From here on a digest says what is meant.

mod bar;
mod fetched;
mod policy;
mod registry;
mod sign;
mod source;

pub(crate) use bar::ByteBar;
pub(crate) use fetched::Fetched;
pub(crate) use policy::{check_policy, verdicts};
pub(crate) use registry::{ImageArgs, RegistryArgs, bundle_failure, failure};
pub(crate) use sign::{SignArgs, Signer};
pub(crate) use source::{Images, Name, of_bundled};
