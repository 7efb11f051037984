//! A broker on another member, and messages from a provider to an actor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lattice_core::{Fault, FaultKind};
use lattice_mesh::{IncomingCall, Receiver, Reply};
use provider_sdk::capability::messaging::wire::{MessagingReply, MessagingRequest};
use provider_sdk::capability::{BrokerMessage, Messaging as _, MessagingError, SpanRef, TraceContext};
use provider_sdk::remote::RemoteMessaging;
use provider_sdk::testing::lattice::LIMIT;

use crate::support::World;

fn message(subject: &str) -> BrokerMessage {
    BrokerMessage {
        subject: subject.into(),
        body: "hello".into(),
        reply_to: Some("back".into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_publishes_and_asks() {
    let world = World::start().await;
    let (link, mut ctx) = world.link("wasmcloud:messaging").await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    ctx.trace = TraceContext::parse(traceparent, None).map(SpanRef::remote);
    let broker = RemoteMessaging::new(Arc::clone(&world.host.member), link);
    assert_eq!(broker.publish(&ctx, message("a")).await, Ok(()));
    assert!(matches!(
        broker.publish(&ctx, message("forbidden")).await,
        Err(MessagingError::Denied { .. })
    ));
    let answer = broker
        .request(&ctx, "a", "x".into(), Duration::from_millis(1500))
        .await
        .unwrap();
    assert_eq!(answer.reply_to, Some(format!("actor/shop 1.5s Some({traceparent})")));
}

/// A host whose one actor answers by the subject of a message.
struct Shop;

#[async_trait]
impl Receiver for Shop {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        assert_eq!(call.function.as_str(), "handle-message");
        let bytes = call.body.collect(1 << 20).await?;
        let Ok(MessagingRequest::Handle(message)) = rmp_serde::from_slice(&bytes) else {
            panic!("not a message")
        };
        let reply = match &*message.subject {
            "good" => MessagingReply::Done,
            "bad" => MessagingReply::HandlerError("no".to_owned()),
            _ => return Err(Fault::new(FaultKind::Trap, "unreachable")),
        };
        Ok(Reply {
            body: rmp_serde::to_vec_named(&reply).unwrap().into(),
            ..Reply::default()
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_by_itself_drives_an_actor() {
    let world = World::start().await;
    world.host.member.serve(Arc::new(Shop));
    let link = world
        .lattice
        .link("provider/memory", "wasmcloud:messaging/handler", "actor/shop", &[])
        .await;
    world.host.knows(&link).await;
    let invoker = &world.provider.invoker;
    let due = || Instant::now() + LIMIT;
    let handled = lattice_testkit::eventually("the actor to be reached", LIMIT, || async {
        invoker.message(&link, None, message("good"), due(), None).await
    });
    assert_eq!(handled.await, Ok(()));
    assert_eq!(
        invoker.message(&link, None, message("bad"), due(), None).await,
        Ok(Err("no".to_owned()))
    );
    let trap = invoker
        .message(&link, None, message("ugly"), due(), None)
        .await
        .expect_err("it traps");
    assert_eq!(trap.kind, FaultKind::Trap);

    // A link that is another's, or nobody's, opens nothing.
    let other = world
        .lattice
        .link("actor/shop", "wasi:keyvalue", "provider/memory", &[])
        .await;
    let denied = invoker
        .message(&other, None, message("good"), due(), None)
        .await
        .expect_err("not its link");
    assert_eq!(denied.kind, FaultKind::Denied);
}
