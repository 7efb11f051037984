//! HTTP in both directions over the lattice, with bodies that stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use lattice_core::Fault;
use lattice_mesh::{IncomingCall, Receiver, Reply};
use provider_sdk::capability::http::{empty_body, full_body};
use provider_sdk::capability::{HttpBody, HttpError, OutgoingHttp as _, RequestOptions};
use provider_sdk::remote::{self, RemoteOutgoingHttp};
use provider_sdk::testing::lattice::LIMIT;

use crate::support::World;

fn get(uri: &str, body: HttpBody) -> Request<HttpBody> {
    Request::get(uri).body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_sends_requests() {
    let world = World::start().await;
    let (link, ctx) = world.link("wasi:http/outgoing-handler").await;
    let outlet = RemoteOutgoingHttp::new(Arc::clone(&world.host.member), link);
    let options = RequestOptions {
        first_byte_timeout: Some(Duration::from_secs(7)),
        ..RequestOptions::default()
    };
    let large = Bytes::from(vec![7; 3 << 20]);
    let response = outlet
        .send(&ctx, get("https://a.example/x", full_body(large.clone())), options)
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-asked"], "GET https://a.example/x Some(7s)");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), large);
    let denied = outlet
        .send(&ctx, get("https://a.example/denied", empty_body()), options)
        .await;
    assert_eq!(denied.map(drop), Err(HttpError::RequestDenied));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways_and_break_both_ways() {
    let world = World::start().await;
    let (link, ctx) = world.link("wasi:http").await;
    let outlet = RemoteOutgoingHttp::new(Arc::clone(&world.host.member), link);
    let (sending, body) = mpsc::unbounded();
    let request = get("http://a.example/", StreamBody::new(body).boxed_unsync());
    let mut answer = outlet
        .send(&ctx, request, RequestOptions::default())
        .await
        .unwrap()
        .into_body();
    for part in ["one", "two"] {
        // Each comes back before the next is sent.
        sending.unbounded_send(Ok(Frame::data(Bytes::from(part)))).unwrap();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), part);
    }
    sending.unbounded_send(Err(HttpError::ConnectionTerminated)).unwrap();
    assert!(
        answer.frame().await.unwrap().is_err(),
        "what broke off is not taken for whole"
    );
}

/// A host whose one actor answers with the path it was asked for.
struct Shop;

#[async_trait]
impl Receiver for Shop {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        let request = remote::http::decode_request(&call.head, call.body)?;
        let asked = full_body(request.uri().path().to_owned());
        remote::http::encode_response(Response::builder().status(203).body(asked).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_by_itself_drives_an_actor() {
    let world = World::start().await;
    world.host.member.serve(Arc::new(Shop));
    for interface in ["wasi:http/incoming-handler", "wasi:http/handler", "wasi:http"] {
        let link = world
            .lattice
            .link("provider/memory", interface, "actor/shop", &[])
            .await;
        let answered = lattice_testkit::eventually("the actor to be reached", LIMIT, || {
            world
                .provider
                .invoker
                .http(&link, None, get("/cart", empty_body()), Instant::now() + LIMIT, None)
        });
        let response = answered.await;
        assert_eq!(response.status(), 203, "{interface}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "/cart");
    }
}
