//! Questions to the HTTP interfaces of those who watch.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::Duration;

/// On this machine, and it may be busy.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer: a thousand spans and more.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Fetches a page.
pub(super) fn text(url: &str, query: &[(&str, &str)]) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent.get(url).query_pairs(query.iter().copied()).call()?;
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string();
    let text = body.with_context(|| format!("the answer of {url} broke off"))?;
    ensure!(
        response.status() == 200,
        "{url}: {}: {}",
        response.status(),
        text.trim()
    );
    Ok(text)
}

/// Fetches a document.
pub(super) fn json(url: &str, query: &[(&str, &str)]) -> Result<Value> {
    let text = text(url, query)?;
    serde_json::from_str(&text).with_context(|| format!("{url} answered no JSON: {text}"))
}
