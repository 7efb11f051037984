//! How long from the command that starts an actor to its first answer, when its compiled code is in the host's cache?

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use lattice_node::testing::TestLattice;
use lattice_testkit::NatsServer;

use crate::lattice::component;
use crate::{median, row};

/// Starts that are measured.
const STARTS: usize = 15;

/// Measures.
pub(crate) async fn run() -> Result<()> {
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let host = lattice.host("starter").await;
    let url = lattice.start_http(&host, "http").await;
    lattice
        .link("provider/http", "wasi:http", "actor/hello", &[("path", "/")])
        .await;
    let hello = lattice.actor("hello", component("hello-http")?).await;
    // Compiles it.
    lattice.start_actor(&host, &hello).await;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        lattice.stop_actor(&host, &hello.name, Duration::from_secs(5)).await;
        let start = Instant::now();
        lattice.start_actor(&host, &hello).await;
        get(&url).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let target = json!({ "at-most": { "millis": 50.0 } });
    row(
        "start/cached/first-answer",
        &json!({ "millis": median(times) }),
        None,
        &target,
    );
    drop(host);
    Ok(())
}

/// One request on a connection of its own; anything but 200 is an error.
async fn get(url: &str) -> Result<()> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut connection = TcpStream::connect(address).await?;
    connection
        .write_all(format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}
