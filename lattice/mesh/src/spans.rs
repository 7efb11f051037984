//! The spans of calls: one where a call is made, one where it is taken, which is where it is counted, too. Whatever crosses the lattice
//! passes here.

use lattice_core::{Fault, FunctionName, VersionedInterface};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{CallTimer, Instruments, KeyValue, Span, SpanKind, SpanRef, Status, TraceContext, Tracer};

use crate::Reply;
use crate::wire::CallRoute;

/// An answer, and whether whoever gave it keeps spans of the call.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) reply: Reply,
    pub(crate) kept: bool,
}

/// A call that is being made.
#[derive(Debug)]
pub(crate) struct Making {
    span: Span,
    pub(crate) route: CallRoute,
}

impl Done {
    /// Says that somebody who was asked before may have kept spans of the call, too.
    pub(crate) fn after_failures(self, failed: bool) -> Self {
        let kept = self.kept || failed;
        Self { kept, ..self }
    }
}

impl Making {
    pub(crate) fn begin(tracer: &Tracer, route: CallRoute, parent: Option<&SpanRef>) -> Self {
        let span = begin(tracer, &route.interface, &route.function, |name| {
            tracer.start_in(name, SpanKind::Client, parent)
        });
        Self { span, route }
    }

    /// What the callee is told.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.span.context()
    }

    pub(crate) fn end<T>(self, outcome: Result<(Done, T), Fault>) -> Result<(Reply, T), Fault> {
        if outcome.as_ref().is_ok_and(|(done, _)| done.kept) {
            self.span.keep();
        }
        let route = &self.route;
        self.span.end(is::status(&outcome), || attributes(route));
        outcome.map(|(done, rest)| (done.reply, rest))
    }
}

/// A call that is being taken.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    span: Span,
    timer: CallTimer<'a>,
    route: &'a CallRoute,
}

impl<'a> Taking<'a> {
    pub(crate) fn begin(
        tracer: &Tracer,
        instruments: &'a Instruments,
        route: &'a CallRoute,
        parent: Option<&TraceContext>,
    ) -> Self {
        let timer = instruments.call(&route.link, &route.target, &route.interface.id);
        let span = begin(tracer, &route.interface, &route.function, |name| {
            tracer.start(name, SpanKind::Server, parent)
        });
        Self { span, timer, route }
    }

    /// What is done for the call belongs under this.
    pub(crate) fn handle(&self) -> Option<SpanRef> {
        self.span.handle()
    }

    pub(crate) fn end(self, outcome: Result<Reply, Fault>) -> Result<Done, Fault> {
        self.timer.end(&outcome);
        let (kept, route) = (self.span.kept(), self.route);
        let status = match &outcome {
            // The caller goes elsewhere; nothing has gone wrong, and nothing of the call is kept for that.
            Err(fault) if fault.kind.is_redirect() => Status::Ok,
            outcome => is::status(outcome),
        };
        self.span.end(status, || attributes(route));
        outcome.map(|reply| Done { reply, kept })
    }
}

/// Names are made only if somebody may read them.
fn begin(
    tracer: &Tracer,
    interface: &VersionedInterface,
    function: &FunctionName,
    start: impl FnOnce(String) -> Span,
) -> Span {
    start(match tracer.is_on() {
        true => is::method(&interface.id, function.as_str()),
        false => String::new(),
    })
}

fn attributes(route: &CallRoute) -> Vec<KeyValue> {
    vec![
        KeyValue::new(is::RPC_SYSTEM, is::LATTICE),
        KeyValue::new(is::RPC_METHOD, is::method(&route.interface.id, route.function.as_str())),
        KeyValue::new(is::SERVER_ADDRESS, route.target.to_string()),
        KeyValue::new(is::CALLER, route.source.to_string()),
        KeyValue::new(is::LINK, route.link.to_string()),
    ]
}
