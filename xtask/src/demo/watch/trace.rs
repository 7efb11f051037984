//! A trace as Jaeger tells it.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// One trace: everything that followed from one request, move or order.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Trace {
    #[serde(rename = "traceID")]
    pub(super) id: String,
    spans: Vec<Span>,
    processes: BTreeMap<String, Process>,
}

#[derive(Clone, Debug, Deserialize)]
struct Span {
    #[serde(rename = "spanID")]
    id: String,
    #[serde(rename = "operationName")]
    name: String,
    #[serde(default)]
    references: Vec<Reference>,
    tags: Vec<Tag>,
    #[serde(rename = "processID")]
    process: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Reference {
    #[serde(rename = "refType")]
    kind: String,
    #[serde(rename = "spanID")]
    span: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Process {
    #[serde(rename = "serviceName")]
    service: String,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Deserialize)]
struct Tag {
    key: String,
    value: serde_json::Value,
}

impl Trace {
    /// How many spans it has.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// `host kind name` of each span and of those above it, the root first. A span whose parent is missing begins with `orphan`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.spans.iter().map(|span| self.path(span)).collect();
        paths.sort();
        paths
    }

    /// `host kind name` of the spans that failed, sorted, each with the kind of its fault.
    pub(super) fn failed(&self) -> Vec<String> {
        let failed = self.spans.iter().filter(|span| span.has_failed());
        let mut failed: Vec<String> = failed
            .map(|span| format!("{}: {}", self.title(span), span.tag("error.type")))
            .collect();
        failed.sort();
        failed
    }

    /// The host of the first span of this kind and name.
    pub(super) fn host_of(&self, kind: &str, name: &str) -> Option<&str> {
        let span = self
            .spans
            .iter()
            .find(|span| span.tag("span.kind") == kind && span.name == name)?;
        Some(self.host(span))
    }

    /// The services that its spans are of.
    pub(super) fn services(&self) -> BTreeSet<&str> {
        self.processes
            .values()
            .map(|process| process.service.as_str())
            .collect()
    }

    fn path(&self, span: &Span) -> String {
        let mut path = vec![self.title(span)];
        let mut below = span;
        // A trace in which spans are above each other in a circle has as many spans at most.
        for _ in 0..self.spans.len() {
            let Some(parent) = below.parent() else { break };
            let Some(above) = self.spans.iter().find(|span| span.id == parent) else {
                path.push("orphan".to_owned());
                break;
            };
            path.push(self.title(above));
            below = above;
        }
        path.reverse();
        path.join(" > ")
    }

    fn title(&self, span: &Span) -> String {
        format!("{} {} {}", self.host(span), span.tag("span.kind"), span.name)
    }

    fn host(&self, span: &Span) -> &str {
        let process = self.processes.get(&span.process);
        process.map_or("", |process| text_of(&process.tags, "lattice.host.name"))
    }
}

impl Span {
    fn parent(&self) -> Option<&str> {
        let parent = self.references.iter().find(|reference| reference.kind == "CHILD_OF");
        parent.map(|reference| reference.span.as_str())
    }

    fn has_failed(&self) -> bool {
        self.tags.iter().any(|tag| tag.key == "error" && tag.value == true)
    }

    fn tag(&self, key: &str) -> &str {
        text_of(&self.tags, key)
    }
}

fn text_of<'a>(tags: &'a [Tag], key: &str) -> &'a str {
    let tag = tags.iter().find(|tag| tag.key == key);
    tag.and_then(|tag| tag.value.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn span(id: &str, parent: Option<&str>, process: &str, tags: &[(&str, Value)]) -> Value {
        let references: Vec<Value> = parent
            .map(|parent| json!({"refType": "CHILD_OF", "traceID": "t", "spanID": parent}))
            .into_iter()
            .collect();
        let tags: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        json!({"spanID": id, "operationName": id, "references": references, "tags": tags, "processID": process})
    }

    fn trace(spans: &[Value]) -> Trace {
        let process =
            |host: &str| json!({"serviceName": "lattice-host", "tags": [{"key": "lattice.host.name", "value": host}]});
        let trace =
            json!({"traceID": "t", "spans": spans, "processes": {"p1": process("cloud"), "p2": process("edge")}});
        serde_json::from_value(trace).expect("it is what Jaeger answers")
    }

    #[test]
    fn each_span_is_told_with_all_that_is_above_it() {
        let (server, client) = (("span.kind", json!("server")), ("span.kind", json!("client")));
        let error = [client, ("error", json!(true)), ("error.type", json!("trap"))];
        let trace = trace(&[span("b", Some("a"), "p2", &error), span("a", None, "p1", &[server])]);
        assert_eq!(trace.paths(), ["cloud server a", "cloud server a > edge client b"]);
        assert_eq!(trace.failed(), ["edge client b: trap"]);
        assert_eq!(trace.host_of("client", "b"), Some("edge"));
        assert_eq!(trace.services(), BTreeSet::from(["lattice-host"]));
    }

    #[test]
    fn a_span_without_its_parent_is_an_orphan_and_a_circle_ends() {
        let orphan = trace(&[span("b", Some("a"), "p2", &[])]);
        assert_eq!(orphan.paths(), ["orphan > edge  b"]);
        let circle = trace(&[span("a", Some("b"), "p1", &[]), span("b", Some("a"), "p1", &[])]);
        assert_eq!(circle.paths().len(), 2);
    }
}
