//! From NATS to actors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use lattice_bus::Headers;
use lattice_core::{Fault, FaultKind};
use lattice_testkit::{NatsServer, eventually};
use provider_sdk::capability::{BrokerMessage, CallContext, Messaging};
use provider_sdk::{LinkError, Provider as _, ShutdownReport};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{LIMIT, ask, connect, consumer, handler, keyed_provider, provider};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_hears_and_answers() {
    let nats = NatsServer::start().await;
    let out: Arc<OnceLock<(Arc<dyn Messaging>, CallContext)>> = Arc::default();
    let actor = Arc::clone(&out);
    let provider = provider(&nats, move |message, trace| {
        let actor = Arc::clone(&actor);
        async move {
            let (messaging, ctx) = actor.get().expect("set before anybody asks");
            let answer = BrokerMessage {
                subject: message.reply_to.expect("somebody asks"),
                body: format!("{} {:?} {trace:?}", message.subject, message.body).into(),
                reply_to: None,
            };
            Ok(messaging.publish(ctx, answer).await.map_err(|error| error.to_string()))
        }
    })
    .await;
    out.set(consumer(&provider, &[]).await).ok().expect("set once");
    handler(&provider, &[("subscriptions", "echo.*")]).await.unwrap();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = Headers::new().with("traceparent", traceparent).unwrap();
    let bus = connect(&nats).await;
    let answer = bus
        .request("echo.a", headers, "hello".into(), LIMIT)
        .await
        .expect("an answer");
    assert_eq!(answer.payload, format!("echo.a b\"hello\" Some({traceparent})"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_subject_is_the_key() {
    let nats = NatsServer::start().await;
    let (handled, mut hear) = mpsc::unbounded_channel();
    let calls = AtomicUsize::new(0);
    let provider = keyed_provider(&nats, move |key, message, _| {
        let key = key.map(String::from);
        // The key stays with a message that is tried again.
        let outcome = match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Fault::new(FaultKind::NoResponders, "moving")),
            _ => Ok(Ok(())),
        };
        handled.send((key, message.subject)).unwrap();
        async move { outcome }
    })
    .await;
    let subjects = "devices.{key}.telemetry, rooms.*.{key}.>, devices.all";
    handler(&provider, &[("subscriptions", subjects)]).await.unwrap();
    let bus = connect(&nats).await;
    let mut check = async |subject: &str, key: Option<&str>| {
        bus.publish(subject, Headers::new(), "x".into()).await.unwrap();
        let heard = hear.recv().await.expect("the provider is there");
        assert_eq!(heard, (key.map(ToOwned::to_owned), subject.to_owned()));
        if subject == "devices.d-0.telemetry" {
            assert_eq!(hear.recv().await, Some(heard));
        }
    };
    check("devices.d-0.telemetry", Some("d-0")).await;
    check("devices.d=1.telemetry", Some("d=1")).await;
    check("devices.all", None).await;
    check("rooms.1.ü.x.y", Some("ü")).await;

    let long = format!("devices.{}.telemetry", "x".repeat(129));
    let refused = bus.request(&long, Headers::new(), "".into(), LIMIT).await.unwrap();
    assert_eq!(refused.headers.get("Nats-Service-Error-Code"), Some("400"));
    let why = refused.headers.get("Nats-Service-Error").unwrap();
    assert!(why.contains("longer than 128 bytes"), "{why}");
    assert!(hear.recv().now_or_never().is_none(), "the actor did not hear it");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_share_the_work_and_each_message_is_handled_once() {
    let nats = NatsServer::start().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut providers = Vec::new();
    for host in 0..3 {
        let seen = Arc::clone(&seen);
        let provider = provider(&nats, move |message, _| {
            seen.lock().unwrap().push((host, message.body));
            async { Ok(Ok(())) }
        })
        .await;
        handler(&provider, &[("subscriptions", "work.>")]).await.unwrap();
        providers.push(provider);
    }
    let bus = connect(&nats).await;
    for number in 0..300 {
        bus.publish("work.item", Headers::new(), number.to_string().into())
            .await
            .unwrap();
    }
    eventually("all messages to be handled", LIMIT, || async {
        let count = seen.lock().unwrap().len();
        if count >= 300 {
            Ok(())
        } else {
            Err(format!("{count} of 300"))
        }
    })
    .await;
    for provider in &providers {
        assert_eq!(provider.shutdown(LIMIT).await, ShutdownReport::Drained);
    }
    let seen = seen.lock().unwrap();
    let bodies: std::collections::BTreeSet<_> = seen.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!((seen.len(), bodies.len()), (300, 300));
    assert!(
        (0..3).all(|host| seen.iter().any(|(by, _)| *by == host)),
        "every host had some"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_handler_is_told_to_who_asked() {
    let nats = NatsServer::start().await;
    let provider = provider(&nats, |message, _| async move {
        match &*message.subject {
            "fail.error" => Ok(Err("no\r\nsuch thing".to_owned())),
            _ => Err(Fault::new(FaultKind::Trap, "unreachable executed")),
        }
    })
    .await;
    handler(&provider, &[("subscriptions", "fail.*")]).await.unwrap();
    let bus = connect(&nats).await;
    let answer = bus
        .request("fail.error", Headers::new(), "".into(), LIMIT)
        .await
        .unwrap();
    assert_eq!(answer.headers.get("Nats-Service-Error"), Some("no  such thing"));
    assert_eq!(ask(&bus, "fail.trap", "").await.1, Some(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_took_up_is_tried_again_and_what_failed_is_not() {
    let nats = NatsServer::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (handled, mut hear) = mpsc::unbounded_channel();
    let provider = provider(&nats, move |message, _| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        let handled = handled.clone();
        async move {
            match (&*message.subject, call) {
                ("again", 0) => Err(Fault::new(FaultKind::NoResponders, "moving")),
                ("again", 1) => Err(Fault::new(FaultKind::Overloaded, "busy")),
                ("again", _) => {
                    handled.send(call).unwrap();
                    Ok(Ok(()))
                }
                _ => Err(Fault::new(FaultKind::Unreachable, "it may have run")),
            }
        }
    })
    .await;
    handler(&provider, &[("subscriptions", "again,once")]).await.unwrap();
    let bus = connect(&nats).await;
    bus.publish("again", Headers::new(), "x".into()).await.unwrap();
    assert_eq!(hear.recv().await, Some(2));
    assert_eq!(ask(&bus, "once", "").await.1, Some(502));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_refused_and_the_others_are_handled_in_order() {
    let nats = NatsServer::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let (handled, mut hear) = mpsc::unbounded_channel();
    let provider = provider(&nats, move |message, _| {
        let (wait, handled) = (Arc::clone(&wait), handled.clone());
        async move {
            handled
                .send(String::from_utf8_lossy(&message.body).into_owned())
                .unwrap();
            wait.acquire().await.unwrap().forget();
            Ok(Ok(()))
        }
    })
    .await;
    handler(
        &provider,
        &[("subscriptions", "one"), ("concurrency", "1"), ("waiting", "20")],
    )
    .await
    .unwrap();
    let bus = connect(&nats).await;
    bus.publish("one", Headers::new(), "first".into()).await.unwrap();
    assert_eq!(hear.recv().await.as_deref(), Some("first"));
    for number in 0..20 {
        bus.publish("one", Headers::new(), number.to_string().into())
            .await
            .unwrap();
    }
    // The first is in the actor's hands and twenty wait, so there is no room for this one.
    assert_eq!(ask(&bus, "one", "too much").await.1, Some(503));
    assert!(hear.recv().now_or_never().is_none(), "one at a time");
    gate.add_permits(21);
    for number in 0..20 {
        assert_eq!(hear.recv().await, Some(number.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_live_through_a_restart_and_change_with_the_link() {
    let mut nats = NatsServer::start().await;
    let (handled, mut hear) = mpsc::unbounded_channel();
    let provider = provider(&nats, move |message, _| {
        handled.send(message.subject).unwrap();
        async { Ok(Ok(())) }
    })
    .await;
    let link = handler(&provider, &[("subscriptions", "old")]).await.unwrap();
    nats.restart().await;
    let bus = connect(&nats).await;
    let heard = eventually("a message to be heard", LIMIT, || {
        let (bus, mut again) = (bus.clone(), hear.recv().now_or_never().flatten());
        async move {
            bus.publish("old", Headers::new(), "x".into()).await.unwrap();
            again.take()
        }
    });
    assert_eq!(heard.await, "old");

    handler(&provider, &[("subscriptions", "new")]).await.unwrap();
    bus.publish("new", Headers::new(), "x".into()).await.unwrap();
    while hear.recv().await.as_deref() != Some("new") {}
    provider.unlink(&link).await.unwrap();
    let nobody = eventually("the subscription to end", LIMIT, || async {
        let asked = bus
            .request("new", Headers::new(), "x".into(), Duration::from_millis(100))
            .await;
        matches!(asked, Err(lattice_bus::RequestError::NoResponders { .. })).then_some(())
    });
    nobody.await;
    let asked = bus.request("old", Headers::new(), "x".into(), LIMIT).await;
    assert!(
        matches!(asked, Err(lattice_bus::RequestError::NoResponders { .. })),
        "the old subject is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_that_cannot_wait_says_so() {
    let nats = NatsServer::start().await;
    let (entered, mut wait_entered) = mpsc::unbounded_channel();
    let provider = provider(&nats, move |_, _| {
        entered.send(()).unwrap();
        std::future::pending()
    })
    .await;
    handler(&provider, &[("subscriptions", "a")]).await.unwrap();
    // Held until the end: what a connection was given and has not written yet goes with it.
    let bus = connect(&nats).await;
    bus.publish("a", Headers::new(), "x".into()).await.unwrap();
    wait_entered.recv().await.unwrap();
    assert!(matches!(
        provider.shutdown(Duration::from_millis(50)).await,
        ShutdownReport::Aborted(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_checked() {
    let nats = NatsServer::start().await;
    let provider = provider(&nats, |_, _| async { Ok(Ok(())) }).await;
    let error = handler(&provider, &[("subscriptions", "lat.>,>"), ("timeuot", "1s")])
        .await
        .unwrap_err();
    assert!(
        matches!(&error, LinkError::Config(mistakes) if mistakes.len() == 3),
        "{error}"
    );
    let error = handler(&provider, &[("subscriptions", "a.{id},b.{key}.{key}")])
        .await
        .unwrap_err();
    assert!(
        matches!(&error, LinkError::Config(mistakes) if mistakes.len() == 2),
        "{error}"
    );
}
