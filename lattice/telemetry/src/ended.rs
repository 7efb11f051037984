//! A span that ended and is kept, and its form for the OpenTelemetry SDK.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use lattice_core::TraceContext;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, trace};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::span::{ParentSpan, SpanKind, Status};

pub(crate) struct Ended {
    pub(crate) context: TraceContext,
    pub(crate) parent: Option<ParentSpan>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    /// What the clock on the wall said when the span ended; everything else is told from there, so that a span never ends before it starts.
    pub(crate) wall: SystemTime,
    pub(crate) status: Status,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) events: Vec<Moment>,
    pub(crate) links: Vec<TraceContext>,
}

/// Something that happened during a span.
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<KeyValue>,
}

impl Ended {
    /// What the clock on the wall said then.
    pub(crate) fn wall_at(&self, moment: Instant) -> SystemTime {
        let ago = self.ended.saturating_duration_since(moment);
        self.wall.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The same for an exporter.
    pub(crate) fn into_data(self, scope: InstrumentationScope) -> SpanData {
        let start_time = self.wall_at(self.started);
        let mut events = SpanEvents::default();
        events.events = self
            .events
            .iter()
            .map(|moment| {
                Event::new(
                    moment.name.clone(),
                    self.wall_at(moment.at),
                    moment.attributes.clone(),
                    0,
                )
            })
            .collect();
        let mut links = SpanLinks::default();
        links.links = self
            .links
            .iter()
            .map(|linked| Link::with_context(span_context(linked, linked.sampled(), true)))
            .collect();
        SpanData {
            // The flag is set for spans that were kept without being recorded from the beginning, too: exporters leave out all others.
            span_context: span_context(&self.context, true, false),
            parent_span_id: self
                .parent
                .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.id.to_bytes())),
            parent_span_is_remote: self.parent.is_some_and(|parent| parent.remote),
            span_kind: match self.kind {
                SpanKind::Internal => trace::SpanKind::Internal,
                SpanKind::Server => trace::SpanKind::Server,
                SpanKind::Client => trace::SpanKind::Client,
                SpanKind::Producer => trace::SpanKind::Producer,
                SpanKind::Consumer => trace::SpanKind::Consumer,
            },
            name: self.name,
            start_time,
            end_time: self.wall,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events,
            links,
            status: match self.status {
                // `Ok` would say that somebody overrules an error; what merely went well is left unset.
                Status::Ok => trace::Status::Unset,
                Status::Error { message, .. } => trace::Status::error(message),
            },
            instrumentation_scope: scope,
        }
    }
}

fn span_context(context: &TraceContext, sampled: bool, remote: bool) -> SpanContext {
    let flags = if sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::NOT_SAMPLED
    };
    // A state that the SDK does not like is not ours to judge: it goes on in the headers, and is left out of what is exported.
    let state = context.tracestate().and_then(|state| state.parse::<TraceState>().ok());
    SpanContext::new(
        TraceId::from_bytes(context.trace_id().to_bytes()),
        SpanId::from_bytes(context.span_id().to_bytes()),
        flags,
        remote,
        state.unwrap_or_default(),
    )
}
