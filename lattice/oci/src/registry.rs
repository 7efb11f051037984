//! Registries, and one repository of one of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;

use crate::credentials;
use crate::error::OciError;
use crate::reference::ImageRef;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a registry may be silent in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// Those to which plain HTTP is spoken, beside those on this machine.
    pub insecure: BTreeSet<String>,
    /// Docker's `config.json`, with the credentials. None: nobody in particular.
    pub docker_config: Option<PathBuf>,
}

/// One image's place in a registry, ready to be read or written.
#[derive(Clone)]
pub struct Repository {
    pub(crate) client: Client,
    pub(crate) image: ImageRef,
    pub(crate) auth: RegistryAuth,
}

impl Registries {
    /// Makes ready to read or write an image. Nothing is asked yet.
    ///
    /// # Errors
    /// When the credentials for its registry cannot be used.
    pub async fn open(&self, image: &ImageRef) -> Result<Repository, OciError> {
        use_ring();
        let auth = credentials::read(self.docker_config.as_deref(), image.registry()).await?;
        let config = ClientConfig {
            protocol: self.protocol(image),
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: concat!("lattice/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| OciError::of(image, &error))?;
        Ok(Repository {
            client,
            image: image.clone(),
            auth,
        })
    }

    fn protocol(&self, image: &ImageRef) -> ClientProtocol {
        if image.is_loopback() || self.insecure.contains(image.registry()) {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        }
    }
}

impl Repository {
    /// The image.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    pub(crate) fn failed(&self, error: &OciDistributionError) -> OciError {
        OciError::of(&self.image, error)
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the credentials.
        f.debug_struct("Repository")
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// The HTTP client under the registry's takes the process' cryptography, and panics where there is none. Whoever installed one first is
/// left alone.
fn use_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Lost to somebody else in the same moment: just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_those_that_were_named() {
        let registries = Registries {
            insecure: BTreeSet::from(["10.0.0.5:5000".to_owned()]),
            docker_config: None,
        };
        let check = |image: &str, expect: ClientProtocol| {
            assert_eq!(
                registries.protocol(&image.parse().expect("an image")),
                expect,
                "{image}"
            );
        };
        check("127.0.0.1:5000/a:1", ClientProtocol::Http);
        check("localhost:5000/a:1", ClientProtocol::Http);
        check("10.0.0.5:5000/a:1", ClientProtocol::Http);
        check("10.0.0.5/a:1", ClientProtocol::Https);
        check("10.0.0.6:5000/a:1", ClientProtocol::Https);
        check("ghcr.io/a:1", ClientProtocol::Https);
    }
}
