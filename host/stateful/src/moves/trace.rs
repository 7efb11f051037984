//! A move as a trace: a span for all of it, and below it one for each phase, under which the target's part lies.

use lattice_capability::SpanRef;
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, SpanKind, Status, Steps, Tracer};

use super::{MoveError, MoveOrder, Moved, Phase};

/// The spans of one move. It is rare and always of interest, so that they are kept whatever the sampler says.
pub(crate) struct MoveTrace(Steps);

impl MoveTrace {
    pub(super) fn begin(tracer: &Tracer, parent: Option<&SpanRef>) -> Self {
        let whole = match parent.filter(|parent| parent.context().sampled()) {
            Some(parent) => tracer.start_in("move", SpanKind::Internal, Some(parent)),
            None => tracer.always("move", SpanKind::Internal, parent.map(SpanRef::context)),
        };
        Self(Steps::below(whole, tracer))
    }

    /// Ends the phase before, and begins this one.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.step(phase.span_name());
    }

    /// What is asked of the target belongs under this.
    pub(super) fn handle(&self) -> Option<SpanRef> {
        self.0.current()
    }

    pub(super) fn end(&self, order: &MoveOrder, outcome: &Result<Moved, MoveError>) {
        let status = match outcome {
            Ok(_) => Status::Ok,
            Err(error) => Status::error(error.code(), error.to_string()),
        };
        self.0.end_step(status.clone());
        self.0.end(status, || {
            let mut attributes = vec![
                KeyValue::new(is::ACTOR, order.actor.to_string()),
                KeyValue::new(is::TARGET_HOST, order.to.to_string()),
            ];
            if let Ok(moved) = outcome {
                let pause = moved.pause.as_secs_f64();
                attributes.push(KeyValue::new(is::MOVE_PAUSE, pause));
                attributes.push(KeyValue::new(
                    is::STATE_BYTES,
                    i64::try_from(moved.bytes).unwrap_or(i64::MAX),
                ));
            }
            attributes
        });
    }
}
