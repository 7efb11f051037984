//! A real Prometheus, beside the demonstration.

use super::ask;
use super::dashboard::{self, Query};
use crate::program::{Program, free_port};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// The demonstration is short.
const SCRAPE_EVERY: &str = "1s";
/// A host may be busy for a while, and it is no fault of its page.
const SCRAPE_WITHIN: &str = "1s";
/// What happened last is only known after a few of them.
const KNOWN_WITHIN: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// What Grafana makes of that: four scrapes.
const RATE_INTERVAL: &str = "4s";
/// Between two points of a line.
const STEP: &str = "2s";
/// What Prometheus says of a page that it fetched and could not read.
const UNREADABLE: &str = "Append failed";

/// A host, and where it shows its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What the host is called.
    pub(crate) host: String,
    /// Address and port.
    pub(crate) address: String,
}

/// A Prometheus that fetches the metrics of some hosts.
pub(super) struct Prometheus {
    program: Program,
    promtool: Option<PathBuf>,
    port: u16,
    hosts: Vec<Shown>,
    since: SystemTime,
}

impl Prometheus {
    /// Starts it with an empty store in `folder`.
    pub(super) fn start(program: &Path, promtool: Option<PathBuf>, folder: &Path, hosts: &[Shown]) -> Result<Self> {
        let port = free_port()?;
        let targets: Vec<Value> = hosts
            .iter()
            .map(|shown| json!({"targets": [shown.address], "labels": {"host": shown.host}}))
            .collect();
        let configuration = json!({
            "global": {"scrape_interval": SCRAPE_EVERY, "scrape_timeout": SCRAPE_WITHIN},
            "scrape_configs": [{"job_name": "lattice", "static_configs": targets}],
        });
        // Its configuration is YAML, and JSON is that too.
        let file = folder.join("prometheus.yaml");
        fs::write(&file, configuration.to_string()).with_context(|| format!("write {}", file.display()))?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // Only then it tells of pages that it cannot read.
            .arg("--log.level=debug");
        let mut prometheus = Self {
            program: Program::start(&mut command, &folder.join("prometheus.log"))?,
            promtool,
            port,
            hosts: hosts.to_vec(),
            since: SystemTime::now(),
        };
        let ready = format!("{}/-/ready", prometheus.page());
        prometheus
            .program
            .wait_until(STARTS_WITHIN, || Ok(ask::text(&ready, &[]).is_ok()))?;
        Ok(prometheus)
    }

    /// Where its page is.
    pub(super) fn page(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Leaves it running, and says what process it is.
    pub(super) fn leave_running(self) -> Option<u32> {
        self.program.leave_running()
    }

    /// Has `promtool check metrics` judge the page of every host.
    pub(super) fn check_pages(&self) -> Result<String> {
        let Some(promtool) = &self.promtool else {
            return Ok("there is no promtool, so that nobody checked the pages".to_owned());
        };
        let mut series = 0;
        for Shown { host, address } in &self.hosts {
            let page = ask::text(&format!("http://{address}/metrics"), &[])?;
            series += page.lines().filter(|line| !line.starts_with('#')).count();
            check_page(promtool, &page).with_context(|| format!("the metrics of {host}"))?;
        }
        Ok(format!(
            "promtool check metrics: nothing to say to {series} series of {} hosts",
            self.hosts.len()
        ))
    }

    /// Checks that each host but those that are `gone` is fetched well now, and that no page was ever unreadable.
    pub(super) fn check_targets(&self, gone: &[&str]) -> Result<String> {
        let answer = ask::json(&format!("{}/api/v1/targets", self.page()), &[("state", "active")])?;
        let targets = answer["data"]["activeTargets"].as_array();
        let targets = targets.context("Prometheus tells of no targets")?;
        for Shown { host, .. } in &self.hosts {
            let target = targets.iter().find(|target| target["labels"]["host"] == host.as_str());
            let health = target.map(|target| (target["health"].as_str().unwrap_or_default(), &target["lastError"]));
            let is_there = !gone.contains(&host.as_str());
            ensure!(
                matches!(health, Some(("up", _))) == is_there,
                "Prometheus says of {host}: {health:?}"
            );
        }
        let log = self.program.output()?;
        let unreadable: Vec<&str> = log.lines().filter(|line| line.contains(UNREADABLE)).collect();
        ensure!(
            unreadable.is_empty(),
            "Prometheus cannot read a page: {}",
            unreadable[0]
        );
        let scrapes = self.now("sum(count_over_time(up[1h]))")?;
        let there = self.hosts.len() - gone.len();
        Ok(format!(
            "Prometheus fetched {scrapes} pages and could read them all; {there} of {there} hosts are healthy"
        ))
    }

    /// Asks every query of the dashboard for the time since the start: each must have had something to show.
    pub(super) fn check_dashboard(&self, file: &Path) -> Result<String> {
        let queries = dashboard::queries(file, RATE_INTERVAL)?;
        let started = Instant::now();
        loop {
            let empty = self.without_data(&queries)?;
            if empty.is_empty() {
                return Ok(format!(
                    "all {} queries of the Grafana dashboard had data",
                    queries.len()
                ));
            }
            ensure!(
                started.elapsed() < KNOWN_WITHIN,
                "{} of {} queries of the dashboard had nothing to show:\n{}",
                empty.len(),
                queries.len(),
                empty.join("\n")
            );
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// The queries that had nothing to show since the start.
    fn without_data(&self, queries: &[Query]) -> Result<Vec<String>> {
        let seconds = |time: SystemTime| -> Result<String> {
            let since_1970 = time.duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
            Ok(since_1970.as_secs().to_string())
        };
        let (start, end) = (seconds(self.since)?, seconds(SystemTime::now())?);
        let mut empty = Vec::new();
        for Query { panel, expression } in queries {
            let parameters = [
                ("query", expression.as_str()),
                ("start", &start),
                ("end", &end),
                ("step", STEP),
            ];
            let answer = ask::json(&format!("{}/api/v1/query_range", self.page()), &parameters)
                .with_context(|| format!("the query of `{panel}`: {expression}"))?;
            if !has_data(&answer) {
                empty.push(format!("{panel}: {expression}"));
            }
        }
        Ok(empty)
    }

    /// A single number.
    fn now(&self, expression: &str) -> Result<String> {
        let answer = ask::json(&format!("{}/api/v1/query", self.page()), &[("query", expression)])?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        Ok(value
            .with_context(|| format!("Prometheus has nothing for {expression}"))?
            .to_owned())
    }
}

/// Whether there is a line with a number in it; a division by nothing is none.
fn has_data(answer: &Value) -> bool {
    let lines = answer["data"]["result"].as_array().into_iter().flatten();
    let mut points = lines.filter_map(|line| line["values"].as_array()).flatten();
    points.any(|point| {
        let value = point[1].as_str().and_then(|value| value.parse().ok());
        value.is_some_and(f64::is_finite)
    })
}

fn check_page(promtool: &Path, page: &str) -> Result<()> {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run promtool")?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // It reads all before it says anything, and what it says is short.
    stdin.write_all(page.as_bytes()).context("hand promtool a page")?;
    drop(stdin);
    let output = child.wait_with_output().context("wait for promtool")?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "promtool check metrics ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_nothing_but_nan_is_no_data() {
        let answer = |values: Value| json!({"data": {"result": [{"metric": {}, "values": values}]}});
        assert!(has_data(&answer(json!([[1, "NaN"], [2, "0"]]))));
        assert!(!has_data(&answer(json!([[1, "NaN"], [2, "+Inf"]]))));
        assert!(!has_data(&json!({"data": {"result": []}})));
    }
}
