//! HTTP in and out, 0.2 and 0.3, whole and in pieces.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use lattice_core::{FaultKind, Limits};
use tokio::sync::mpsc;

use crate::support::{body, call, get, guest, limited, options, request, send, start, world};

#[tokio::test]
async fn hello_answers_by_both_versions() {
    for name in ["hello-http", "hello-http-p3"] {
        let actor = start(guest(name), options("hello"), &world()).await;
        let response = send(&actor, Method::GET, "/", "")
            .await
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert!(!body(response).await.is_empty(), "{name}");
        assert_eq!(actor.stats().in_flight, 0, "{name}");
    }
}

#[tokio::test]
async fn a_large_body_streams_out() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let response = send(&actor, Method::GET, "/big?5000000", "").await.expect("answers");
    let (mut next, mut chunks) = (0_u64, 0);
    let mut frames = BodyStream::new(response.into_body());
    while let Some(frame) = frames.next().await {
        let data = frame.expect("flows").into_data().expect("has no trailers");
        for byte in &data {
            assert_eq!(u64::from(*byte), next % 251);
            next += 1;
        }
        chunks += 1;
    }
    assert_eq!(next, 5_000_000);
    assert!(chunks > 1, "it came in one piece");
}

#[tokio::test]
async fn a_body_is_echoed_while_it_arrives() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let (sender, chunks) = mpsc::channel::<Bytes>(1);
    let chunks = tokio_stream(chunks).map(|chunk| Ok(Frame::data(chunk)));
    let mut asked = request(Method::POST, "/echo", "");
    *asked.body_mut() = StreamBody::new(chunks).boxed_unsync();
    let response = tokio::spawn({
        let actor = actor.clone();
        async move { actor.http(asked, call()).await }
    });
    sender.send(Bytes::from_static(b"one ")).await.expect("is read");
    let mut frames = BodyStream::new(response.await.expect("runs").expect("answers").into_body());
    for chunk in ["one ", "two ", "three"] {
        if chunk != "one " {
            sender
                .send(Bytes::from_static(chunk.as_bytes()))
                .await
                .expect("is read");
        }
        let mut back = Vec::new();
        while back.len() < chunk.len() {
            let frame = frames.next().await.expect("goes on").expect("flows");
            back.extend_from_slice(&frame.into_data().expect("is data"));
        }
        assert_eq!(back, chunk.as_bytes());
    }
    drop(sender);
    assert!(frames.next().await.is_none());
}

fn tokio_stream(mut receiver: mpsc::Receiver<Bytes>) -> impl futures::Stream<Item = Bytes> + Send {
    futures::stream::poll_fn(move |cx| receiver.poll_recv(cx))
}

#[tokio::test]
async fn requests_go_out_through_the_link() {
    let world = world();
    let actor = start(guest("test-http-stream"), options("stream"), &world).await;
    let answer = send(&actor, Method::POST, "/fetch?http://shout.example/here", "hello")
        .await
        .expect("answers");
    assert_eq!(body(answer).await, "HELLO");
    assert_eq!(
        *world.web.seen.lock(),
        [(Method::POST, "http://shout.example/here".to_owned())]
    );
    let denied = send(&actor, Method::GET, "/fetch?http://denied.example/", "")
        .await
        .expect("answers");
    assert_ne!(denied.status(), StatusCode::OK, "{}", body(denied).await);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let limits = Limits {
        body_bytes_max: 1000,
        ..Limits::default()
    };
    let actor = start(guest("test-http-stream"), limited("stream", limits), &world()).await;
    let fault = send(&actor, Method::POST, "/count", vec![0; 1001])
        .await
        .map(drop)
        .expect_err("is too large");
    assert_eq!(fault.kind, FaultKind::TooLarge);
    let response = send(&actor, Method::GET, "/big?100000", "").await.expect("begins");
    let error = response.into_body().collect().await.map(drop).expect_err("breaks off");
    assert_eq!(error, lattice_capability::HttpError::ResponseBodySize(Some(1000)));
}

#[tokio::test]
async fn a_guest_that_fails_in_its_body_breaks_it_off() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let response = send(&actor, Method::GET, "/broken", "").await.expect("begins");
    response.into_body().collect().await.map(drop).expect_err("breaks off");
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn dropping_the_body_ends_the_guest() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let response = send(&actor, Method::GET, "/slow?100000", "").await.expect("begins");
    assert_eq!(actor.stats().in_flight, 1);
    drop(response);
    crate::support::comes_to_rest(&actor).await;
}

#[tokio::test]
async fn a_request_without_a_host_is_answered() {
    let actor = start(guest("hello-http"), options("hello"), &world()).await;
    let mut request = request(Method::GET, "/", "");
    *request.uri_mut() = http::Uri::from_static("/");
    assert_eq!(
        actor.http(request, call()).await.expect("answers").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_actor_without_a_handler_says_so() {
    let actor = start(guest("pong"), options("pong"), &world()).await;
    let fault = get(&actor, "/").await.expect_err("has no handler");
    assert_eq!(fault.kind, FaultKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_a_time_are_all_answered() {
    let actor = start(guest("hello-http"), options("hello"), &world()).await;
    let calls = (0..200).map(|_| {
        let actor = actor.clone();
        tokio::spawn(async move { get(&actor, "/").await })
    });
    for answer in futures::future::join_all(calls).await {
        answer.expect("runs").expect("answers");
    }
    let stats = actor.stats();
    assert_eq!((stats.calls, stats.faults, stats.in_flight), (200, 0, 0));
}

#[tokio::test]
async fn a_stopped_actor_takes_nothing_and_lets_calls_end() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let response = send(&actor, Method::GET, "/slow?2", "").await.expect("begins");
    let drained = tokio::spawn({
        let actor = actor.clone();
        async move { actor.drain(Duration::from_secs(60)).await }
    });
    let refused = loop {
        match get(&actor, "/head").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(fault) => break fault,
        }
    };
    assert_eq!(refused.kind, FaultKind::Draining);
    body(response).await;
    assert_eq!(drained.await.expect("runs").aborted, 0);
}

#[tokio::test]
async fn a_stopped_actor_cuts_off_what_does_not_end() {
    let actor = start(guest("test-http-stream"), options("stream"), &world()).await;
    let response = send(&actor, Method::GET, "/slow?1000000", "").await.expect("begins");
    let reader = tokio::spawn(async move { response.into_body().collect().await.map(drop) });
    assert_eq!(actor.drain(Duration::from_millis(50)).await.aborted, 1);
    reader.await.expect("runs").expect_err("was cut off");
}

#[tokio::test]
async fn a_reader_that_stalls_does_not_keep_its_guest_beyond_the_deadline() {
    let limits = Limits {
        deadline_ms: 200,
        ..Limits::default()
    };
    let actor = start(guest("test-http-stream"), limited("stream", limits), &world()).await;
    let response = send(&actor, Method::GET, "/slow?100000", "").await.expect("begins");
    while actor.stats().in_flight > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = response.into_body().collect().await.map(drop).expect_err("was cut off");
    assert!(error.to_string().contains("deadline"), "{error}");
}
