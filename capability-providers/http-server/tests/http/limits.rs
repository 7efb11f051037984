//! What is too much or too slow is answered, never waited for.

use std::time::Duration;

use http_body_util::BodyExt as _;
use provider_http_server::ServerConfig;
use provider_sdk::Provider as _;
use tokio::sync::Semaphore;

use crate::support::{Client, config, get, open_server, route, server, text};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_body_announced_too_large_is_refused_before_it_is_read() {
    let server = open_server(
        ServerConfig {
            body_max: 10,
            ..config()
        },
        |_| async { text("ok") },
    )
    .await;
    let mut client = Client::connect(&server).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 11\r\n\r\n")
        .await;
    let got = client.read().await;
    assert_eq!((got.status, got.header("connection")), (413, Some("close")));
    let mut client = Client::connect(&server).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n0123456789")
        .await;
    assert_eq!(client.read().await.status, 200);
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused() {
    let server = open_server(
        ServerConfig {
            body_max: 10,
            ..config()
        },
        |call| async move {
            match call.request.into_body().collect().await {
                Ok(_) => text("ok"),
                Err(error) => text(format!("the actor saw: {error}")),
            }
        },
    )
    .await;
    let mut client = Client::connect(&server).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n")
        .await;
    assert_eq!(client.read().await.status, 413);
}

#[tokio::test]
async fn a_route_may_have_limits_of_its_own() {
    let server = server(
        ServerConfig {
            body_max: 10,
            ..config()
        },
        |_| async { text("ok") },
    )
    .await;
    route(&server, "large", &[("path", "/large"), ("body-max", "1KiB")])
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    client
        .send(format!(
            "POST /large HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{}",
            "x".repeat(100)
        ))
        .await;
    assert_eq!(client.read().await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_body_is_told_so() {
    let server = open_server(
        ServerConfig {
            body_timeout: SHORT,
            ..config()
        },
        |call| async move {
            let _ = call.request.into_body().collect().await;
            text("ok")
        },
    )
    .await;
    let mut client = Client::connect(&server).await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n012")
        .await;
    assert_eq!(client.read().await.status, 408);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_cut_off() {
    let server = open_server(
        ServerConfig {
            header_timeout: SHORT,
            ..config()
        },
        |_| async { text("ok") },
    )
    .await;
    let mut client = Client::connect(&server).await;
    client.send("GET / HTTP/1.1\r\nhost: te").await;
    client.read_to_end().await;
    let mut idle = Client::connect(&server).await;
    assert_eq!(idle.get("/").await.status, 200);
    idle.read_to_end().await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_response_is_cut_off() {
    let config = ServerConfig {
        write_timeout: SHORT,
        connections: 1,
        ..config()
    };
    let server = open_server(config, |_| async { text(vec![b'x'; 64 << 20]) }).await;
    let mut lazy = Client::connect(&server).await;
    lazy.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    lazy.read_line().await;
    // There is room for one connection only, so a second one is served when the first was given up.
    let served = async {
        loop {
            let mut client = Client::connect(&server).await;
            client
                .send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
                .await;
            if client.read_line().await.contains("200") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), served)
        .await
        .expect("the lazy client is given up");
}

#[tokio::test]
async fn an_actor_that_does_not_answer_is_504() {
    let server = server(
        ServerConfig {
            timeout: SHORT,
            ..config()
        },
        |_| std::future::pending(),
    )
    .await;
    route(&server, "all", &[]).await.unwrap();
    let mut client = Client::connect(&server).await;
    let got = client.get("/").await;
    assert_eq!(got.status, 504);
    assert!(got.header("x-request-id").is_some());
    assert_eq!(client.get("/").await.status, 504, "the connection is good for more");
}

#[tokio::test]
async fn one_connection_too_many_hears_so() {
    let server = open_server(
        ServerConfig {
            connections: 2,
            ..config()
        },
        |_| async { text("ok") },
    )
    .await;
    let (mut first, mut second) = (Client::connect(&server).await, Client::connect(&server).await);
    assert_eq!((first.get("/").await.status, second.get("/").await.status), (200, 200));
    assert_eq!(server.health().await, provider_sdk::Health::Healthy, "busy is not ill");
    let mut third = Client::connect(&server).await;
    let got = third.get("/").await;
    assert_eq!((got.status, got.header("retry-after")), (503, Some("1")));
    drop(first);
    let room = async {
        while get(&server, "/").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), room)
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let busy = std::sync::Arc::new(Semaphore::new(8));
    let server = open_server(config(), move |_| {
        let busy = busy.clone();
        async move {
            let _permit = busy
                .try_acquire()
                .map_err(|_| lattice_core::Fault::new(lattice_core::FaultKind::Overloaded, "8 calls are in flight"))?;
            tokio::time::sleep(Duration::from_millis(1)).await;
            text("ok")
        }
    })
    .await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let server = server.clone();
        asking.spawn(async move {
            let mut client = Client::connect(&server).await;
            let mut answers = Vec::new();
            for _ in 0..10 {
                answers.push(client.get("/").await.status);
            }
            answers
        });
    }
    let answers: Vec<u16> = asking.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), 2000);
    assert!(answers.iter().all(|status| matches!(status, 200 | 503)));
    assert!(answers.contains(&200));
}
