//! Calls of a provider to stateful actors, which have keys.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use lattice_core::{ActorKey, CallAddress, Fault, FaultKind};
use lattice_mesh::{IncomingCall, Receiver, Reply};
use parking_lot::Mutex;
use provider_sdk::capability::http::full_body;
use provider_sdk::capability::messaging::wire::MessagingReply;
use provider_sdk::capability::{BrokerMessage, HttpBody};
use provider_sdk::remote::{self, keyed};
use provider_sdk::testing::lattice::LIMIT;

use crate::support::World;

/// A host whose actor is elsewhere the first time it is asked for, and then answers with what it was sent.
#[derive(Default)]
struct Carts {
    calls: Mutex<Vec<(Option<CallAddress>, Bytes)>>,
}

#[async_trait]
impl Receiver for Carts {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        let body = call.body.collect(1 << 20).await?;
        let is_first = {
            let mut calls = self.calls.lock();
            calls.push((call.address, body.clone()));
            calls.len() == 1
        };
        if is_first {
            return Err(Fault::not_here("it has just moved", None));
        }
        match call.function.as_str() {
            "handle" => {
                let request = remote::http::decode_request(&call.head, body.into())?;
                remote::http::encode_response(http::Response::new(request.into_body()))
            }
            _ => Ok(Reply {
                body: rmp_serde::to_vec_named(&MessagingReply::Done).unwrap().into(),
                ..Reply::default()
            }),
        }
    }
}

fn alice() -> ActorKey {
    "alice/ü".parse().unwrap()
}

fn due() -> Instant {
    Instant::now() + LIMIT
}

/// A request whose body comes in parts.
fn post(parts: &[&'static str]) -> Request<HttpBody> {
    let parts: Vec<_> = parts.iter().map(|part| Ok(Frame::data(Bytes::from(*part)))).collect();
    let body = StreamBody::new(stream::iter(parts)).boxed_unsync();
    Request::post("/cart")
        .header(keyed::IDEMPOTENCY_KEY, "order-1")
        .body(body)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_made_again_as_the_same_call() {
    let world = World::start().await;
    let carts = Arc::new(Carts::default());
    world.host.member.serve(carts.clone());
    let link = world
        .lattice
        .link("provider/memory", "wasi:http", "actor/shop", &[])
        .await;
    world.host.knows(&link).await;
    let invoker = &world.provider.invoker;
    let answered = lattice_testkit::eventually("the actor to be reached", LIMIT, || {
        invoker.http(&link, Some(alice()), post(&["one", "two"]), due(), None)
    });
    let answer = answered.await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer, "onetwo");
    // The client did not hear that, and tries again.
    let again = invoker.http(&link, Some(alice()), post(&["onetwo"]), due(), None);
    again.await.expect("it is answered");

    let headers = post(&[]).headers().clone();
    let call = keyed::call_of(&link, &alice(), &headers);
    let calls = carts.calls.lock().clone();
    assert_eq!(calls.len(), 3, "{calls:?}");
    for (address, body) in &calls {
        let address = address.as_ref().expect("the call has a key");
        assert_eq!((&address.key, address.call, &**body), (&alice(), call, &b"onetwo"[..]));
    }
    // The actor is not told that the answer was had: the client may come a third time.
    let mut addresses = calls.iter().filter_map(|(address, _)| address.as_ref());
    assert!(addresses.all(|address| address.lane.floor == 0), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_to_be_made_again_is_not_sent() {
    let world = World::start().await;
    let carts = Arc::new(Carts::default());
    world.host.member.serve(carts.clone());
    let change = |claims: &mut lattice_core::LinkClaims| claims.limits.payload_bytes_max = Some(5);
    let link = world
        .lattice
        .link_with("provider/memory", "wasi:http", "actor/shop", &[], change);
    let link = link.await;
    world.host.knows(&link).await;
    let invoker = &world.provider.invoker;
    let refused = lattice_testkit::eventually("the link to be known", LIMIT, || async {
        let fault = invoker
            .http(&link, Some(alice()), post(&["one", "two"]), due(), None)
            .await;
        fault.err().filter(|fault| fault.kind != FaultKind::Denied)
    });
    assert_eq!(refused.await.kind, FaultKind::TooLarge);
    assert!(carts.calls.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_actor_it_is_for() {
    let world = World::start().await;
    let carts = Arc::new(Carts::default());
    world.host.member.serve(carts.clone());
    let link = world
        .lattice
        .link("provider/memory", "wasmcloud:messaging/handler", "actor/shop", &[])
        .await;
    world.host.knows(&link).await;
    let invoker = &world.provider.invoker;
    let message = || BrokerMessage {
        subject: "carts.alice".into(),
        body: "x".into(),
        reply_to: None,
    };
    let handled = lattice_testkit::eventually("the actor to be reached", LIMIT, || {
        invoker.message(&link, Some(alice()), message(), due(), None)
    });
    assert_eq!(handled.await, Ok(()));
    let again = invoker.message(&link, Some(alice()), message(), due(), None).await;
    assert_eq!(again, Ok(Ok(())));
    assert_eq!(invoker.message(&link, None, message(), due(), None).await, Ok(Ok(())));
    let addresses: Vec<_> = carts.calls.lock().iter().map(|(address, _)| address.clone()).collect();
    let [Some(moved), Some(first), Some(second), None] = &*addresses else {
        panic!("{addresses:?}")
    };
    assert_eq!((&moved.key, moved.call), (&alice(), first.call));
    assert_ne!(
        first.call, second.call,
        "two messages are two calls, whatever is in them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_no_call() {
    let world = World::start().await;
    let carts = Arc::new(Carts::default());
    world.host.member.serve(carts.clone());
    let link = world
        .lattice
        .link("provider/memory", "wasi:http", "actor/shop", &[])
        .await;
    world.host.knows(&link).await;
    let broken = || {
        let parts = [
            Ok(Frame::data(Bytes::from("one"))),
            Err(provider_sdk::capability::HttpError::ConnectionTerminated),
        ];
        Request::post("/cart")
            .body(StreamBody::new(stream::iter(parts)).boxed_unsync())
            .unwrap()
    };
    let invoker = &world.provider.invoker;
    let fault = lattice_testkit::eventually("the link to be known", LIMIT, || async {
        let fault = invoker.http(&link, Some(alice()), broken(), due(), None).await;
        fault.err().filter(|fault| fault.kind != FaultKind::Denied)
    });
    assert_eq!(fault.await.kind, FaultKind::Cancelled);
    assert!(carts.calls.lock().is_empty());
    // An empty body is whole, and travels.
    let request = Request::get("/cart").body(full_body("")).unwrap();
    let answer = invoker.http(&link, Some(alice()), request, due(), None).await;
    assert_eq!(answer.expect("it is answered").status(), 200);
}
