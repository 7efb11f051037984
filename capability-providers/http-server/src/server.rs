//! The provider: its addresses, its routes, and its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use lattice_core::{InterfacePattern, LinkId};
use parking_lot::Mutex;
use provider_sdk::telemetry::Tracer;
use provider_sdk::{ActorInvoker, LinkBinding, LinkError, Provider, ProviderSetup, ShutdownReport, StartError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::ServerConfig;
use crate::connection;
use crate::exchange::Target;
use crate::request_id::RequestIds;
use crate::route::RouteSpec;
use crate::table::RouteTable;

/// The kind that this provider is started by.
pub const KIND: &str = "http-server";

/// Connections beyond the limit that hear so at a time; more are closed without a word.
const REFUSALS_MAX: usize = 64;

/// Serves HTTP to the outside from linked actors.
pub struct HttpServer {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    drives: Vec<InterfacePattern>,
    links: Mutex<BTreeMap<LinkId, RouteSpec>>,
}

/// What the connections of a server share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) invoker: Arc<dyn ActorInvoker>,
    pub(crate) tracer: Tracer,
    pub(crate) routes: ArcSwap<RouteTable<Target>>,
    pub(crate) request_ids: RequestIds,
    /// One permit per open connection.
    pub(crate) connections: Arc<Semaphore>,
    /// One permit per connection that is being told there is no room.
    pub(crate) refusals: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when nothing new is to be taken.
    pub(crate) intake: CancellationToken,
    /// Cancelled when what is in flight is to end.
    pub(crate) abort: CancellationToken,
    full: AtomicBool,
}

impl HttpServer {
    /// Binds the configured addresses and begins to answer; with 404 until the first link comes.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration, or the first address that cannot be had.
    pub async fn start(setup: ProviderSetup) -> Result<Arc<Self>, StartError> {
        let config = ServerConfig::read(&setup.config).map_err(StartError::Config)?;
        Self::bind(config, setup.invoker, setup.tracer).await
    }

    /// As [`start`](Self::start), with a configuration that is read already.
    ///
    /// # Errors
    ///
    /// The first address that cannot be had.
    pub async fn bind(
        config: ServerConfig,
        invoker: Arc<dyn ActorInvoker>,
        tracer: Tracer,
    ) -> Result<Arc<Self>, StartError> {
        let mut sockets = Vec::with_capacity(config.addresses.len());
        for address in &config.addresses {
            let unavailable = |error| StartError::Unavailable(format!("cannot listen on {address}: {error}"));
            let socket = TcpListener::bind(address).await.map_err(unavailable)?;
            sockets.push((socket.local_addr().map_err(unavailable)?, socket));
        }
        let addresses: Vec<SocketAddr> = sockets.iter().map(|(address, _)| *address).collect();
        let shared = Arc::new(Shared {
            connections: Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS))),
            config,
            invoker,
            tracer,
            routes: ArcSwap::from_pointee(RouteTable::new(addresses.len())),
            request_ids: RequestIds::new(),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            tasks: TaskTracker::new(),
            intake: CancellationToken::new(),
            abort: CancellationToken::new(),
            full: AtomicBool::new(false),
        });
        for (index, (address, socket)) in sockets.into_iter().enumerate() {
            info!(%address, "listening for HTTP");
            shared
                .tasks
                .spawn(connection::accept(Arc::clone(&shared), socket, index));
        }
        let drives = [INCOMING_HANDLER, HANDLER_P3]
            .map(|interface| interface.parse().expect("a constant interface is well-formed"))
            .to_vec();
        Ok(Arc::new(Self {
            shared,
            addresses,
            drives,
            links: Mutex::new(BTreeMap::new()),
        }))
    }

    /// Returns the addresses that the server listens on, with the ports it really got.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Makes the routing table for these links.
    fn table(
        &self,
        links: &BTreeMap<LinkId, RouteSpec>,
        last: Option<(&LinkId, &RouteSpec)>,
    ) -> Result<RouteTable<Target>, LinkError> {
        let mut table = RouteTable::new(self.addresses.len());
        let others = links
            .iter()
            .filter(|(link, _)| last.is_none_or(|(last, _)| *link != last));
        for (link, spec) in others.chain(last) {
            let target = Arc::new(Target {
                link: link.clone(),
                route: spec.path.to_string(),
                timeout: spec.timeout.unwrap_or(self.shared.config.timeout),
                body_max: spec.body_max.unwrap_or(self.shared.config.body_max),
                key: spec.key.clone(),
            });
            table
                .insert(link, spec, &target)
                .map_err(|conflict| LinkError::Conflict {
                    what: format!("route `{}`", conflict.route),
                    by: conflict.by,
                })?;
        }
        Ok(table)
    }
}

const INCOMING_HANDLER: &str = "wasi:http/incoming-handler";
const HANDLER_P3: &str = "wasi:http/handler";

#[async_trait]
impl Provider for HttpServer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn serves(&self) -> &[InterfacePattern] {
        &[]
    }

    fn drives(&self) -> &[InterfacePattern] {
        &self.drives
    }

    fn endpoints(&self) -> Vec<String> {
        self.addresses
            .iter()
            .map(|address| format!("http://{address}"))
            .collect()
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        provider_sdk::provider::check_interface(KIND, &self.drives, &binding)?;
        let spec = RouteSpec::read(&binding.config, &self.addresses).map_err(LinkError::Config)?;
        let link = binding.link.id.clone();
        // The lock covers the swap too, so that the table in use is always that of the latest change.
        let mut links = self.links.lock();
        let table = self.table(&links, Some((&link, &spec)))?;
        self.shared.routes.store(Arc::new(table));
        info!(%link, route = %spec, "route added");
        links.insert(link, spec);
        Ok(())
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        let mut links = self.links.lock();
        if let Some(spec) = links.remove(link) {
            self.shared.routes.store(Arc::new(self.table(&links, None)?));
            info!(%link, route = %spec, "route removed");
        }
        Ok(())
    }

    async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.shared.intake.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(grace, self.shared.tasks.wait()).await.is_ok() {
            return ShutdownReport::Drained;
        }
        let cut_off = self.shared.tasks.len();
        self.shared.abort.cancel();
        self.shared.tasks.wait().await;
        ShutdownReport::Aborted(cut_off)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.intake.cancel();
        self.shared.abort.cancel();
    }
}

impl Shared {
    /// Says once per episode that connections are being refused.
    pub(crate) fn note_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            warn!(
                connections = self.config.connections,
                "no room for more connections; refusing them"
            );
        }
    }

    pub(crate) fn note_room(&self) {
        if self.full.load(Ordering::Relaxed) {
            self.full.store(false, Ordering::Relaxed);
        }
    }
}
