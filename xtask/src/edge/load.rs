//! Requests from within a namespace: this very program, started there, which counts and tells when it is asked.

use super::namespaces;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A request that waits this long counts as failed.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two requests of one worker: what is shown is whether they are answered, not how many there can be.
const PACE: Duration = Duration::from_millis(50);

/// What came of the requests to one address since the last time somebody asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) sent: usize,
    pub(super) answered: usize,
    pub(super) failed: usize,
    /// The longest that one was waited for.
    pub(super) slowest_ms: u64,
    pub(super) first_failure: Option<String>,
}

/// Load in a namespace, ended when this is dropped.
pub(super) struct Load {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Load {
    /// Sends requests to each of these (`POST http://…`) in turn, over and over, one worker for each.
    pub(super) fn start(namespace: &str, requests: &[String]) -> Result<Self> {
        let me = std::env::current_exe().context("find this program")?;
        let mut command = namespaces::command(namespace, me);
        command.arg("edge");
        for request in requests {
            command.args(["--load", request]);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start requests in a namespace")?;
        let questions = process.stdin.take().context("a pipe to the requests")?;
        let answers = process.stdout.take().context("a pipe from the requests")?;
        Ok(Self {
            process,
            questions,
            answers: BufReader::new(answers),
        })
    }

    /// What came of each since the last time.
    pub(super) fn tallies(&mut self) -> Result<Vec<Tally>> {
        writeln!(self.questions, "tell").context("ask what came of the requests")?;
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("hear what came of the requests")?;
        serde_json::from_str(&line).context("what came of the requests is no JSON")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends requests, and tells what came of them for each line that comes in; until none comes any more.
pub(super) fn serve(requests: &[String]) -> Result<()> {
    let tallies: Vec<Arc<Mutex<Tally>>> = requests.iter().map(|_| Arc::default()).collect();
    for (request, tally) in requests.iter().zip(&tallies) {
        let (request, tally) = (request.clone(), Arc::clone(tally));
        // Ends with this process.
        std::thread::spawn(move || work(&request, &tally));
    }
    for line in std::io::stdin().lock().lines() {
        line.context("hear a question")?;
        let told: Vec<Tally> = tallies.iter().map(|tally| std::mem::take(&mut *lock(tally))).collect();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&told)?)?;
        out.flush()?;
    }
    Ok(())
}

fn work(request: &str, tally: &Mutex<Tally>) {
    let (method, url) = request.split_once(' ').unwrap_or(("GET", request));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into();
    loop {
        let begun = Instant::now();
        let outcome = send(&agent, method, url);
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Counted with its outcome, in the phase in which that is known.
        let mut tally = lock(tally);
        tally.sent += 1;
        tally.slowest_ms = tally.slowest_ms.max(took);
        match outcome {
            Ok(()) => tally.answered += 1,
            Err(error) => {
                tally.failed += 1;
                tally.first_failure.get_or_insert_with(|| format!("{error:#}"));
            }
        }
        drop(tally);
        std::thread::sleep(PACE);
    }
}

fn send(agent: &ureq::Agent, method: &str, url: &str) -> Result<()> {
    let mut response = match method {
        "POST" => agent.post(url).send_empty()?,
        _ => agent.get(url).call()?,
    };
    let text = response.body_mut().read_to_string().context("the answer broke off")?;
    anyhow::ensure!(response.status() == 200, "{}: {}", response.status(), text.trim());
    Ok(())
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
