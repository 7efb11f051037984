//! The dashboard for Grafana, of which each query has to show something.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One query of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The title of its panel.
    pub(super) panel: String,
    /// What Prometheus is asked, once Grafana has put in what people choose.
    pub(super) expression: String,
}

/// Every query of the dashboard in a file, as Grafana would ask it for all hosts and actors.
pub(super) fn queries(file: &Path, rate_interval: &str) -> Result<Vec<Query>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let dashboard = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let mut queries = Vec::new();
    collect(&dashboard, rate_interval, &mut queries);
    Ok(queries)
}

/// Panels may lie in rows.
fn collect(of: &Value, rate_interval: &str, queries: &mut Vec<Query>) {
    for panel in of["panels"].as_array().into_iter().flatten() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        queries.extend(targets.filter_map(|target| {
            Some(Query {
                panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                expression: filled_in(target["expr"].as_str()?, rate_interval),
            })
        }));
        collect(panel, rate_interval, queries);
    }
}

fn filled_in(expression: &str, rate_interval: &str) -> String {
    ["$instance", "$actor"].iter().fold(
        expression.replace("$__rate_interval", rate_interval),
        |text, variable| text.replace(variable, ".+"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_is_found_and_complete() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observe/grafana/lattice.json");
        let queries = queries(&file, "30s").expect("the dashboard is there");
        assert!(queries.len() > 30, "{queries:?}");
        for query in queries {
            assert!(!query.expression.contains('$'), "{query:?}");
        }
    }
}
