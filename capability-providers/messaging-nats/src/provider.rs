//! The provider: its links in both directions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_bus::{Bus, Headers};
use lattice_core::{InterfacePattern, LinkId, Party};
use parking_lot::Mutex;
use provider_sdk::broker::Broker;
use provider_sdk::capability::Messaging;
use provider_sdk::config::ConfigReader;
use provider_sdk::provider::check_interface;
use provider_sdk::telemetry::Tracer;
use provider_sdk::{ActorInvoker, Health, LinkBinding, LinkError, Provider, ProviderSetup, ShutdownReport, StartError};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::{ConsumerConfig, HandlerConfig};
use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::heard::Ear;
use crate::intake::Intake;

/// The kind that this provider is started by.
pub const KIND: &str = "messaging-nats";

/// Messages that a subscription holds for the moment it takes to put them with those that wait.
const SUBSCRIPTION_CAPACITY: usize = 256;
/// Longest wait for a new subscription to be in effect at the server.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries messages between NATS and linked actors.
pub struct NatsMessaging {
    bus: Bus,
    invoker: Arc<dyn ActorInvoker>,
    tracer: Tracer,
    serves: Vec<InterfacePattern>,
    drives: Vec<InterfacePattern>,
    consumers: Mutex<HashMap<LinkId, Arc<Consumer>>>,
    handlers: Mutex<HashMap<LinkId, Handler>>,
    /// Intakes and the deliveries they started.
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

/// A link's intake; dropping it stops the intake.
struct Handler {
    _stop: DropGuard,
}

impl NatsMessaging {
    /// Makes the provider, and connects if it is to work on another NATS system than the lattice's.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration; or a NATS system that cannot be reached.
    pub async fn start(setup: ProviderSetup) -> Result<Arc<Self>, StartError> {
        let mut reader = ConfigReader::new(&setup.config);
        let broker = Broker::read(&mut reader, setup.name.as_str());
        reader.finish().map_err(StartError::Config)?;
        let bus = broker.connect(&setup).await?;
        let interface = |text: &str| text.parse().expect("a constant interface is well-formed");
        Ok(Arc::new(Self {
            bus,
            invoker: setup.invoker,
            tracer: setup.tracer,
            serves: vec![interface("wasmcloud:messaging/consumer")],
            drives: vec![interface("wasmcloud:messaging/handler")],
            consumers: Mutex::default(),
            handlers: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        }))
    }

    /// Waits until the server has seen all that went before: it handles what one connection sends in order, so a message to
    /// ourselves comes back after that.
    async fn confirm(&self) {
        let inbox = self.bus.new_inbox();
        if let Ok(mut echo) = self.bus.subscribe(&inbox, None, 1).await
            && self.bus.publish(&inbox, Headers::new(), Bytes::new()).await.is_ok()
        {
            echo.recv().await;
        }
    }

    fn link_consumer(&self, binding: &LinkBinding) -> Result<(), LinkError> {
        check_interface(KIND, &self.serves, binding)?;
        let link = binding.link.id.clone();
        let config = ConsumerConfig::read(&binding.config).map_err(LinkError::Config)?;
        if config.publish.is_empty() {
            warn!(%link, "the link names no subjects to publish to; the actor can only answer");
        }
        let consumer = Consumer {
            bus: self.bus.clone(),
            config,
        };
        self.consumers.lock().insert(link, Arc::new(consumer));
        Ok(())
    }

    async fn link_handler(&self, binding: &LinkBinding) -> Result<(), LinkError> {
        check_interface(KIND, &self.drives, binding)?;
        let link = binding.link.id.clone();
        let Party::Actor(actor) = &binding.link.target else {
            return Err(LinkError::Config(vec![
                "the target of a handler's link must be an actor".to_owned(),
            ]));
        };
        let config = HandlerConfig::read(&binding.config, actor.as_str()).map_err(LinkError::Config)?;
        let mut subscriptions = Vec::with_capacity(config.subscriptions.len());
        for spec in &config.subscriptions {
            let subscribed = self
                .bus
                .subscribe(spec.subject.as_str(), Some(&spec.queue), SUBSCRIPTION_CAPACITY)
                .await;
            let subscription = subscribed.map_err(|error| LinkError::Unavailable(error.to_string()))?;
            subscriptions.push(Ear::new(subscription, spec.key));
        }
        // Once this returns, a message sent by anyone is heard; while NATS is away, the subscriptions are made when it is back.
        if self.bus.is_connected() && tokio::time::timeout(SUBSCRIBE_TIMEOUT, self.confirm()).await.is_err() {
            return Err(LinkError::Unavailable(
                "NATS did not confirm the subscriptions in time".to_owned(),
            ));
        }
        let subjects: Vec<&str> = config.subscriptions.iter().map(|spec| spec.subject.as_str()).collect();
        info!(%link, ?subjects, "subscribed");
        let stop = self.stop.child_token();
        let delivery = Delivery {
            bus: self.bus.clone(),
            invoker: Arc::clone(&self.invoker),
            link: link.clone(),
            tracer: self.tracer.clone(),
        };
        let intake = Intake {
            delivery: Arc::new(delivery),
            config,
            tasks: self.tasks.clone(),
            stop: stop.clone(),
            abort: self.abort.clone(),
        };
        self.tasks.spawn(intake.run(subscriptions));
        // An intake of an earlier generation stops only now; both were in the same queue groups, so nothing came twice.
        self.handlers.lock().insert(
            link,
            Handler {
                _stop: stop.drop_guard(),
            },
        );
        Ok(())
    }
}

#[async_trait]
impl Provider for NatsMessaging {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn serves(&self) -> &[InterfacePattern] {
        &self.serves
    }

    fn drives(&self) -> &[InterfacePattern] {
        &self.drives
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        match &binding.link.source {
            Party::Actor(_) => self.link_consumer(&binding),
            Party::Provider(_) => self.link_handler(&binding).await,
        }
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        let consumer = self.consumers.lock().remove(link).is_some();
        let handler = self.handlers.lock().remove(link).is_some();
        if consumer || handler {
            info!(%link, "messaging link closed");
        }
        Ok(())
    }

    fn messaging(&self, link: &LinkId) -> Option<Arc<dyn Messaging>> {
        let consumer = Arc::clone(self.consumers.lock().get(link)?);
        Some(consumer)
    }

    async fn health(&self) -> Health {
        if self.bus.is_connected() {
            Health::Healthy
        } else {
            Health::Degraded("not connected to NATS".to_owned())
        }
    }

    async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.stop.cancel();
        self.handlers.lock().clear();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return ShutdownReport::Drained;
        }
        let cut_off = self.tasks.len();
        self.abort.cancel();
        self.tasks.wait().await;
        ShutdownReport::Aborted(cut_off)
    }
}

impl Drop for NatsMessaging {
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
    }
}
