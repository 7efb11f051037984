//! Exchanges that fail, and what the actor hears.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use provider_http_client::ClientConfig;
use provider_sdk::capability::{HttpError, RequestOptions};
use provider_sdk::{Provider as _, ShutdownReport};

use crate::support::{Peer, SHORT, actor, echo_head, get, read, server};

const ANY_PORT: &[(&str, &str)] = &[("hosts", "127.0.0.1:*, *.invalid")];

async fn silent(mut peer: Peer) {
    while peer.head().await.is_some() {}
}

#[tokio::test]
async fn nobody_there() {
    let shop = actor(ClientConfig::default(), ANY_PORT).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        shop.get(format!("http://{free}/")).await.map(drop),
        Err(HttpError::ConnectionRefused)
    );
    let unknown = shop.get("http://no-such-host.invalid/").await.map(drop);
    assert!(matches!(unknown, Err(HttpError::Dns(_))), "{unknown:?}");
}

#[tokio::test]
async fn no_answer_in_time() {
    let address = server(silent).await;
    let mut shop = actor(ClientConfig::default(), ANY_PORT).await;
    let asked = RequestOptions {
        first_byte_timeout: Some(SHORT),
        ..RequestOptions::default()
    };
    let uri = format!("http://{address}/");
    assert_eq!(
        shop.send(get(&uri), asked).await.map(drop),
        Err(HttpError::ResponseTimeout)
    );
    shop.ctx.deadline = Instant::now() + SHORT;
    assert_eq!(shop.get(&uri).await.map(drop), Err(HttpError::ResponseTimeout));
    let strict = actor(
        ClientConfig::default(),
        &[("hosts", "127.0.0.1:*"), ("first-byte-timeout", "100ms")],
    )
    .await;
    assert_eq!(strict.get(&uri).await.map(drop), Err(HttpError::ResponseTimeout));
}

#[tokio::test]
async fn an_answer_that_pauses_or_breaks_off() {
    let address = server(|mut peer| async move {
        let head = peer.head().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        if head.starts_with("GET /pause") {
            silent(peer).await;
        }
    })
    .await;
    let shop = actor(ClientConfig::default(), ANY_PORT).await;
    let asked = RequestOptions {
        between_bytes_timeout: Some(SHORT),
        ..RequestOptions::default()
    };
    let paused = shop.send(get(format!("http://{address}/pause")), asked).await.unwrap();
    assert_eq!(read(paused).await, Err(HttpError::ConnectionReadTimeout));
    let broken = shop.get(format!("http://{address}/break")).await.unwrap();
    assert_eq!(read(broken).await, Err(HttpError::ConnectionTerminated));
}

#[tokio::test]
async fn what_is_not_http() {
    let address = server(|mut peer| async move {
        peer.head().await;
        peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    })
    .await;
    let shop = actor(ClientConfig::default(), ANY_PORT).await;
    assert_eq!(
        shop.get(format!("http://{address}/")).await.map(drop),
        Err(HttpError::Protocol)
    );
    let address = server(|mut peer| async move {
        peer.head().await;
    })
    .await;
    assert_eq!(
        shop.get(format!("http://{address}/")).await.map(drop),
        Err(HttpError::ConnectionTerminated)
    );
}

#[tokio::test]
async fn the_actors_own_body_fails() {
    let address = server(silent).await;
    let shop = actor(ClientConfig::default(), ANY_PORT).await;
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err(HttpError::RequestBodySize(Some(4))),
    ];
    let body = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
    let request = Request::post(format!("http://{address}/")).body(body).unwrap();
    assert_eq!(
        shop.send(request, RequestOptions::default()).await.map(drop),
        Err(HttpError::RequestBodySize(Some(4)))
    );
}

#[tokio::test]
async fn too_many_at_once_hear_so_at_once() {
    let address = server(echo_head).await;
    let shop = actor(
        ClientConfig {
            requests: 1,
            ..ClientConfig::default()
        },
        ANY_PORT,
    )
    .await;
    let uri = format!("http://{address}/");
    let first = shop.get(&uri).await.unwrap();
    assert_eq!(shop.get(&uri).await.map(drop), Err(HttpError::ConnectionLimitReached));
    read(first).await.unwrap();
    assert!(shop.get(&uri).await.is_ok(), "its body counts as long as it is there");
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_in_flight() {
    let address = server(echo_head).await;
    let shop = actor(ClientConfig::default(), ANY_PORT).await;
    let response = shop.get(format!("http://{address}/")).await.unwrap();
    assert_eq!(
        shop.provider.shutdown(Duration::from_millis(50)).await,
        ShutdownReport::Aborted(1)
    );
    assert!(shop.get(format!("http://{address}/")).await.is_err(), "nothing new");
    drop(response);
}
