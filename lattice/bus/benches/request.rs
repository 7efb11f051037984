//! What does a request through the bus cost over a bare async-nats one?
//!
//! Both run in turns against the same nats-server, requester and answerer on connections of their own, so that a busy machine slows both
//! down alike. Prints the median and the 99th percentile of each, and the ratio of the medians.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use lattice_bus::{Bus, BusConfig, DIRECT_CAPACITY, Headers};
use lattice_testkit::NatsServer;

const ROUNDS: usize = 20;
const REQUESTS: usize = 500;
const PAYLOADS: [usize; 3] = [128, 4 * 1024, 64 * 1024];

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let nats = NatsServer::builder().without_jetstream().start().await;
    let url = nats.url();
    let bare = async_nats::connect(&url).await.expect("connected");
    let bus = Bus::connect(BusConfig::new("bench").server(&url))
        .await
        .expect("connected");
    answer_bare(&url).await;
    answer_bus(&url).await;
    println!("{:<24} {:>10} {:>10}", "request", "p50 µs", "p99 µs");
    for size in PAYLOADS {
        let payload = Bytes::from(vec![b'x'; size]);
        let (mut bare_times, mut bus_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for _ in 0..REQUESTS {
                let start = Instant::now();
                bare.request("bare", payload.clone()).await.expect("an answer");
                bare_times.push(start.elapsed());
            }
            for _ in 0..REQUESTS {
                let start = Instant::now();
                let limit = Duration::from_secs(10);
                bus.request("bus", Headers::new(), payload.clone(), limit)
                    .await
                    .expect("an answer");
                bus_times.push(start.elapsed());
            }
        }
        let bare = report(&format!("bare/{size}"), &mut bare_times);
        let ours = report(&format!("bus/{size}"), &mut bus_times);
        println!("{:<24} {:>10.2}", format!("bus/bare/{size}"), ours / bare);
    }
}

fn report(name: &str, times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let micros = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e6;
    println!("{name:<24} {:>10.1} {:>10.1}", micros(50), micros(99));
    micros(50)
}

async fn answer_bare(url: &str) {
    let client = async_nats::connect(url).await.expect("connected");
    let mut questions = client.subscribe("bare").await.expect("subscribed");
    client.flush().await.expect("flushed");
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let reply = question.reply.expect("a request");
            client.publish(reply, question.payload).await.expect("sent");
        }
    });
}

async fn answer_bus(url: &str) {
    let bus = Bus::connect(BusConfig::new("bench").server(url))
        .await
        .expect("connected");
    let mut questions = bus.subscribe("bus", None, DIRECT_CAPACITY).await.expect("subscribed");
    bus.round_trip(Duration::from_secs(10)).await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let reply = question.reply.expect("a request");
            bus.publish(reply, Headers::new(), question.payload)
                .await
                .expect("sent");
        }
    });
}
