//! Steady HTTP load from a few threads, counted honestly: every request sent is answered well, or failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Longer than any answer may take: a request that waits this long counts as failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a worker rests between two requests, so that two cores are left for those who answer.
const PACE: Duration = Duration::from_millis(2);

/// What is asked again and again.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// Reads a page.
    Get(String),
    /// Posts nothing to a page, which does something there.
    Post(String),
}

/// Load that runs until it is stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Tally>>,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Requests that were sent.
    pub(super) sent: usize,
    /// Requests that got no answer, or a status other than 200.
    pub(super) failed: usize,
    /// What the first failure was.
    pub(super) first_failure: Option<String>,
    /// One entry for each good answer.
    latencies: Vec<Duration>,
}

impl Load {
    /// Starts `workers` threads; each sends the requests in turn, again and again, over one kept-alive connection.
    pub(super) fn start(requests: &[Request], workers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..workers)
            .map(|_| {
                let (stop, requests) = (stop.clone(), requests.to_vec());
                std::thread::spawn(move || work(&requests, &stop))
            })
            .collect();
        Self { stop, workers }
    }

    /// Lets every request under way finish, and adds up.
    pub(super) fn finish(self) -> Result<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        let mut total = Tally::default();
        for worker in self.workers {
            total.add(worker.join().ok().context("a load thread panicked")?);
        }
        total.latencies.sort_unstable();
        Ok(total)
    }
}

impl Tally {
    /// Sends `count` requests from this thread.
    pub(super) fn of(request: &Request, count: usize) -> Self {
        let agent = agent();
        let mut tally = Self::default();
        for _ in 0..count {
            tally.send(&agent, request);
        }
        tally.latencies.sort_unstable();
        tally
    }

    /// The latency that `share` (0 to 1) of the good answers did not exceed; none if there were none.
    pub(super) fn percentile(&self, share: f64) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a small count"
        )]
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied()
    }

    fn send(&mut self, agent: &ureq::Agent, request: &Request) {
        self.sent += 1;
        let start = Instant::now();
        match request.send(agent) {
            Ok(_) => self.latencies.push(start.elapsed()),
            Err(error) => {
                self.failed += 1;
                self.first_failure
                    .get_or_insert_with(|| format!("{}: {error:#}", request.url()));
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.latencies.extend(other.latencies);
    }
}

/// Fetches one page: its text, or why not.
pub(super) fn fetch(url: &str) -> Result<String> {
    Request::Get(url.to_owned()).send(&agent())
}

/// Posts nothing to a page: its answer's text, or why there is none.
pub(super) fn post(url: &str) -> Result<String> {
    Request::Post(url.to_owned()).send(&agent())
}

fn work(requests: &[Request], stop: &AtomicBool) -> Tally {
    let agent = agent();
    let mut tally = Tally::default();
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tally.send(&agent, request);
        std::thread::sleep(PACE);
    }
    tally
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into()
}

impl Request {
    fn url(&self) -> &str {
        match self {
            Self::Get(url) | Self::Post(url) => url,
        }
    }

    fn send(&self, agent: &ureq::Agent) -> Result<String> {
        let mut response = match self {
            Self::Get(url) => agent.get(url).call()?,
            Self::Post(url) => agent.post(url).send_empty()?,
        };
        let text = response.body_mut().read_to_string().context("the answer broke off")?;
        anyhow::ensure!(response.status() == 200, "{}: {}", response.status(), text.trim());
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_what_was_measured() {
        let tally = Tally {
            latencies: (1..=100).map(Duration::from_millis).collect(),
            ..Tally::default()
        };
        assert_eq!(tally.percentile(0.0), Some(Duration::from_millis(1)));
        assert_eq!(tally.percentile(0.99), Some(Duration::from_millis(99)));
        assert_eq!(Tally::default().percentile(0.5), None);
    }

    #[test]
    fn a_refused_connection_is_a_failure_with_a_reason() {
        let tally = Tally::of(&Request::Get("http://127.0.0.1:1/".into()), 2);
        assert_eq!((tally.sent, tally.failed), (2, 2));
        assert!(
            tally
                .first_failure
                .is_some_and(|failure| failure.starts_with("http://127.0.0.1:1/"))
        );
    }
}
