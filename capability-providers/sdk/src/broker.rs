//! Which NATS system a provider works on: the lattice's own, or another that its configuration names.
//!
//! | provider key | meaning |
//! |---|---|
//! | `url` | servers of another NATS system, comma-separated |
//! | `credentials` | a `.creds` file for it |
//! | `domain` | its JetStream domain; without `url`, one of the lattice's own NATS, such as that of a site |

use std::path::PathBuf;
use std::time::Duration;

use lattice_bus::{Bus, BusConfig, Credentials};

use crate::config::ConfigReader;
use crate::{ProviderSetup, StartError};

/// How long a provider's start waits for a NATS system that is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Another NATS system, if the configuration names one.
#[derive(Clone, Debug)]
pub struct Broker(Chosen);

#[derive(Clone, Debug)]
enum Chosen {
    /// The lattice's own, with the state of this domain if one is named.
    Own(Option<String>),
    Other(Box<BusConfig>),
}

impl Broker {
    /// Reads the keys.
    pub fn read(reader: &mut ConfigReader<'_>, provider: &str) -> Self {
        let url = reader.list("url");
        let credentials = reader.text("credentials").map(PathBuf::from);
        let domain = reader.text("domain").map(str::to_owned);
        let Some(url) = url else {
            if credentials.is_some() {
                reader.mistake("url", "is missing; `credentials` are for another NATS system");
            }
            if domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
                reader.mistake("domain", "is no name of a JetStream domain");
            }
            return Self(Chosen::Own(domain));
        };
        let mut config = BusConfig::new(format!("lattice provider {provider}"))
            .servers(url)
            .patience(PATIENCE);
        config.credentials = credentials.map(Credentials::File);
        config.jetstream_domain = domain;
        Self(Chosen::Other(Box::new(config)))
    }

    /// Returns a connection to it, or the lattice's own.
    ///
    /// # Errors
    ///
    /// When the other system cannot be reached or refuses us.
    pub async fn connect(self, setup: &ProviderSetup) -> Result<Bus, StartError> {
        match self.0 {
            Chosen::Own(None) => Ok(setup.bus.clone()),
            Chosen::Own(Some(domain)) => Ok(setup.bus.in_domain(&domain)),
            Chosen::Other(config) => Bus::connect(*config)
                .await
                .map_err(|error| StartError::Unavailable(format!("NATS: {error}"))),
        }
    }
}

/// Whether it may be a token of a subject, as a domain is.
fn is_domain(text: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '.' | '*' | '>');
    !text.is_empty() && text.chars().all(fits)
}
