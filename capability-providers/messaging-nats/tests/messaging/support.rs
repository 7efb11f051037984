//! An actor that is a function, and a provider in front of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::BoxFuture;
use lattice_bus::{Bus, BusConfig, Headers};
use lattice_core::{ActorKey, Fault, LinkId};
use lattice_testkit::NatsServer;
use provider_messaging_nats::NatsMessaging;
use provider_sdk::capability::{BrokerMessage, CallContext, HttpBody, Messaging, SpanRef};
use provider_sdk::testing::{binding, context};
use provider_sdk::{ActorInvoker, LinkError, Provider as _, ProviderSetup};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) type Handled = Result<Result<(), String>, Fault>;
type Handle = dyn Fn(Option<ActorKey>, BrokerMessage, Option<SpanRef>) -> BoxFuture<'static, Handled> + Send + Sync;

struct FakeActor(Box<Handle>);

#[async_trait]
impl ActorInvoker for FakeActor {
    async fn http(
        &self,
        _: &LinkId,
        _: Option<ActorKey>,
        _: http::Request<HttpBody>,
        _: Instant,
        _: Option<SpanRef>,
    ) -> Result<http::Response<HttpBody>, Fault> {
        unreachable!("a messaging provider has no requests")
    }

    async fn message(
        &self,
        _: &LinkId,
        key: Option<ActorKey>,
        message: BrokerMessage,
        _: Instant,
        trace: Option<SpanRef>,
    ) -> Handled {
        (self.0)(key, message, trace).await
    }
}

pub(crate) async fn connect(nats: &NatsServer) -> Bus {
    Bus::connect(BusConfig::new("test").server(nats.url()).patience(LIMIT))
        .await
        .expect("the server is up")
}

/// Starts a provider on a connection of its own in front of `handle`.
pub(crate) async fn provider<F>(
    nats: &NatsServer,
    handle: impl Fn(BrokerMessage, Option<SpanRef>) -> F + Send + Sync + 'static,
) -> Arc<NatsMessaging>
where
    F: Future<Output = Handled> + Send + 'static,
{
    let handle = move |key: Option<ActorKey>, message, trace| {
        assert_eq!(key, None, "no subscription has a key");
        handle(message, trace)
    };
    keyed_provider(nats, handle).await
}

/// As [`provider`], for subscriptions with keys.
pub(crate) async fn keyed_provider<F>(
    nats: &NatsServer,
    handle: impl Fn(Option<ActorKey>, BrokerMessage, Option<SpanRef>) -> F + Send + Sync + 'static,
) -> Arc<NatsMessaging>
where
    F: Future<Output = Handled> + Send + 'static,
{
    let actor = FakeActor(Box::new(move |key, message, trace| {
        Box::pin(handle(key, message, trace))
    }));
    let setup = ProviderSetup {
        name: "nats".parse().unwrap(),
        config: Default::default(),
        invoker: Arc::new(actor),
        bus: connect(nats).await,
        tracer: provider_sdk::telemetry::Tracer::off(),
    };
    NatsMessaging::start(setup).await.expect("starts")
}

/// Links the provider to the actor `echo`.
pub(crate) async fn handler(provider: &NatsMessaging, config: &[(&str, &str)]) -> Result<LinkId, LinkError> {
    let binding = binding("provider/nats", "wasmcloud:messaging/handler", "actor/echo", config);
    let link = binding.link.id.clone();
    provider.link(binding).await.map(|()| link)
}

/// Links the actor `echo` to the provider.
pub(crate) async fn consumer(provider: &NatsMessaging, config: &[(&str, &str)]) -> (Arc<dyn Messaging>, CallContext) {
    let binding = binding("actor/echo", "wasmcloud:messaging", "provider/nats", config);
    let ctx = context(&binding);
    provider.link(binding).await.expect("links");
    (provider.messaging(&ctx.link).expect("it was linked"), ctx)
}

/// Asks `subject` and returns the body and the error code of the answer.
pub(crate) async fn ask(bus: &Bus, subject: &str, body: &str) -> (String, Option<u16>) {
    let answer = bus
        .request(subject, Headers::new(), body.to_owned().into(), LIMIT)
        .await
        .expect("an answer");
    let code = answer
        .headers
        .get("Nats-Service-Error-Code")
        .map(|code| code.parse().expect("a number"));
    (String::from_utf8_lossy(&answer.payload).into_owned(), code)
}
