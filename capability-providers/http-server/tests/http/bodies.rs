//! Bodies stream both ways.

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, channel::mpsc};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use provider_sdk::capability::HttpError;

use crate::support::{Client, config, get, open_server, text};

#[tokio::test]
async fn a_request_and_its_response_stream_at_the_same_time() {
    // The actor sends back each chunk as it comes, so that each must pass before the next is sent.
    let server = open_server(config(), |call| async move {
        Ok(Response::new(
            call.request.into_body().map_frame(|frame| frame).boxed_unsync(),
        ))
    })
    .await;
    let mut client = Client::connect(&server).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    while client.read_line().await != "\r\n" {}
    assert_eq!(
        (client.read_line().await, client.read_line().await),
        ("3\r\n".into(), "one\r\n".into())
    );
    client.send("5\r\nthree\r\n").await;
    assert_eq!(
        (client.read_line().await, client.read_line().await),
        ("5\r\n".into(), "three\r\n".into())
    );
    client.send("0\r\n\r\n").await;
    assert_eq!(client.read_line().await, "0\r\n");
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let server = open_server(config(), |call| async move {
        let body = call.request.into_body().collect().await.unwrap().to_bytes();
        text(format!(
            "{} {}",
            body.len(),
            body.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        ))
    })
    .await;
    let body: Vec<u8> = (0..5_000_000u32).map(|number| number as u8).collect();
    let mut client = Client::connect(&server).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
    client.send(&body).await;
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    assert_eq!(client.read().await.body, format!("{} {sum}", body.len()));
    assert_eq!(client.get("/").await.body, "0 0", "the connection is good for more");
}

#[tokio::test]
async fn a_response_that_breaks_off_is_seen_to() {
    let (frames, body) = mpsc::unbounded();
    let body = std::sync::Mutex::new(Some(body));
    let server = open_server(config(), move |_| {
        let body = body.lock().unwrap().take().expect("one request");
        async { Ok(Response::new(StreamBody::new(body).boxed_unsync())) }
    })
    .await;
    let mut client = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    frames
        .unbounded_send(Ok(Frame::data(Bytes::from_static(b"half"))))
        .unwrap();
    while client.read_line().await != "half\r\n" {}
    frames
        .unbounded_send(Err(HttpError::Internal("the actor trapped".into())))
        .unwrap();
    assert_eq!(
        client.read_to_end().await,
        "",
        "the last chunk that says the body is whole never comes"
    );
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_actors_stream() {
    let (ended, mut hear_ended) = mpsc::unbounded::<()>();
    let server = open_server(config(), move |_| {
        let ended = ended.clone();
        async move {
            let (mut chunks, body) = mpsc::channel(1);
            tokio::spawn(async move {
                while chunks
                    .send(Ok(Frame::data(Bytes::from_static(b"tick\n"))))
                    .await
                    .is_ok()
                {}
                ended.unbounded_send(()).unwrap();
            });
            Ok(Response::new(StreamBody::new(body).boxed_unsync()))
        }
    })
    .await;
    let mut client = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    client.read_line().await;
    drop(client);
    let end = tokio::time::timeout(std::time::Duration::from_secs(20), hear_ended.next()).await;
    assert_eq!(end.expect("the stream is dropped"), Some(()));
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_call() {
    struct Told(mpsc::UnboundedSender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.unbounded_send("cancelled").unwrap();
        }
    }
    let (tell, mut hear) = mpsc::unbounded();
    let server = open_server(config(), move |_| {
        let told = Told(tell.clone());
        async move {
            told.0.unbounded_send("called").unwrap();
            std::future::pending().await
        }
    })
    .await;
    let mut client = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(hear.next().await, Some("called"));
    drop(client);
    let heard = tokio::time::timeout(std::time::Duration::from_secs(20), hear.next()).await;
    assert_eq!(heard.expect("the call is dropped"), Some("cancelled"));
}

#[tokio::test]
async fn ids_and_traces_are_continued() {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let server = open_server(config(), |call| async move {
        let id = call.request.headers()["x-request-id"].to_str().unwrap().to_owned();
        text(format!(
            "{id} {:?} {}",
            call.trace,
            call.deadline > std::time::Instant::now()
        ))
    })
    .await;
    let mut client = Client::connect(&server).await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: test\r\nx-request-id: mine\r\ntraceparent: {traceparent}\r\n\r\n"
        ))
        .await;
    let got = client.read().await;
    assert_eq!(got.body, format!("mine Some({traceparent}) true"));
    assert_eq!(got.header("x-request-id"), Some("mine"));
    let got = get(&server, "/").await;
    assert!(
        got.body.starts_with(got.header("x-request-id").unwrap()) && got.body.contains("None"),
        "{got:?}"
    );
}
