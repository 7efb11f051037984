//! The provider: its links and the servers behind them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lattice_core::{InterfacePattern, LinkId};
use parking_lot::Mutex;
use provider_sdk::capability::KeyValue;
use provider_sdk::{Health, LinkBinding, LinkError, Provider, ProviderSetup, ShutdownReport, StartError};
use tracing::{info, warn};

use crate::config::{LinkConfig, RedisConfig};
use crate::server::{Server, ServerUrl};
use crate::store::Store;

/// The kind that this provider is started by.
pub const KIND: &str = "keyvalue-redis";

/// Serves `wasi:keyvalue` from Redis.
pub struct RedisKeyValue {
    config: RedisConfig,
    serves: Vec<InterfacePattern>,
    state: Mutex<State>,
    failing: AtomicBool,
}

#[derive(Default)]
struct State {
    links: HashMap<LinkId, Linked>,
    servers: HashMap<ServerUrl, Server>,
}

struct Linked {
    url: ServerUrl,
    store: Arc<Store>,
}

impl RedisKeyValue {
    /// Makes the provider. Connects when the first call comes, so that it starts while Redis is away.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration.
    #[expect(clippy::unused_async, reason = "every provider starts by the same call")]
    pub async fn start(setup: ProviderSetup) -> Result<Arc<Self>, StartError> {
        let config = RedisConfig::read(&setup.config).map_err(StartError::Config)?;
        Ok(Self::new(config))
    }

    /// As [`start`](Self::start), with a configuration that is read already.
    #[must_use]
    pub fn new(config: RedisConfig) -> Arc<Self> {
        let serves = vec!["wasi:keyvalue".parse().expect("a constant interface is well-formed")];
        Arc::new(Self {
            config,
            serves,
            state: Mutex::default(),
            failing: AtomicBool::new(false),
        })
    }
}

#[async_trait]
impl Provider for RedisKeyValue {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn serves(&self) -> &[InterfacePattern] {
        &self.serves
    }

    fn endpoints(&self) -> Vec<String> {
        vec![self.config.url.to_string()]
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        provider_sdk::provider::check_interface(KIND, &self.serves, &binding)?;
        let link = binding.link.id.clone();
        let LinkConfig { buckets, url } =
            LinkConfig::read(&binding.config, &binding.link).map_err(LinkError::Config)?;
        let url = url.unwrap_or_else(|| self.config.url.clone());
        let mut state = self.state.lock();
        let server = match state.servers.get(&url) {
            Some(server) => server.clone(),
            None => Server::new(&url, &self.config)
                .map_err(|error| LinkError::Unavailable(format!("Redis at {url} cannot be used: {error}")))?,
        };
        state.servers.insert(url.clone(), server.clone());
        let prefixes: Vec<&str> = buckets.targets().collect();
        info!(%link, server = %url, ?prefixes, "store opened");
        state.links.insert(
            link,
            Linked {
                url,
                store: Arc::new(Store { server, buckets }),
            },
        );
        state.forget_unused_servers();
        Ok(())
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        let mut state = self.state.lock();
        if state.links.remove(link).is_some() {
            state.forget_unused_servers();
            info!(%link, "store closed");
        }
        Ok(())
    }

    fn keyvalue(&self, link: &LinkId) -> Option<Arc<dyn KeyValue>> {
        let store = Arc::clone(&self.state.lock().links.get(link)?.store);
        Some(store)
    }

    async fn health(&self) -> Health {
        let servers: Vec<_> = self
            .state
            .lock()
            .servers
            .iter()
            .map(|(url, server)| (url.clone(), server.clone()))
            .collect();
        for (url, server) in servers {
            if let Err(error) = server.ping().await {
                let why = format!("Redis at {url}: {error}");
                if !self.failing.swap(true, Ordering::Relaxed) {
                    warn!(%why, "store is unhealthy");
                }
                return Health::Degraded(why);
            }
        }
        self.failing.store(false, Ordering::Relaxed);
        Health::Healthy
    }

    async fn shutdown(&self, _grace: Duration) -> ShutdownReport {
        // Calls in flight belong to their callers, who hold the store until they are done.
        *self.state.lock() = State::default();
        ShutdownReport::Drained
    }
}

impl State {
    fn forget_unused_servers(&mut self) {
        self.servers
            .retain(|url, _| self.links.values().any(|linked| linked.url == *url));
    }
}
