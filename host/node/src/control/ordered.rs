//! A command at work, as a trace. Commands are rare and always of interest: they are kept whatever the sampler says.

use lattice_control::{ControlError, ProgressSink, Verb};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, Span, SpanKind, Status, Tracer};

/// A command at work.
pub(super) struct Ordered(Span);

impl Ordered {
    /// Begins to work, as part of whatever the sender said. Hands back a sink from which what belongs below this knows it.
    pub(super) fn begin(tracer: &Tracer, verb: Verb, progress: &ProgressSink) -> (Self, ProgressSink) {
        let span = tracer.always(format!("control {verb}"), SpanKind::Server, progress.trace());
        let sink = progress.clone().within(span.context());
        (Self(span), sink)
    }

    /// Ends it. `about` is the actor or provider it was about.
    pub(super) fn end<T>(self, about: &str, outcome: Result<T, ControlError>) -> Result<T, ControlError> {
        let status = match &outcome {
            Ok(_) => Status::Ok,
            Err(error) => Status::error(error.kind.code(), error.to_string()),
        };
        self.0
            .end(status, || vec![KeyValue::new(is::SERVER_ADDRESS, about.to_owned())]);
        outcome
    }
}
