//! From actors to NATS.

use std::time::{Duration, Instant};

use lattice_testkit::NatsServer;
use provider_sdk::Provider as _;
use provider_sdk::capability::{BrokerMessage, MessagingError, SpanRef, TraceContext};

use crate::support::{LIMIT, connect, consumer, provider};

fn message(subject: &str) -> BrokerMessage {
    BrokerMessage {
        subject: subject.to_owned(),
        body: "x".into(),
        reply_to: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_link_names_goes_out() {
    let nats = NatsServer::start().await;
    let bus = connect(&nats).await;
    let mut everything = bus.subscribe(">", None, 100).await.unwrap();
    // Somebody who hears everything hears this too, and then is known to.
    bus.publish("listening", Default::default(), "".into()).await.unwrap();
    everything.recv().await.unwrap();
    let provider = provider(&nats, |_, _| async { Ok(Ok(())) }).await;
    let (messaging, mut ctx) = consumer(&provider, &[("publish", "orders.*")]).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    ctx.trace = TraceContext::parse(traceparent, None).map(SpanRef::remote);
    for subject in [
        "other",
        "lat.test.ctl.all.ping",
        "$JS.API.INFO",
        "orders.*",
        "orders.1.2",
        "",
    ] {
        let refused = messaging.publish(&ctx, message(subject)).await;
        assert!(
            matches!(refused, Err(MessagingError::Denied { .. })),
            "{subject}: {refused:?}"
        );
        let refused = messaging.request(&ctx, subject, "x".into(), LIMIT).await;
        assert!(
            matches!(refused, Err(MessagingError::Denied { .. })),
            "{subject}: {refused:?}"
        );
    }
    let to_the_lattice = BrokerMessage {
        reply_to: Some("lat.test.ctl.all.ping".to_owned()),
        ..message("orders.1")
    };
    assert!(matches!(
        messaging.publish(&ctx, to_the_lattice).await,
        Err(MessagingError::Denied { .. })
    ));
    messaging.publish(&ctx, message("orders.1")).await.unwrap();
    let heard = loop {
        let heard = everything.recv().await.expect("the bus is open");
        if !heard.subject.starts_with("_INBOX") {
            break heard;
        }
    };
    assert_eq!(heard.subject, "orders.1", "it is the first that was sent");
    assert_eq!(heard.headers.get("traceparent"), Some(traceparent));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_or_end() {
    let nats = NatsServer::start().await;
    let bus = connect(&nats).await;
    let mut service = bus.subscribe("service.*", None, 100).await.unwrap();
    bus.round_trip(LIMIT).await.unwrap();
    let answering = bus.clone();
    let serving = tokio::spawn(async move {
        while let Some(asked) = service.recv().await {
            if asked.subject == "service.echo" {
                answering
                    .publish(&asked.reply.unwrap(), Default::default(), asked.payload)
                    .await
                    .unwrap();
            }
        }
    });
    let provider = provider(&nats, |_, _| async { Ok(Ok(())) }).await;
    let (messaging, mut ctx) = consumer(&provider, &[("publish", ">")]).await;
    let answer = messaging
        .request(&ctx, "service.echo", "hello".into(), LIMIT)
        .await
        .unwrap();
    assert_eq!(answer.body, "hello");
    let nobody = messaging.request(&ctx, "nobody", "x".into(), LIMIT).await;
    assert_eq!(nobody, Err(MessagingError::NoResponders("nobody".into())));
    let silent = messaging
        .request(&ctx, "service.silent", "x".into(), Duration::from_millis(50))
        .await;
    assert_eq!(silent, Err(MessagingError::TimedOut("service.silent".into())));
    ctx.deadline = Instant::now() + Duration::from_millis(50);
    let silent = messaging.request(&ctx, "service.silent", "x".into(), LIMIT).await;
    assert_eq!(
        silent,
        Err(MessagingError::TimedOut("service.silent".into())),
        "the deadline is the sooner"
    );
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused() {
    let nats = NatsServer::start().await;
    let provider = provider(&nats, |_, _| async { Ok(Ok(())) }).await;
    let (messaging, ctx) = consumer(&provider, &[("publish", ">")]).await;
    let max = connect(&nats).await.max_payload();
    let large = BrokerMessage {
        body: vec![0; max + 1].into(),
        ..message("a")
    };
    assert!(matches!(
        messaging.publish(&ctx, large).await,
        Err(MessagingError::TooLarge { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_gone_serves_no_more() {
    let nats = NatsServer::start().await;
    let provider = provider(&nats, |_, _| async { Ok(Ok(())) }).await;
    let (_, ctx) = consumer(&provider, &[]).await;
    provider.unlink(&ctx.link).await.unwrap();
    assert!(provider.messaging(&ctx.link).is_none());
}
