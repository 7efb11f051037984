//! Registries, as a command line names them and as their failures are told.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lattice_oci::{Bundle, BundleError, OciError, OciErrorKind, Registries};

use crate::failure::{Exit, Failure};

/// How registries are spoken to.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RegistryArgs {
    /// Speaks plain HTTP to this registry, `host:port`; may be repeated. To those on this machine it does so anyway
    #[arg(
        long = "insecure-registry",
        env = "LATTICE_INSECURE_REGISTRIES",
        value_name = "HOST",
        value_delimiter = ','
    )]
    insecure: Vec<String>,
}

/// Where images are taken from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ImageArgs {
    /// Takes images from this file, which `lattice bundle save` wrote, and asks no registry
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

impl RegistryArgs {
    /// What the library takes. Credentials are those of Docker.
    pub(crate) fn registries(&self) -> Registries {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| etcetera::home_dir().ok().map(|home| home.join(".docker")));
        Registries {
            insecure: self.insecure.iter().cloned().collect(),
            docker_config: folder.map(|folder| folder.join("config.json")),
        }
    }
}

impl ImageArgs {
    /// The bundle that was named.
    pub(crate) fn open_bundle(&self) -> Result<Option<Bundle>> {
        let Some(path) = &self.bundle else { return Ok(None) };
        let opened = Bundle::open(path);
        let failed = |error: BundleError| bundle_failure(&path.display().to_string(), &error);
        Ok(Some(opened.map_err(failed)?))
    }
}

/// A registry's failure, as it is told.
pub(crate) fn failure(error: &OciError) -> Failure {
    let exit = match error.kind() {
        OciErrorKind::NotFound => Exit::NotFound,
        OciErrorKind::Denied => Exit::Denied,
        OciErrorKind::Unreachable | OciErrorKind::Unusable => Exit::Failed,
    };
    let mut failure = Failure::new(exit, error.to_string()).help(error.help());
    if let Some(cause) = std::error::Error::source(error) {
        failure = failure.because(cause);
    }
    failure
}

/// A bundle's failure, as it is told.
pub(crate) fn bundle_failure(file: &str, error: &BundleError) -> Failure {
    let missing = matches!(error, BundleError::File(cause) if cause.kind() == std::io::ErrorKind::NotFound);
    if missing {
        return Failure::not_found(format!("there is no file {file}"));
    }
    let mut failure = Failure::failed(format!("the bundle {file} cannot be used: {error}"))
        .help("`lattice bundle save` writes one, as does `skopeo copy … oci-archive:FILE`");
    if let Some(cause) = std::error::Error::source(error) {
        failure = failure.because(cause);
    }
    failure
}
