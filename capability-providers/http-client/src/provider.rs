//! The provider: its links and the requests in flight.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::capture_connection;
use lattice_core::{InterfacePattern, LinkId};
use parking_lot::RwLock;
use provider_sdk::capability::{CallContext, HttpBody, HttpError, OutgoingHttp, RequestOptions, SpanRef};
use provider_sdk::{LinkBinding, LinkError, Provider, ProviderSetup, ShutdownReport, StartError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use crate::body::ResponseBody;
use crate::config::{ClientConfig, LinkConfig};
use crate::connector::{self, Pool};
use crate::{error, request};

/// The kind that this provider is started by.
pub const KIND: &str = "http-client";

/// Sends requests of linked actors to servers outside the lattice.
pub struct HttpClient {
    config: ClientConfig,
    pool: Pool,
    serves: Vec<InterfacePattern>,
    links: RwLock<HashMap<LinkId, Arc<Outlet>>>,
    /// One permit per request in flight, its response's body included.
    requests: Arc<Semaphore>,
}

impl HttpClient {
    /// Makes a client. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration.
    #[expect(clippy::unused_async, reason = "every provider starts by the same call")]
    pub async fn start(setup: ProviderSetup) -> Result<Arc<Self>, StartError> {
        Self::new(ClientConfig::read(&setup.config).map_err(StartError::Config)?)
    }

    /// As [`start`](Self::start), with a configuration that is read already.
    ///
    /// # Errors
    ///
    /// A certificate file that cannot be used.
    pub fn new(config: ClientConfig) -> Result<Arc<Self>, StartError> {
        let serves = ["wasi:http/outgoing-handler", "wasi:http/client"]
            .map(|interface| interface.parse().expect("a constant interface is well-formed"))
            .to_vec();
        Ok(Arc::new(Self {
            pool: connector::pool(&config)?,
            requests: Arc::new(Semaphore::new(config.requests.min(Semaphore::MAX_PERMITS))),
            config,
            serves,
            links: RwLock::default(),
        }))
    }
}

#[async_trait]
impl Provider for HttpClient {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn serves(&self) -> &[InterfacePattern] {
        &self.serves
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        provider_sdk::provider::check_interface(KIND, &self.serves, &binding)?;
        let link = binding.link.id.clone();
        let config = LinkConfig::read(&binding.config, self.config.timeouts).map_err(LinkError::Config)?;
        if config.hosts.is_empty() {
            warn!(%link, "the link allows no hosts; every request over it will be denied");
        } else {
            info!(%link, hosts = %config.hosts, "way out opened");
        }
        let outlet = Outlet {
            config,
            pool: self.pool.clone(),
            requests: Arc::clone(&self.requests),
        };
        self.links.write().insert(link, Arc::new(outlet));
        Ok(())
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        if self.links.write().remove(link).is_some() {
            info!(%link, "way out closed");
        }
        Ok(())
    }

    fn outgoing_http(&self, link: &LinkId) -> Option<Arc<dyn OutgoingHttp>> {
        let outlet = self.links.read().get(link).cloned()?;
        Some(outlet)
    }

    async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.links.write().clear();
        let all = u32::try_from(self.config.requests.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let drained = tokio::time::timeout(grace, self.requests.acquire_many(all)).await;
        let in_flight = self.config.requests - self.requests.available_permits();
        // From here on, requests that are still coming in through a handle fail at once.
        self.requests.close();
        if drained.is_ok() {
            ShutdownReport::Drained
        } else {
            ShutdownReport::Aborted(in_flight)
        }
    }
}

/// One link's way out.
struct Outlet {
    config: LinkConfig,
    pool: Pool,
    requests: Arc<Semaphore>,
}

#[async_trait]
impl OutgoingHttp for Outlet {
    async fn send(
        &self,
        ctx: &CallContext,
        mut request: Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<Response<HttpBody>, HttpError> {
        if let Err(refused) = request::prepare(
            &mut request,
            &self.config.hosts,
            ctx.trace.as_ref().map(SpanRef::context),
        ) {
            debug!(link = %ctx.link, host = request.uri().host(), error = %refused, "request not sent");
            return Err(refused);
        }
        let permit = Arc::clone(&self.requests)
            .try_acquire_owned()
            .map_err(|_| HttpError::ConnectionLimitReached)?;
        let timeouts = self.config.timeouts.narrowed(options);
        let deadline = Instant::from_std(ctx.deadline);

        let mut connected = capture_connection(&mut request);
        let mut exchange = pin!(self.pool.request(request));
        let connect_by = deadline.min(Instant::now() + timeouts.connect);
        let early = tokio::select! {
            response = exchange.as_mut() => Some(response),
            // Without metadata the connection failed, and the exchange is about to say how.
            _ = connected.wait_for_connection_metadata() => None,
            () = tokio::time::sleep_until(connect_by) => return Err(HttpError::ConnectionTimeout),
        };
        let response = match early {
            Some(response) => response,
            None => {
                let answer_by = deadline.min(Instant::now() + timeouts.first_byte);
                timeout_at(answer_by, exchange)
                    .await
                    .map_err(|_| HttpError::ResponseTimeout)?
            }
        };
        let response = response.map_err(|failed| {
            debug!(link = %ctx.link, error = &failed as &dyn std::error::Error, "request failed");
            error::of_request(&failed)
        })?;
        Ok(response.map(|body| ResponseBody::new(body, timeouts.between_bytes, permit).boxed_unsync()))
    }
}
