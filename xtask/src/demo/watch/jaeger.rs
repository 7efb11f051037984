//! A real Jaeger, beside the demonstration.

use super::ask;
use super::trace::Trace;
use crate::program::{Program, free_port};
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Hosts gather spans before they send them, and are busy.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// How many traces it remembers: there are thousands under load, and they are kept in memory.
const TRACES_MAX: usize = 20_000;
/// What a host calls itself.
const SERVICE: &str = "lattice-host";

/// A Jaeger that takes spans over OTLP.
pub(super) struct Jaeger {
    program: Program,
    otlp: u16,
    query: u16,
}

impl Jaeger {
    /// Starts it, all of it in one process and in memory.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args([
            "--collector.otlp.enabled=true",
            &format!("--memory.max-traces={TRACES_MAX}"),
        ]);
        let mut listen = |what: &str| -> Result<u16> {
            let port = free_port()?;
            command.arg(format!("--{what}.host-port=127.0.0.1:{port}"));
            Ok(port)
        };
        let (otlp, query) = (listen("collector.otlp.http")?, listen("query.http-server")?);
        // All the others, lest one is taken.
        for what in [
            "collector.otlp.grpc",
            "collector.grpc-server",
            "collector.http-server",
            "query.grpc-server",
            "admin.http",
        ] {
            listen(what)?;
        }
        let mut program = Program::start(&mut command, &folder.join("jaeger.log"))?;
        let services = format!("http://127.0.0.1:{query}/api/services");
        program.wait_until(STARTS_WITHIN, || Ok(ask::text(&services, &[]).is_ok()))?;
        Ok(Self { program, otlp, query })
    }

    /// What makes hosts send their spans here.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let endpoint = format!("http://127.0.0.1:{}", self.otlp);
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            // It takes none.
            ("OTEL_METRICS_EXPORTER", "none"),
            // Milliseconds: who waits for a trace waits that long.
            ("OTEL_BSP_SCHEDULE_DELAY", "500"),
        ]
        .map(|(name, value)| (name, value.into()))
        .to_vec()
    }

    /// Where its page is.
    pub(super) fn page(&self) -> String {
        format!("http://127.0.0.1:{}", self.query)
    }

    /// Leaves it running, and says what process it is.
    pub(super) fn leave_running(self) -> Option<u32> {
        self.program.leave_running()
    }

    /// Waits for a trace that is as `judge` wants it, among those that began after `since` and have a span of this name with these
    /// attributes. If there is none, the error is what `judge` said last.
    pub(super) fn wait_for<T>(
        &self,
        since: SystemTime,
        operation: &str,
        attributes: &[(&str, &str)],
        judge: impl Fn(&Trace) -> Result<T>,
    ) -> Result<(Trace, T)> {
        let started = Instant::now();
        loop {
            let mut refused = None;
            for trace in self.find(since, operation, attributes)? {
                match judge(&trace) {
                    Ok(value) => return Ok((trace, value)),
                    Err(error) => refused = Some(error.context(format!("trace {} is not as it should be", trace.id))),
                }
            }
            if started.elapsed() > SHOWN_WITHIN {
                let error = refused.unwrap_or_else(|| anyhow!("there is none"));
                return Err(error.context(format!("looking in Jaeger for `{operation}` with {attributes:?}")));
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn find(&self, since: SystemTime, operation: &str, attributes: &[(&str, &str)]) -> Result<Vec<Trace>> {
        let tags: serde_json::Map<String, Value> = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let tags = Value::Object(tags).to_string();
        let since = since.duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        let query = [
            ("service", SERVICE),
            ("operation", operation),
            ("tags", &tags),
            ("start", &since.as_micros().to_string()),
            ("limit", "100"),
        ];
        let mut found = ask::json(&format!("{}/api/traces", self.page()), &query)?;
        serde_json::from_value(found["data"].take()).context("read what Jaeger found")
    }
}
