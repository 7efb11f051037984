//! A span: one piece of work, from its start to its end.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lattice_core::{SpanId, TraceContext};
use opentelemetry::KeyValue;

use crate::ended::{Ended, Moment};
use crate::segment::{Node, Place};
use crate::sink::Sink;

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// Work within one process.
    Internal,
    /// Takes a call.
    Server,
    /// Makes a call and waits for it.
    Client,
    /// Makes a message that somebody will take later.
    Producer,
    /// Takes such a message.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// As it should.
    Ok,
    /// With an error. Such spans are kept even in traces that are not recorded.
    Error {
        /// What kind, of a small set: the attribute `error.type`.
        kind: Cow<'static, str>,
        /// For people.
        message: Cow<'static, str>,
    },
}

impl Status {
    /// Says that it went wrong.
    pub fn error(kind: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Error {
            kind: kind.into(),
            message: message.into(),
        }
    }
}

/// A span that others are started under in the same process. Cheap to clone; may outlive its span.
#[derive(Clone)]
pub struct SpanRef {
    pub(crate) context: TraceContext,
    /// `None` in recorded traces, where all is kept anyway.
    pub(crate) node: Option<Arc<Node>>,
}

impl SpanRef {
    /// A span of another process.
    pub fn remote(context: TraceContext) -> Self {
        Self { context, node: None }
    }

    /// What to tell other processes.
    pub fn context(&self) -> &TraceContext {
        &self.context
    }

    /// Keeps what has not ended of what this process does for the call, as an error would: because a callee said that it kept something.
    pub fn keep(&self) {
        if let Some(node) = &self.node {
            node.keep();
        }
    }

    /// Says whether this process keeps something of the call, so that the caller must, too.
    pub fn kept(&self) -> bool {
        self.context.sampled() || self.node.as_ref().is_some_and(|node| node.kept())
    }
}

impl fmt::Debug for SpanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.context, f)
    }
}

/// One piece of work. Dropping it without [`end`](Self::end) says that the work was cancelled.
#[must_use = "a span that is dropped at once says that its work was cancelled"]
pub struct Span {
    live: Option<Live>,
    /// In a process that does not trace: the caller's span, which is handed on.
    passed: Option<SpanRef>,
}

pub(crate) struct Live {
    pub(crate) sink: Arc<Sink>,
    pub(crate) this: SpanRef,
    pub(crate) parent: Option<ParentSpan>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) started: Instant,
    pub(crate) links: Vec<TraceContext>,
    pub(crate) events: Vec<Moment>,
}

/// The span above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentSpan {
    pub(crate) id: SpanId,
    pub(crate) remote: bool,
}

impl Span {
    /// A span of a process that does not trace.
    pub const fn off() -> Self {
        Self::passing(None)
    }

    /// The same, that hands on what it was told.
    pub(crate) const fn passing(parent: Option<SpanRef>) -> Self {
        Self {
            live: None,
            passed: parent,
        }
    }

    pub(crate) const fn live(live: Live) -> Self {
        Self {
            live: Some(live),
            passed: None,
        }
    }

    fn this(&self) -> Option<&SpanRef> {
        self.live.as_ref().map(|live| &live.this).or(self.passed.as_ref())
    }

    /// What to tell other processes; `None` only when tracing is off and the caller told nothing.
    pub fn context(&self) -> Option<TraceContext> {
        self.this().map(|this| this.context.clone())
    }

    /// What to start other spans of this process under; `None` only when tracing is off and the caller told nothing.
    pub fn handle(&self) -> Option<SpanRef> {
        self.this().cloned()
    }

    /// Says whether the span will be kept for certain. One that is not may still be, when it ends with an error.
    pub fn recording(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.this.kept())
    }

    /// As [`SpanRef::keep`].
    pub fn keep(&self) {
        if let Some(live) = &self.live {
            live.this.keep();
        }
    }

    /// As [`SpanRef::kept`].
    pub fn kept(&self) -> bool {
        self.recording()
    }

    /// Says that the work has to do with another span, which did not call it.
    pub fn link(&mut self, other: &TraceContext) {
        if let Some(live) = &mut self.live
            && live.links.len() < LINKS_MAX
        {
            live.links.push(other.clone());
        }
    }

    /// Notes that something happened. Forgotten unless the span is [`recording`](Self::recording).
    pub fn event(&mut self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        if !self.recording() {
            return;
        }
        if let Some(live) = &mut self.live
            && live.events.len() < EVENTS_MAX
        {
            live.events.push(Moment {
                at: Instant::now(),
                name: name.into(),
                attributes,
            });
        }
    }

    /// Ends the span. `attributes` are made only if it is kept.
    pub fn end(mut self, status: Status, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(live) = self.live.take() {
            if matches!(status, Status::Error { .. }) && live.sink.keeps_errors() {
                live.this.keep();
            }
            live.end(status, attributes);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            live.end(Status::error("cancelled", "nobody waited for it any more"), Vec::new);
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.live {
            Some(live) => write!(f, "Span({} {:?})", live.name, live.this),
            None => f.write_str("Span(off)"),
        }
    }
}

impl Live {
    fn end(mut self, status: Status, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(node) = &self.this.node {
            match node.end() {
                None => return,
                Some(Place::Root) => {}
                Some(Place::Under(id)) => self.parent = Some(ParentSpan { id, remote: false }),
            }
        } else if !self.this.context.sampled() {
            return;
        }
        let mut attributes = attributes();
        if let Status::Error { kind, .. } = &status
            && !attributes.iter().any(|attribute| attribute.key.as_str() == ERROR_TYPE)
        {
            attributes.push(KeyValue::new(ERROR_TYPE, kind.clone()));
        }
        self.sink.take(Ended {
            context: self.this.context,
            parent: self.parent,
            name: self.name,
            kind: self.kind,
            started: self.started,
            ended: Instant::now(),
            wall: SystemTime::now(),
            status,
            attributes,
            events: self.events,
            links: self.links,
        });
    }
}

const ERROR_TYPE: &str = "error.type";
/// What the OpenTelemetry specification limits both to.
const LINKS_MAX: usize = 128;
const EVENTS_MAX: usize = 128;
