//! What actors log is kept by their hosts, and passed on to whoever follows.

use lattice_bus::Subscription;
use lattice_control::{LogBatch, LogLevel, LogLine, LogStream, Logs, LogsReply};
use lattice_core::subject;
use lattice_node::testing::{PATIENCE, TestHost, TestLattice, guest};

use crate::support::{Http, lattice, serve};

const ACTOR: &str = "test-config";

fn all() -> Logs {
    Logs {
        actor: ACTOR.parse().expect("a name"),
        key: None,
        tail: 1000,
        since_ms: 0,
        level: LogLevel::Trace,
        follow: false,
    }
}

/// A host with an actor that logs what it is told over HTTP, and where to tell it.
async fn talker(lattice: &TestLattice, host: &TestHost) -> String {
    let spec = lattice.actor(ACTOR, guest(ACTOR)).await;
    lattice.start_actor(host, &spec).await;
    serve(lattice, host, ACTOR).await
}

async fn ask(lattice: &TestLattice, host: &TestHost, question: &Logs) -> LogsReply {
    lattice.client().read(host.id(), question).await.expect("answers")
}

async fn next(lines: &mut Subscription) -> LogBatch {
    let message = tokio::time::timeout(PATIENCE, lines.recv()).await.expect("in time");
    serde_json::from_slice(&message.expect("still open").payload).expect("lines")
}

fn messages(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_keeps_what_an_actor_wrote_and_where_to() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let (url, http) = (talker(&lattice, &host).await, Http::new());
    for path in ["log/warn?careful", "stdout?hello%20there", "stderr?oh"] {
        http.get(&format!("{url}/{path}")).await.ok();
    }
    let reply = ask(&lattice, &host, &all()).await;
    assert!(reply.runs);
    assert_eq!(messages(&reply.lines), ["careful", "hello there", "oh"]);
    let told: Vec<_> = reply
        .lines
        .iter()
        .map(|line| (line.stream, line.level, line.context.as_str()))
        .collect();
    let expect = [
        (LogStream::Logging, LogLevel::Warn, "test-config"),
        (LogStream::Stdout, LogLevel::Info, ""),
        (LogStream::Stderr, LogLevel::Warn, ""),
    ];
    assert_eq!(told, expect);
    let last = Logs { tail: 1, ..all() };
    assert_eq!(messages(&ask(&lattice, &host, &last).await.lines), ["oh"]);
    // Gone, what it said stays for a while.
    lattice
        .stop_actor(&host, &ACTOR.parse().expect("a name"), PATIENCE)
        .await;
    let reply = ask(&lattice, &host, &all()).await;
    assert!(!reply.runs && reply.lines.len() == 3, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_passed_on_only_while_somebody_follows() {
    let (_nats, lattice) = lattice().await;
    let host = lattice.host("one").await;
    let (url, http) = (talker(&lattice, &host).await, Http::new());
    let actor = ACTOR.parse().expect("a name");
    let bus = lattice.client().bus();
    let follow = subject::log_of_all(lattice.id(), &actor);
    let mut lines = bus.subscribe(follow, None, 100).await.expect("a good subject");
    bus.round_trip(PATIENCE).await.expect("subscribed by now");

    http.get(&format!("{url}/stdout?unheard")).await.ok();
    let reply = ask(&lattice, &host, &Logs { follow: true, ..all() }).await;
    assert_eq!(messages(&reply.lines), ["unheard"]);
    http.get(&format!("{url}/log/error?heard")).await.ok();
    let batch = next(&mut lines).await;
    assert_eq!(messages(&batch.lines), ["heard"], "nothing was passed on before");
    assert!(batch.lines[0].number > reply.last && batch.dropped == 0, "{batch:?}");
    assert_eq!(
        messages(&ask(&lattice, &host, &all()).await.lines),
        ["unheard", "heard"]
    );
}
