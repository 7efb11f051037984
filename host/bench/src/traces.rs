//! Is every trace whole? A chain over three hosts under load, and every span of every request put back into its tree.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use lattice_node::testing::{HostOptions, TestHost, TestLattice};
use lattice_telemetry::testing::{OtlpReceiver, tree};
use lattice_telemetry::{KeyValue, Telemetry, TraceId, TraceSettings};
use lattice_testkit::NatsServer;
use serde_json::json;

use crate::lattice::component;
use crate::row;

/// Requests a second, and for how long.
const RATE: u32 = 200;
const LASTS: Duration = Duration::from_secs(60);
/// Those who send them, side by side.
const SENDERS: u32 = 8;
/// One request: in at the first host, `ping` on the second, `keeper` on the third, its store on the first; each hop where it leaves and
/// where it arrives, three calls to the store among them.
const SPANS: usize = 11;
/// As long as the last spans may take.
const PATIENCE: Duration = Duration::from_secs(30);
const HOSTS: [&str; 3] = ["front", "middle", "back"];

/// Measures.
pub(crate) async fn run() -> Result<()> {
    let receiver = OtlpReceiver::start().await?;
    let telling = HOSTS.map(|name| telemetry(name, &receiver.endpoint()));
    let [front, middle, back] = &telling;
    let nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let hosts = [
        lattice.host_with(HostOptions::named("front").telling(front)).await,
        lattice.host_with(HostOptions::named("middle").telling(middle)).await,
        lattice.host_with(HostOptions::named("back").telling(back)).await,
    ];
    let url = chain(&lattice, &hosts).await?;
    let began = Instant::now();
    let sent = load(&url).await?;
    let took = began.elapsed();
    for telemetry in telling {
        telemetry.shutdown(PATIENCE).await?;
    }
    judge(&receiver, sent, took)
}

async fn chain(lattice: &TestLattice, hosts: &[TestHost; 3]) -> Result<String> {
    lattice
        .link("actor/ping", "example:ping-pong/pong", "actor/keeper", &[])
        .await;
    lattice
        .link("actor/keeper", "wasi:keyvalue/store", "provider/kv", &[])
        .await;
    lattice.start_provider(&hosts[0], "kv", "keyvalue-nats", &[]).await;
    let ping = lattice.actor("ping", component("ping")?).await;
    lattice.start_actor(&hosts[1], &ping).await;
    let keeper = lattice.actor("keeper", component("test-keeper")?).await;
    lattice.start_actor(&hosts[2], &keeper).await;
    let url = lattice.start_http(&hosts[0], "http").await;
    lattice
        .link(
            "provider/http",
            "wasi:http/incoming-handler",
            "actor/ping",
            &[("path", "/")],
        )
        .await;
    Ok(url)
}

/// Sends requests at an even rate, and returns how many were answered well.
async fn load(url: &str) -> Result<usize> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let until = Instant::now() + LASTS;
    let senders = (0..SENDERS).map(|_| {
        let (client, url) = (client.clone(), url.to_owned());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) * SENDERS / RATE);
            let mut sent = 0_usize;
            while Instant::now() < until {
                ticks.tick().await;
                let answer = client.request(http::Request::get(&url).body(Empty::new())?).await?;
                ensure!(answer.status().is_success(), "{}", answer.status());
                answer.into_body().collect().await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        })
    });
    let mut sent = 0;
    for sender in senders.collect::<Vec<_>>() {
        sent += sender.await??;
    }
    Ok(sent)
}

fn judge(receiver: &OtlpReceiver, sent: usize, took: Duration) -> Result<()> {
    let spans = receiver.spans();
    let requests = spans.iter().filter(|span| span.span.name == "GET /");
    let mut traces: HashMap<TraceId, usize> = requests.map(|span| (span.span.trace_id, 0)).collect();
    let mut of_requests = Vec::new();
    for span in &spans {
        if let Some(count) = traces.get_mut(&span.span.trace_id) {
            *count += 1;
            of_requests.push(&span.span);
        }
    }
    let wrong = tree::check(of_requests).err().unwrap_or_default();
    let short = traces.values().filter(|count| **count != SPANS).count();
    row(
        "traces/four-hops/broken",
        &json!({ "traces": wrong.len() + short }),
        None,
        &json!({ "at-most": { "traces": 0 } }),
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let rate = sent as f64 / took.as_secs_f64();
    row(
        "traces/four-hops/requests",
        &json!({ "per-second": rate }),
        None,
        &json!("none"),
    );
    let first = wrong.first().cloned().unwrap_or_default();
    ensure!(wrong.is_empty() && short == 0, "{short} traces are short; {first}");
    ensure!(traces.len() == sent, "{} traces of {sent} requests", traces.len());
    Ok(())
}

fn telemetry(name: &str, endpoint: &str) -> Telemetry {
    let settings = TraceSettings::from_lookup(|variable| {
        let value = match variable {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint,
            "OTEL_METRICS_EXPORTER" => "none",
            "OTEL_BSP_MAX_QUEUE_SIZE" => "65536",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let host = KeyValue::new("lattice.host.name", name.to_owned());
    Telemetry::start(&settings.expect("good settings"), vec![host]).expect("starts")
}
