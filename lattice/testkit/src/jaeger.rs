//! A real Jaeger, where there is one.

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Process, Scratch, binary, eventually, free_port};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A real Jaeger on loopback, all of it in one process and in memory. Killed on drop.
#[derive(Debug)]
pub struct Jaeger {
    process: Process,
    otlp: u16,
    query: u16,
    _scratch: Scratch,
}

impl Jaeger {
    /// Starts Jaeger, if this machine has it: `cargo xtask setup` builds it where there is Go.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_if_there() -> Option<Self> {
        let program = binary::JAEGER.look()?;
        let scratch = Scratch::new("jaeger");
        let [otlp, query, admin, grpc, http, otlp_grpc, query_grpc] = [(); 7].map(|()| free_port());
        let mut command = Command::new(program);
        command.arg("--collector.otlp.enabled=true");
        for (flag, port) in [
            ("collector.otlp.http.host-port", otlp),
            ("collector.otlp.grpc.host-port", otlp_grpc),
            ("collector.grpc-server.host-port", grpc),
            ("collector.http-server.host-port", http),
            ("query.http-server.host-port", query),
            ("query.grpc-server.host-port", query_grpc),
            ("admin.http.host-port", admin),
        ] {
            command.arg(format!("--{flag}=127.0.0.1:{port}"));
        }
        let mut jaeger = Self {
            process: Process::spawn(&mut command, &scratch.path().join("log")),
            otlp,
            query,
            _scratch: scratch,
        };
        eventually("Jaeger to answer", START_LIMIT, || {
            assert!(
                jaeger.process.is_running(),
                "Jaeger ended: {}",
                jaeger.process.log_tail()
            );
            let query = jaeger.query;
            async move { get(query, "/api/services").await.map(drop) }
        })
        .await;
        Some(jaeger)
    }

    /// A value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp)
    }

    /// What its HTTP API says of a trace, as JSON; nothing when it does not know it, or not yet.
    pub async fn trace(&self, id: &str) -> Option<String> {
        get(self.query, &format!("/api/traces/{id}")).await
    }

    /// What its HTTP API says of the traces with a span of this name, as JSON; nothing when there is none yet.
    pub async fn find(&self, service: &str, operation: &str) -> Option<String> {
        let path = format!("/api/traces?service={service}&operation={operation}");
        let found = get(self.query, &path).await;
        found.filter(|found| found.contains("\"traceID\""))
    }
}

/// Gets a document over HTTP/1.0, where the end of the connection is the end of the document.
async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}
