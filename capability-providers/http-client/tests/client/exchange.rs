//! Requests that work, and those that a link does not allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::channel::mpsc;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use provider_http_client::ClientConfig;
use provider_sdk::capability::http::full_body;
use provider_sdk::capability::{HttpError, RequestOptions, SpanRef, TraceContext};
use provider_sdk::{LinkError, Provider as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{actor, echo_head, get, read, server};

#[tokio::test]
async fn only_allowed_hosts_are_reached() {
    let address = server(echo_head).await;
    let allowed = format!("127.0.0.1:{}", address.port());
    let shop = actor(ClientConfig::default(), &[("hosts", &allowed)]).await;
    let got = read(shop.get(format!("http://{allowed}/a?b")).await.unwrap())
        .await
        .unwrap();
    assert!(got.starts_with(b"GET /a?b HTTP/1.1\r\n"), "{got:?}");
    for uri in [
        &format!("http://localhost:{}/", address.port()),
        "http://127.0.0.1/",
        "http://example.com/",
    ] {
        assert_eq!(shop.get(uri).await.map(drop), Err(HttpError::RequestDenied), "{uri}");
    }
    let nobody = actor(ClientConfig::default(), &[]).await;
    assert_eq!(
        nobody.get(format!("http://{allowed}/")).await.map(drop),
        Err(HttpError::RequestDenied)
    );
}

#[tokio::test]
async fn an_actor_cannot_speak_for_another_host_and_the_trace_goes_along() {
    let address = server(echo_head).await;
    let mut shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    shop.ctx.trace = TraceContext::parse(traceparent, None).map(SpanRef::remote);
    let mut request = get(format!("http://{address}/"));
    request
        .headers_mut()
        .insert("host", "internal.example".parse().unwrap());
    request.headers_mut().insert("x-own", "kept".parse().unwrap());
    let got = read(shop.send(request, RequestOptions::default()).await.unwrap())
        .await
        .unwrap();
    let head = String::from_utf8_lossy(&got).to_lowercase();
    assert!(
        head.contains(&format!("host: {address}\r\n")) && !head.contains("internal.example"),
        "{head}"
    );
    assert!(
        head.contains("x-own: kept\r\n") && head.contains(&format!("traceparent: {traceparent}\r\n")),
        "{head}"
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = server(move |peer| {
        count.fetch_add(1, Ordering::SeqCst);
        echo_head(peer)
    })
    .await;
    let shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    for _ in 0..20 {
        read(shop.get(format!("http://{address}/")).await.unwrap())
            .await
            .unwrap();
        // The connection goes back to the pool when its task runs next.
        tokio::task::yield_now().await;
    }
    assert!(connections.load(Ordering::SeqCst) < 20, "{connections:?}");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // Sends each byte back as it comes, as one chunk.
    let address = server(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let mut buf = [0; 64];
        while let Ok(read @ 1..) = peer.0.read(&mut buf).await {
            let text = String::from_utf8_lossy(&buf[..read]).into_owned();
            peer.send(&format!("{:x}\r\n{text}\r\n", text.len())).await;
            if text.ends_with("0\r\n\r\n") {
                peer.send("0\r\n\r\n").await;
            }
        }
    })
    .await;
    let shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    let (sending, body) = mpsc::unbounded::<Result<Frame<Bytes>, HttpError>>();
    let request = Request::post(format!("http://{address}/"))
        .body(StreamBody::new(body).boxed_unsync())
        .unwrap();
    let mut got = shop.send(request, RequestOptions::default()).await.unwrap().into_body();
    for part in ["one", "two"] {
        sending.unbounded_send(Ok(Frame::data(Bytes::from(part)))).unwrap();
        let mut heard = String::new();
        while !heard.contains(part) {
            let frame = got.frame().await.expect("more to come").unwrap();
            heard.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
        }
    }
    drop(sending);
    assert!(got.collect().await.is_ok(), "it ends");
}

#[tokio::test]
async fn redirects_are_the_actors_business() {
    let address = server(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 302 Found\r\nlocation: http://internal.example/\r\ncontent-length: 0\r\n\r\n")
            .await;
    })
    .await;
    let shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    assert_eq!(shop.get(format!("http://{address}/")).await.unwrap().status(), 302);
}

#[tokio::test]
async fn a_body_with_a_length_is_sent_with_it() {
    let address = server(|mut peer| async move {
        let head = peer.head().await.unwrap();
        let mut body = [0; 5];
        peer.0.read_exact(&mut body).await.unwrap();
        let answer = format!(
            "{} {}",
            head.contains("content-length: 5"),
            String::from_utf8_lossy(&body)
        );
        peer.send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        ))
        .await;
        peer.0.shutdown().await.unwrap();
    })
    .await;
    let shop = actor(ClientConfig::default(), &[("hosts", "127.0.0.1:*")]).await;
    let request = Request::put(format!("http://{address}/"))
        .body(full_body("hello"))
        .unwrap();
    let got = read(shop.send(request, RequestOptions::default()).await.unwrap())
        .await
        .unwrap();
    assert_eq!(got, "true hello");
}

#[tokio::test]
async fn links_come_and_go() {
    let shop = actor(ClientConfig::default(), &[("hosts", "a.example")]).await;
    shop.provider.unlink(&shop.ctx.link).await.unwrap();
    assert!(shop.provider.outgoing_http(&shop.ctx.link).is_none());
    let wrong = provider_sdk::testing::binding("actor/a", "wasi:keyvalue", "provider/out", &[]);
    assert!(matches!(
        shop.provider.link(wrong).await,
        Err(LinkError::Interface { .. })
    ));
    let wrong = provider_sdk::testing::binding(
        "actor/a",
        "wasi:http",
        "provider/out",
        &[("hosts", "a/b"), ("hots", "x")],
    );
    let error = shop.provider.link(wrong).await.unwrap_err();
    assert!(
        matches!(&error, LinkError::Config(mistakes) if mistakes.len() == 2),
        "{error}"
    );
}
