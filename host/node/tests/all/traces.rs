//! One trace for all that follows from a request, over every host it crosses; the same in a real Jaeger, where there is one.

use std::collections::BTreeMap;

use lattice_control::KeyedMove;
use lattice_core::ActorSpec;
use lattice_node::testing::{HostOptions, PATIENCE, TestHost, TestLattice, guest};
use lattice_telemetry::testing::{OtlpReceiver, ReceivedSpan, tree};
use lattice_telemetry::{AttributeValue, KeyValue, SpanKind, SpanRecord, Telemetry, TraceId, TraceSettings};
use lattice_testkit::{Jaeger, NatsServer, eventually};

use crate::support::{Http, INCOMING, PONG, lattice, serve};

/// The sampled flag is the last digit.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
const STORE: &str = "wasi:keyvalue/store";

/// Three hosts that tell of their work, each on its own: a request comes in at the first, `ping` is on the second, what it calls on the
/// third, and the store on the first.
struct Chain {
    _nats: NatsServer,
    lattice: TestLattice,
    hosts: [TestHost; 3],
    telling: [Telemetry; 3],
    url: String,
}

const NAMES: [&str; 3] = ["front", "middle", "back"];

impl Chain {
    async fn start(endpoint: &str, sampler: &str) -> Self {
        let (nats, lattice) = lattice().await;
        let telling = NAMES.map(|name| telemetry(name, endpoint, sampler));
        let [front, middle, back] = &telling;
        let hosts = [
            lattice.host_with(HostOptions::named("front").telling(front)).await,
            lattice.host_with(HostOptions::named("middle").telling(middle)).await,
            lattice.host_with(HostOptions::named("back").telling(back)).await,
        ];
        lattice.link("actor/ping", PONG, "actor/keeper", &[]).await;
        lattice.link("actor/keeper", STORE, "provider/kv", &[]).await;
        lattice.start_provider(&hosts[0], "kv", "keyvalue-nats", &[]).await;
        let ping = lattice.actor("ping", guest("ping")).await;
        lattice.start_actor(&hosts[1], &ping).await;
        let keeper = lattice.actor("keeper", guest("test-keeper")).await;
        lattice.start_actor(&hosts[2], &keeper).await;
        let url = serve(&lattice, &hosts[0], "ping").await;
        Self {
            _nats: nats,
            lattice,
            hosts,
            telling,
            url,
        }
    }

    /// Sends a request that is part of a trace, and returns what came of it.
    async fn get(&self, sampled: bool) -> u16 {
        let parent = format!("{PARENT}{}", u8::from(sampled));
        let answer = Http::new().get_with(&self.url, "traceparent", &parent).await;
        answer.status.as_u16()
    }

    async fn stop(self) {
        for telemetry in self.telling {
            telemetry.shutdown(PATIENCE).await.expect("all is sent");
        }
    }
}

fn telemetry(name: &str, endpoint: &str, sampler: &str) -> Telemetry {
    let settings = TraceSettings::from_lookup(|variable| {
        let value = match variable {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf",
            "OTEL_METRICS_EXPORTER" => "none",
            "OTEL_TRACES_SAMPLER" => sampler,
            // None but those that are always kept.
            "OTEL_TRACES_SAMPLER_ARG" => "0",
            "OTEL_BSP_SCHEDULE_DELAY" => "50",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let resource = vec![
        KeyValue::new("service.name", "lattice-host"),
        KeyValue::new("lattice.host.name", name.to_owned()),
    ];
    Telemetry::start(&settings.expect("good settings"), resource).expect("starts")
}

/// `host name kind` of a span and of those above it, the root first.
fn paths(spans: &[(String, SpanRecord)]) -> Vec<String> {
    let by_id: BTreeMap<_, _> = spans.iter().map(|entry| (entry.1.span_id, entry)).collect();
    let mut paths: Vec<String> = spans
        .iter()
        .map(|entry| {
            let mut path = Vec::new();
            let mut next = Some(entry);
            while let Some((host, span)) = next {
                path.push(format!("{host} {} {}", kind(span.kind), span.name));
                next = span.parent_id.and_then(|parent| by_id.get(&parent).copied());
            }
            path.reverse();
            path.join(" > ")
        })
        .collect();
    paths.sort();
    paths
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

fn of_host(received: &[ReceivedSpan]) -> Vec<(String, SpanRecord)> {
    let host = |span: &ReceivedSpan| match &span.resource["lattice.host.name"] {
        AttributeValue::Text(name) => name.clone(),
        other => panic!("{other:?} is no name"),
    };
    received.iter().map(|span| (host(span), span.span.clone())).collect()
}

/// What a request through all three hosts leaves: each span below its caller's.
fn expected() -> Vec<String> {
    let mut paths = Vec::new();
    let mut path = String::new();
    for step in [
        "front server GET /",
        "front client wasi:http/incoming-handler.handle",
        "middle server wasi:http/incoming-handler.handle",
        "middle client example:ping-pong/pong.ping",
        "back server example:ping-pong/pong.ping",
    ] {
        path = if path.is_empty() {
            step.to_owned()
        } else {
            format!("{path} > {step}")
        };
        paths.push(path.clone());
    }
    for function in ["get", "open", "set"] {
        let client = format!("{path} > back client {STORE}.{function}");
        paths.push(format!("{client} > front server {STORE}.{function}"));
        paths.push(client);
    }
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_crosses_three_hosts_is_one_tree() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let chain = Chain::start(&receiver.endpoint(), "parentbased_always_off").await;
    assert_eq!(chain.get(true).await, 200);
    let expected = expected();
    let came = receiver.wait_for(PATIENCE, |spans| spans.len() >= expected.len()).await;
    let came = of_host(&came.expect("every span comes"));
    assert_eq!(paths(&came), expected);
    // The caller's own span is elsewhere: it is the one parent that is not among them.
    let trace: TraceId = PARENT[3..35].parse().expect("a trace's id");
    assert!(came.iter().all(|(_, span)| span.trace_id == trace));

    // What is not sampled leaves nothing behind.
    assert_eq!(chain.get(false).await, 200);
    chain.stop().await;
    assert_eq!(receiver.spans().len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_kept_with_all_that_is_above_it_sampled_or_not() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let chain = Chain::start(&receiver.endpoint(), "parentbased_traceidratio").await;
    // Nobody keeps anything any more for what `keeper` asks.
    chain.lattice.stop_provider(&chain.hosts[0], "kv", PATIENCE).await;
    let keeper = "keeper".parse().expect("a name");
    chain.lattice.stop_actor(&chain.hosts[2], &keeper, PATIENCE).await;
    assert_ne!(chain.get(false).await, 200);
    let came = receiver.wait_for(PATIENCE, |spans| spans.len() >= 4).await;
    let came = of_host(&came.expect("the failure comes"));
    let failed: Vec<&str> = came
        .iter()
        .filter(|(_, span)| span.error.is_some())
        .map(|(host, _)| host.as_str())
        .collect();
    assert!(failed.contains(&"middle") && failed.contains(&"front"), "{failed:?}");
    let spans: Vec<SpanRecord> = came.into_iter().map(|(_, span)| local(span)).collect();
    assert_eq!(tree::check(&spans), Ok(()));
    chain.stop().await;
}

/// Takes the caller's own span away, which is in no host.
fn local(mut span: SpanRecord) -> SpanRecord {
    if span
        .parent_id
        .is_some_and(|parent| PARENT[36..52] == parent.to_string())
    {
        span.parent_id = None;
    }
    span
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_one_trace_with_a_span_for_each_phase_and_the_targets_part_below() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let (_nats, lattice) = lattice().await;
    let names = ["one", "other"];
    let telling = names.map(|name| telemetry(name, &receiver.endpoint(), "parentbased_traceidratio"));
    let one = lattice.host_with(HostOptions::named("one").telling(&telling[0])).await;
    let other = lattice
        .host_with(HostOptions::named("other").telling(&telling[1]))
        .await;
    let cart: ActorSpec = lattice.actor("cart", guest("cart")).await;
    lattice.start_actor(&one, &cart).await;
    let url = lattice.start_http(&one, "http").await;
    lattice
        .link("provider/http", INCOMING, "actor/cart", &[("path", "/{key}")])
        .await;
    Http::new().post(&format!("{url}/ada/add"), "").await.ok();
    lattice.start_actor(&other, &cart).await;
    let order = KeyedMove {
        name: "cart".parse().expect("a name"),
        key: Some("ada".parse().expect("a key")),
        to: other.id().clone(),
        pause_max_ms: 5_000,
    };
    lattice.send(&one, &order).await.expect("moved");

    let phases = ["prepare", "seal", "snapshot", "stage", "commit", "switch", "clean"];
    let mut expected: Vec<String> = phases
        .map(|phase| format!("one internal move > one internal move {phase}"))
        .to_vec();
    expected.push("one internal move".to_owned());
    for (phase, asked) in [("prepare", 0), ("stage", 1), ("switch", 2)] {
        let verb = ["actor-prepare", "actor-stage", "actor-switch"][asked];
        expected.push(format!(
            "one internal move > one internal move {phase} > other server {verb}"
        ));
    }
    expected.sort();
    let came = receiver.wait_for(PATIENCE, |spans| spans.len() >= expected.len()).await;
    let came = of_host(&came.expect("every span comes"));
    assert_eq!(paths(&came), expected);
    assert_eq!(tree::check(came.iter().map(|(_, span)| span)), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn jaeger_shows_the_same_tree() {
    let Some(jaeger) = Jaeger::start_if_there().await else {
        eprintln!("no Jaeger on this machine: `cargo xtask setup` builds it where there is Go");
        return;
    };
    let chain = Chain::start(&jaeger.endpoint(), "parentbased_always_off").await;
    assert_eq!(chain.get(true).await, 200);
    let expected = expected();
    let shown = eventually("Jaeger to have every span", PATIENCE, || {
        let (jaeger, wanted) = (&jaeger, expected.len());
        async move {
            let trace = jaeger.trace(&PARENT[3..35]).await?;
            let spans = from_jaeger(&trace);
            (spans.len() >= wanted).then_some(spans)
        }
    })
    .await;
    assert_eq!(paths(&shown), expected);
    chain.stop().await;
}

/// Reads what Jaeger's API says of one trace.
fn from_jaeger(text: &str) -> Vec<(String, SpanRecord)> {
    let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let trace = &answer["data"][0];
    let tag = |tags: &serde_json::Value, key: &str| {
        let tags = tags.as_array().into_iter().flatten();
        let found = tags.clone().find(|tag| tag["key"] == key);
        found
            .and_then(|tag| tag["value"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let spans = trace["spans"].as_array().into_iter().flatten();
    spans
        .map(|span| {
            let process = &trace["processes"][span["processID"].as_str().expect("a process")];
            assert_eq!(process["serviceName"], "lattice-host");
            let parent = span["references"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|to| to["refType"] == "CHILD_OF");
            let record = serde_json::json!({
                "trace_id": span["traceID"],
                "span_id": span["spanID"],
                "parent_id": parent.map(|parent| parent["spanID"].clone()),
                "name": span["operationName"],
                "kind": tag(&span["tags"], "span.kind"),
                "start_ns": 0,
                "end_ns": span["duration"],
            });
            let host = tag(&process["tags"], "lattice.host.name");
            (host, serde_json::from_value(record).expect("a span"))
        })
        .collect()
}
