//! Starts spans.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use lattice_core::TraceContext;

use crate::dice;
use crate::recent::Recent;
use crate::segment::Node;
use crate::sink::Sink;
use crate::span::{Live, ParentSpan, Span, SpanKind, SpanRef};

/// Starts spans, or does nothing when tracing is off. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Sink>>);

impl Tracer {
    /// A tracer whose spans cost nothing and tell nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    pub(crate) fn new(sink: Arc<Sink>) -> Self {
        Self(Some(sink))
    }

    /// Says whether there are spans at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The spans that were kept lately; none when tracing is off.
    pub fn recent(&self) -> Recent {
        self.0
            .as_ref()
            .map_or_else(Recent::default, |sink| sink.recent().clone())
    }

    /// Starts a span for what another process asked, or for the first in a new trace.
    pub fn start(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: Option<&TraceContext>) -> Span {
        let Some(sink) = &self.0 else {
            return Span::passing(parent.cloned().map(SpanRef::remote));
        };
        let trace_id = parent.map_or_else(dice::trace_id, TraceContext::trace_id);
        let sampled = sink.sampler().samples(trace_id, parent);
        let id = dice::span_id();
        let context = match parent {
            Some(parent) => parent.child(id).with_sampled(sampled),
            None => TraceContext::new(trace_id, id, sampled),
        };
        root(sink, name.into(), kind, context, parent)
    }

    /// Starts a span under another one of this process; without one, the first of a new trace.
    pub fn start_in(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: Option<&SpanRef>) -> Span {
        let Some(sink) = &self.0 else {
            return Span::passing(parent.cloned());
        };
        let Some(parent) = parent else {
            return self.start(name, kind, None);
        };
        let id = dice::span_id();
        Span::live(Live {
            sink: sink.clone(),
            this: SpanRef {
                context: parent.context.child(id),
                node: parent.node.as_ref().map(|above| Node::child(above, id)),
            },
            parent: Some(ParentSpan {
                id: parent.context.span_id(),
                remote: false,
            }),
            name: name.into(),
            kind,
            started: Instant::now(),
            links: Vec::new(),
            events: Vec::new(),
        })
    }

    /// Starts a span of a trace that is recorded whatever the sampler says: for what is rare and always of interest.
    ///
    /// Under a parent that is not recorded it would hang in the air, so there it begins a trace of its own, linked to the parent.
    pub fn always(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: Option<&TraceContext>) -> Span {
        let Some(sink) = &self.0 else { return Span::off() };
        let recorded = parent.filter(|parent| parent.sampled());
        let id = dice::span_id();
        let context = match recorded {
            Some(parent) => parent.child(id),
            None => TraceContext::new(dice::trace_id(), id, sink.keeps_errors()),
        };
        let mut span = root(sink, name.into(), kind, context, recorded);
        if let (None, Some(parent)) = (recorded, parent) {
            span.link(parent);
        }
        span
    }
}

/// Begins a segment.
fn root(
    sink: &Arc<Sink>,
    name: Cow<'static, str>,
    kind: SpanKind,
    context: TraceContext,
    parent: Option<&TraceContext>,
) -> Span {
    let keeps_nothing_else = context.sampled() || !sink.keeps_errors();
    Span::live(Live {
        sink: sink.clone(),
        this: SpanRef {
            node: (!keeps_nothing_else).then(|| Node::root(context.span_id())),
            context,
        },
        parent: parent.map(|parent| ParentSpan {
            id: parent.span_id(),
            remote: true,
        }),
        name,
        kind,
        started: Instant::now(),
        links: Vec::new(),
        events: Vec::new(),
    })
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Tracer(on)" } else { "Tracer(off)" })
    }
}
