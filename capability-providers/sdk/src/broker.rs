//! Which NATS system a provider works on: the lattice's own, or another that its configuration names.
//!
//! | provider key | meaning |
//! |---|---|
//! | `url` | servers of another NATS system, comma-separated |
//! | `credentials` | a `.creds` file for it |
//! | `domain` | its JetStream domain |

use std::path::PathBuf;
use std::time::Duration;

use lattice_bus::{Bus, BusConfig, Credentials};

use crate::config::ConfigReader;
use crate::{ProviderSetup, StartError};

/// How long a provider's start waits for a NATS system that is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Another NATS system, if the configuration names one.
#[derive(Clone, Debug, Default)]
pub struct Broker(Option<BusConfig>);

impl Broker {
    /// Reads the keys.
    pub fn read(reader: &mut ConfigReader<'_>, provider: &str) -> Self {
        let url = reader.list("url");
        let credentials = reader.text("credentials").map(PathBuf::from);
        let domain = reader.text("domain").map(str::to_owned);
        let Some(url) = url else {
            if credentials.is_some() || domain.is_some() {
                reader.mistake(
                    "url",
                    "is missing; `credentials` and `domain` are of another NATS system",
                );
            }
            return Self(None);
        };
        let mut config = BusConfig::new(format!("lattice provider {provider}"))
            .servers(url)
            .patience(PATIENCE);
        config.credentials = credentials.map(Credentials::File);
        config.jetstream_domain = domain;
        Self(Some(config))
    }

    /// Returns a connection to it, or the lattice's own.
    ///
    /// # Errors
    ///
    /// When the other system cannot be reached or refuses us.
    pub async fn connect(self, setup: &ProviderSetup) -> Result<Bus, StartError> {
        match self.0 {
            None => Ok(setup.bus.clone()),
            Some(config) => Bus::connect(config)
                .await
                .map_err(|error| StartError::Unavailable(format!("NATS: {error}"))),
        }
    }
}
