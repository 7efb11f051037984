//! One trace for all that follows from a request, over every host it crosses; the same in a real Jaeger, where there is one.

use std::collections::BTreeMap;

use lattice_control::KeyedMove;
use lattice_core::ActorSpec;
use lattice_node::testing::{HostOptions, PATIENCE, TestHost, TestLattice, guest};
use lattice_telemetry::testing::{OtlpReceiver, ReceivedSpan, tree};
use lattice_telemetry::{AttributeValue, KeyValue, SpanKind, SpanRecord, Telemetry, TraceSettings};
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

pub(crate) fn telemetry(name: &str, endpoint: &str, sampler: &str) -> Telemetry {
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
pub(crate) fn paths(spans: &[(String, SpanRecord)]) -> Vec<String> {
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

/// What is part of the trace that requests come with.
fn is_ours(span: &ReceivedSpan) -> bool {
    span.span.trace_id.to_string() == PARENT[3..35]
}

fn ours(received: Vec<ReceivedSpan>) -> Vec<(String, SpanRecord)> {
    of_host(&received.into_iter().filter(is_ours).collect::<Vec<_>>())
}

/// Waits for so many spans of that trace.
async fn wait_for_ours(receiver: &OtlpReceiver, count: usize) -> Vec<(String, SpanRecord)> {
    let enough = |spans: &[ReceivedSpan]| spans.iter().filter(|span| is_ours(span)).count() >= count;
    ours(receiver.wait_for(PATIENCE, enough).await.expect("every span comes"))
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

pub(crate) fn of_host(received: &[ReceivedSpan]) -> Vec<(String, SpanRecord)> {
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
    // The caller's own span is elsewhere: it is the one parent that is not among them.
    assert_eq!(paths(&wait_for_ours(&receiver, expected.len()).await), expected);

    // What is not sampled leaves nothing behind.
    assert_eq!(chain.get(false).await, 200);
    chain.stop().await;
    assert_eq!(ours(receiver.spans()).len(), expected.len());
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
    let came = wait_for_ours(&receiver, 4).await;
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

/// Two hosts that tell of their work, and an actor that is awake on the first.
struct Pair {
    _nats: NatsServer,
    lattice: TestLattice,
    one: TestHost,
    other: TestHost,
}

impl Pair {
    async fn start(endpoint: &str) -> Self {
        let (nats, lattice) = lattice().await;
        let telling = ["one", "other"].map(|name| telemetry(name, endpoint, "parentbased_traceidratio"));
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
        Self {
            _nats: nats,
            lattice,
            one,
            other,
        }
    }

    async fn move_it(&self) {
        let order = KeyedMove {
            name: "cart".parse().expect("a name"),
            key: Some("ada".parse().expect("a key")),
            to: self.other.id().clone(),
            pause_max_ms: 5_000,
        };
        self.lattice.send(&self.one, &order).await.expect("moved");
    }
}

/// What a move leaves below `root`, sorted: a span for each phase, and the target's part below those that ask it for something.
fn expected_of_move(root: &str) -> Vec<String> {
    let phases = ["prepare", "seal", "snapshot", "stage", "commit", "switch", "clean"];
    let mut expected: Vec<String> = phases
        .map(|phase| format!("{root} > one internal move {phase}"))
        .to_vec();
    expected.push(root.to_owned());
    for phase in ["prepare", "stage", "switch"] {
        expected.push(format!(
            "{root} > one internal move {phase} > other server actor-{phase}"
        ));
    }
    expected.sort();
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_one_trace_with_a_span_for_each_phase_and_the_targets_part_below() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let pair = Pair::start(&receiver.endpoint()).await;
    // What was ordered before is another trace each.
    let before = receiver.wait_for(PATIENCE, |spans| {
        spans.iter().any(|span| span.span.name.starts_with("control"))
    });
    before.await.expect("the orders come");
    pair.move_it().await;
    let expected = expected_of_move("one internal move");
    let of_move = |span: &ReceivedSpan| span.span.name.starts_with("move") || span.span.name.starts_with("actor-");
    let came = receiver.wait_for(PATIENCE, |spans| {
        spans.iter().filter(|span| of_move(span)).count() >= expected.len()
    });
    let came = came.await.expect("every span comes");
    let came = of_host(&came.into_iter().filter(of_move).collect::<Vec<_>>());
    assert_eq!(paths(&came), expected);
    assert_eq!(tree::check(came.iter().map(|(_, span)| span)), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_one_trace_with_the_moves_of_what_had_to_go() {
    let receiver = OtlpReceiver::start().await.expect("listens");
    let pair = Pair::start(&receiver.endpoint()).await;
    pair.one.stop(PATIENCE).await;
    let came = receiver.wait_for(PATIENCE, |spans| spans.iter().any(|span| span.span.name == "drain"));
    let came = of_host(&came.await.expect("the drain comes"));
    let drain = came
        .iter()
        .find(|(_, span)| span.name == "drain")
        .expect("it came")
        .1
        .trace_id;
    let came: Vec<_> = came.into_iter().filter(|(_, span)| span.trace_id == drain).collect();
    let steps = ["doors", "in-flight", "place-elsewhere", "rest"];
    let mut expected: Vec<String> = steps
        .map(|step| format!("one internal drain > one internal drain {step}"))
        .to_vec();
    let stateful = "one internal drain > one internal drain stateful".to_owned();
    let evacuate = format!("{stateful} > one internal evacuate");
    expected.extend(expected_of_move(&format!("{evacuate} > one internal move")));
    expected.extend([evacuate, stateful, "one internal drain".to_owned()]);
    expected.sort();
    assert_eq!(paths(&came), expected);
}

async fn start_jaeger() -> Option<Jaeger> {
    let jaeger = Jaeger::start_if_there().await;
    if jaeger.is_none() {
        eprintln!("no Jaeger on this machine: `cargo xtask setup` builds it where there is Go");
    }
    jaeger
}

/// What Jaeger shows of a trace once it has so many spans of it.
async fn shown(jaeger: &Jaeger, trace: &str, count: usize) -> Vec<(String, SpanRecord)> {
    eventually("Jaeger to have every span", PATIENCE, || async move {
        let spans = from_jaeger(&jaeger.trace(trace).await?);
        (spans.len() >= count).then_some(spans)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn jaeger_shows_the_same_tree() {
    let Some(jaeger) = start_jaeger().await else { return };
    let chain = Chain::start(&jaeger.endpoint(), "parentbased_always_off").await;
    assert_eq!(chain.get(true).await, 200);
    let expected = expected();
    let shown = shown(&jaeger, &PARENT[3..35], expected.len()).await;
    assert_eq!(paths(&shown), expected);
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jaeger_shows_where_a_call_failed() {
    let Some(jaeger) = start_jaeger().await else { return };
    let chain = Chain::start(&jaeger.endpoint(), "parentbased_always_off").await;
    let keeper = "keeper".parse().expect("a name");
    chain.lattice.stop_actor(&chain.hosts[2], &keeper, PATIENCE).await;
    assert_ne!(chain.get(true).await, 200);
    let shown = shown(&jaeger, &PARENT[3..35], 4).await;
    let failed = |wanted: bool| {
        let spans = shown.iter().filter(|(_, span)| span.error.is_some() == wanted);
        let mut names: Vec<_> = spans
            .map(|(host, span)| format!("{host} {} {}", kind(span.kind), span.name))
            .collect();
        names.sort();
        names
    };
    // From the call that nobody took, up to whoever asked first; and no other.
    let handle = "wasi:http/incoming-handler.handle";
    assert_eq!(
        failed(true),
        [
            format!("front client {handle}"),
            "front server GET /".to_owned(),
            "middle client example:ping-pong/pong.ping".to_owned(),
            format!("middle server {handle}"),
        ],
        "{shown:?}"
    );
    assert!(failed(false).is_empty(), "{shown:?}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jaeger_shows_a_move() {
    let Some(jaeger) = start_jaeger().await else { return };
    let pair = Pair::start(&jaeger.endpoint()).await;
    pair.move_it().await;
    let expected = expected_of_move("one internal move");
    let found = eventually("Jaeger to find the move", PATIENCE, || {
        jaeger.find("lattice-host", "move")
    })
    .await;
    let traces: serde_json::Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(traces["data"].as_array().map(Vec::len), Some(1), "{traces}");
    let trace = traces["data"][0]["traceID"].as_str().expect("an id");
    let shown = shown(&jaeger, trace, expected.len()).await;
    assert_eq!(paths(&shown), expected);
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
            let failed = span["tags"].as_array().into_iter().flatten();
            let failed = failed
                .into_iter()
                .any(|tag| tag["key"] == "error" && tag["value"] == true);
            let error = failed.then(|| {
                let message = tag(&span["tags"], "otel.status_description");
                serde_json::json!({ "kind": tag(&span["tags"], "error.type"), "message": message })
            });
            let record = serde_json::json!({
                "error": error,
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
