//! Work that is done step by step, as spans: one for all of it, and below it one for each step.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use parking_lot::Mutex;

use crate::span::{Span, SpanKind, SpanRef, Status};
use crate::tracer::Tracer;

/// The spans of one piece of work. One step at a time: the next ends the one before.
#[derive(Debug)]
pub struct Steps {
    tracer: Tracer,
    handle: Option<SpanRef>,
    open: Mutex<Open>,
}

/// What has not ended.
#[derive(Debug)]
struct Open {
    whole: Option<Span>,
    step: Option<Span>,
}

impl Steps {
    /// Puts steps below a span.
    pub fn below(whole: Span, tracer: &Tracer) -> Self {
        Self {
            tracer: tracer.clone(),
            handle: whole.handle(),
            open: Mutex::new(Open {
                whole: Some(whole),
                step: None,
            }),
        }
    }

    /// What belongs below all of it; `None` as in [`Span::handle`].
    pub fn whole(&self) -> Option<&SpanRef> {
        self.handle.as_ref()
    }

    /// What belongs below the step that is being done.
    pub fn current(&self) -> Option<SpanRef> {
        self.open.lock().step.as_ref().and_then(Span::handle)
    }

    /// Ends the step before, and begins this one.
    pub fn step(&self, name: impl Into<Cow<'static, str>>) {
        let span = self.tracer.start_in(name, SpanKind::Internal, self.handle.as_ref());
        self.replace(Some(span), Status::Ok);
    }

    /// Ends the step that is being done, if one is.
    pub fn end_step(&self, status: Status) {
        self.replace(None, status);
    }

    /// Ends all of it, and the step that is being done. Nothing happens the second time.
    pub fn end(&self, status: Status, attributes: impl FnOnce() -> Vec<KeyValue>) {
        self.end_step(Status::Ok);
        let whole = self.open.lock().whole.take();
        if let Some(whole) = whole {
            whole.end(status, attributes);
        }
    }

    fn replace(&self, next: Option<Span>, status: Status) {
        let before = std::mem::replace(&mut self.open.lock().step, next);
        if let Some(before) = before {
            before.end(status, Vec::new);
        }
    }
}
