//! A drain as a trace: a span for all of it, and below it one for each step.

use lattice_core::TraceContext;
use lattice_telemetry::{Span, SpanKind, Status, Tracer};
use parking_lot::Mutex;

/// The spans of one drain. It is rare and always of interest, so that they are kept whatever the sampler says.
pub(crate) struct Steps {
    tracer: Tracer,
    whole: Span,
    step: Mutex<Option<Span>>,
}

impl Steps {
    pub(crate) fn begin(tracer: &Tracer, part_of: Option<&TraceContext>) -> Self {
        Self {
            tracer: tracer.clone(),
            whole: tracer.always("drain", SpanKind::Internal, part_of),
            step: Mutex::default(),
        }
    }

    /// Ends the step before, and begins this one. Returns what is done in it belongs under.
    pub(crate) fn step(&self, name: &'static str) -> Option<TraceContext> {
        let span = self
            .tracer
            .start_in(name, SpanKind::Internal, self.whole.handle().as_ref());
        let context = span.context();
        self.replace(Some(span));
        context
    }

    /// Ends all of it, with how many calls were cut off.
    pub(crate) fn end(self, cut_off: usize) {
        self.replace(None);
        let status = match cut_off {
            0 => Status::Ok,
            cut_off => Status::error("cut-off", format!("{cut_off} calls were not done in time")),
        };
        self.whole.end(status, Vec::new);
    }

    fn replace(&self, next: Option<Span>) {
        let before = std::mem::replace(&mut *self.step.lock(), next);
        if let Some(before) = before {
            before.end(Status::Ok, Vec::new);
        }
    }
}
