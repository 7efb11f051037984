//! The provider: its links and the buckets behind them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use lattice_bus::Bus;
use lattice_core::{InterfacePattern, LinkId};
use parking_lot::Mutex;
use provider_sdk::broker::Broker;
use provider_sdk::capability::KeyValue;
use provider_sdk::config::ConfigReader;
use provider_sdk::{Health, LinkBinding, LinkError, Provider, ProviderSetup, ShutdownReport, StartError};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::{LinkConfig, MakeBucket};
use crate::place::Place;
use crate::store::Store;

/// The kind that this provider is started by.
pub const KIND: &str = "keyvalue-nats";

/// How long taking up a link waits for JetStream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `wasi:keyvalue` from JetStream key-value buckets.
pub struct NatsKeyValue {
    bus: Bus,
    serves: Vec<InterfacePattern>,
    state: Mutex<State>,
    /// Writes of increments.
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    links: HashMap<LinkId, Arc<Store>>,
    /// The buckets that some link opens, by name: the increments of all links to one bucket go together.
    places: HashMap<String, Weak<Place>>,
}

impl NatsKeyValue {
    /// Makes the provider, and connects if it is to work on another NATS system than the lattice's.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration; or a NATS system that cannot be reached.
    pub async fn start(setup: ProviderSetup) -> Result<Arc<Self>, StartError> {
        let mut reader = ConfigReader::new(&setup.config);
        let broker = Broker::read(&mut reader, setup.name.as_str());
        reader.finish().map_err(StartError::Config)?;
        Ok(Self::new(broker.connect(&setup).await?))
    }

    /// Makes the provider on a connection.
    #[must_use]
    pub fn new(bus: Bus) -> Arc<Self> {
        let serves = vec!["wasi:keyvalue".parse().expect("a constant interface is well-formed")];
        Arc::new(Self {
            bus,
            serves,
            state: Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    fn place(&self, name: &str, make: MakeBucket) -> Arc<Place> {
        let mut state = self.state.lock();
        state.places.retain(|_, place| place.strong_count() > 0);
        if let Some(place) = state.places.get(name).and_then(Weak::upgrade) {
            return place;
        }
        let place = Arc::new(Place::new(self.bus.clone(), make.config(name), self.tasks.clone()));
        state.places.insert(name.to_owned(), Arc::downgrade(&place));
        place
    }
}

#[async_trait]
impl Provider for NatsKeyValue {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn serves(&self) -> &[InterfacePattern] {
        &self.serves
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        provider_sdk::provider::check_interface(KIND, &self.serves, &binding)?;
        let link = binding.link.id.clone();
        let LinkConfig { buckets, make } =
            LinkConfig::read(&binding.config, &binding.link).map_err(LinkError::Config)?;
        let places: HashMap<String, Arc<Place>> = buckets
            .targets()
            .map(|name| (name.to_owned(), self.place(name, make)))
            .collect();
        let opening = places.iter().map(|(name, place)| open(&link, name, place));
        futures::future::try_join_all(opening).await?;
        self.state
            .lock()
            .links
            .insert(link, Arc::new(Store { buckets, places }));
        Ok(())
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        if self.state.lock().links.remove(link).is_some() {
            info!(%link, "buckets closed");
        }
        Ok(())
    }

    fn keyvalue(&self, link: &LinkId) -> Option<Arc<dyn KeyValue>> {
        let store = Arc::clone(self.state.lock().links.get(link)?);
        Some(store)
    }

    async fn health(&self) -> Health {
        if self.bus.is_connected() {
            Health::Healthy
        } else {
            Health::Degraded("not connected to NATS".to_owned())
        }
    }

    async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.state.lock().links.clear();
        self.tasks.close();
        match tokio::time::timeout(grace, self.tasks.wait()).await {
            Ok(()) => ShutdownReport::Drained,
            // They end by themselves at their deadlines.
            Err(_) => ShutdownReport::Aborted(self.tasks.len()),
        }
    }
}

/// Opens a bucket for a new link. JetStream being away is no reason to refuse the link: a call opens the bucket then.
async fn open(link: &LinkId, name: &str, place: &Place) -> Result<(), LinkError> {
    match tokio::time::timeout(OPEN_TIMEOUT, place.open()).await {
        Ok(Ok(_)) => info!(%link, bucket = name, "bucket opened"),
        Ok(Err(error)) if !error.is_unavailable() => {
            return Err(LinkError::Unavailable(format!("bucket `{name}`: {error}")));
        }
        Ok(Err(_)) | Err(_) => warn!(%link, bucket = name, "bucket cannot be opened yet: JetStream does not answer"),
    }
    Ok(())
}
