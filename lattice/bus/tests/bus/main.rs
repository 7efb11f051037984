//! The bus against real nats-servers that are killed, paused and cut off.

mod bucket;
mod cluster;
mod connect;
mod journal;
mod lease;
mod messages;
mod objects;
mod operator;
mod outage;
mod service;
mod tls;
mod watch;

use std::time::Duration;

use lattice_bus::{Bus, BusConfig, Headers};
use lattice_testkit::NatsServer;

/// Long enough for the slowest machine: tests wait for values, not for time.
const LIMIT: Duration = Duration::from_secs(30);

fn config(url: &str) -> BusConfig {
    BusConfig::new("test").server(url)
}

async fn connect(url: &str) -> Bus {
    Bus::connect(config(url)).await.expect("the server takes everybody")
}

async fn server_and_bus() -> (NatsServer, Bus) {
    let nats = NatsServer::start().await;
    let bus = connect(&nats.url()).await;
    (nats, bus)
}

/// Answers every request on `subject` with what it got, until aborted.
async fn echo(bus: &Bus, subject: &str) -> tokio::task::JoinHandle<()> {
    let mut questions = bus
        .subscribe(subject, None, lattice_bus::DIRECT_CAPACITY)
        .await
        .expect("a good subject");
    let bus = bus.clone();
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            if let Some(reply) = question.reply {
                // A bus that is closed ends the subscription too.
                let _ = bus.publish(reply, Headers::new(), question.payload).await;
            }
        }
    })
}
