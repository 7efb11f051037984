//! The loss of a host as a trace: a span for ending its session, and below it everything that is taken over from it.

use lattice_core::{KeyedActor, TraceContext};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, Span, SpanKind, Status, Steps, Tracer};

use crate::activation::NotAwake;
use crate::record::Owner;

/// A session that is being ended. Rare, and always of interest: kept whatever the sampler says.
pub(crate) struct Failover(Steps);

/// An actor that is taken over from a lost host.
pub(crate) struct TakingOver(Span);

impl Failover {
    pub(crate) fn begin(tracer: &Tracer) -> Self {
        Self(Steps::below(
            tracer.always("failover", SpanKind::Internal, None),
            tracer,
        ))
    }

    /// What belongs below it, also later.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.0.whole().map(|whole| whole.context().clone())
    }

    /// Ends the step before, and begins this one.
    pub(crate) fn step(&self, name: &'static str) {
        self.0.step(name);
    }

    /// It is over; the host was alive after all, or nobody could tell.
    pub(crate) fn end<E: std::fmt::Display>(self, owner: &Owner, alive: Result<bool, E>) {
        let status = match alive {
            Ok(false) => Status::Ok,
            Ok(true) => Status::error("alive", "the host renews its session"),
            Err(error) => Status::error("backend", error.to_string()),
        };
        self.0
            .end(status, || vec![KeyValue::new(is::LOST_HOST, owner.member.to_string())]);
    }
}

impl TakingOver {
    pub(crate) fn begin(tracer: &Tracer, failover: Option<&TraceContext>) -> Self {
        Self(tracer.always("failover take-over", SpanKind::Internal, failover))
    }

    pub(crate) fn end<T>(self, actor: &KeyedActor, outcome: &Result<T, NotAwake>) {
        let status = match outcome {
            Ok(_) => Status::Ok,
            Err(NotAwake::Elsewhere(_)) => Status::error("elsewhere", "another host was quicker"),
            Err(NotAwake::Failed(fault)) => Status::error(fault.kind.code(), fault.message.clone()),
        };
        self.0.end(status, || vec![KeyValue::new(is::ACTOR, actor.to_string())]);
    }
}
