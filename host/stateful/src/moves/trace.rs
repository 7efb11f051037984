//! A move as a trace: a span for all of it, and below it one for each phase, under which the target's part lies.

use lattice_capability::SpanRef;
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, Span, SpanKind, Status, Tracer};
use parking_lot::Mutex;

use super::{MoveError, MoveOrder, Moved, Phase};

/// The spans of one move. It is rare and always of interest, so that they are kept whatever the sampler says.
pub(crate) struct MoveTrace {
    tracer: Tracer,
    whole: Mutex<Option<Span>>,
    handle: Option<SpanRef>,
    phase: Mutex<Option<Span>>,
}

impl MoveTrace {
    pub(super) fn begin(tracer: &Tracer, parent: Option<&SpanRef>) -> Self {
        let whole = match parent.filter(|parent| parent.context().sampled()) {
            Some(parent) => tracer.start_in("move", SpanKind::Internal, Some(parent)),
            None => tracer.always("move", SpanKind::Internal, parent.map(SpanRef::context)),
        };
        Self {
            tracer: tracer.clone(),
            handle: whole.handle(),
            whole: Mutex::new(Some(whole)),
            phase: Mutex::new(None),
        }
    }

    /// Ends the phase before, and begins this one.
    pub(super) fn enter(&self, phase: Phase) {
        let span = self
            .tracer
            .start_in(phase.span_name(), SpanKind::Internal, self.handle.as_ref());
        self.replace(Some(span), Status::Ok);
    }

    /// What is asked of the target belongs under this.
    pub(super) fn handle(&self) -> Option<SpanRef> {
        self.phase.lock().as_ref().and_then(Span::handle)
    }

    pub(super) fn end(&self, order: &MoveOrder, outcome: &Result<Moved, MoveError>) {
        let status = match outcome {
            Ok(_) => Status::Ok,
            Err(error) => Status::error(error.code(), error.to_string()),
        };
        self.replace(None, status.clone());
        let Some(whole) = self.whole.lock().take() else { return };
        whole.end(status, || {
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

    fn replace(&self, next: Option<Span>, status: Status) {
        let before = std::mem::replace(&mut *self.phase.lock(), next);
        if let Some(before) = before {
            before.end(status, Vec::new);
        }
    }
}
