//! The spans of calls that stay on this host, which are counted here, too. Those that cross the lattice are the mesh's: one where they leave, one where they arrive.

use lattice_capability::{CallContext, SpanRef};
use lattice_core::{ActiveLink, ActorName, Fault, FaultKind, InterfaceId};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{CallTimer, Instruments, KeyValue, Span, SpanKind, Status, Tracer};

use crate::invoke::Call;
use crate::shared::Shared;

/// A call that an actor on this host serves for somebody on this host.
pub(crate) struct Served<'a> {
    span: Span,
    timer: CallTimer<'a>,
    actor: &'a ActorName,
    call: &'a Call<'a>,
}

impl<'a> Served<'a> {
    pub(crate) fn begin(shared: &'a Shared, actor: &'a ActorName, call: &'a Call<'a>) -> Self {
        let timer = shared
            .instruments
            .call(&call.link.id, &call.link.target, &call.interface.id);
        let name = name(&shared.tracer, &call.interface.id, call.function);
        let span = shared.tracer.start_in(name, SpanKind::Server, call.trace);
        Self {
            span,
            timer,
            actor,
            call,
        }
    }

    /// What the call goes on with.
    pub(crate) fn context(&self, call: &Call<'_>) -> CallContext {
        CallContext {
            trace: self.span.handle(),
            ..call.context()
        }
    }

    pub(crate) fn end<T>(self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        self.timer.end(&outcome);
        let (actor, call) = (self.actor, self.call);
        self.span.end(is::status(&outcome), || {
            let mut attributes = about(&call.interface.id, call.function, call.link);
            attributes.push(KeyValue::new(is::ACTOR, actor.to_string()));
            attributes
        });
        outcome
    }
}

/// A call of an actor to a capability that a provider on this host has.
pub(crate) struct Used<'a> {
    span: Span,
    timer: CallTimer<'a>,
    interface: &'a InterfaceId,
    function: &'static str,
    link: &'a ActiveLink,
}

impl<'a> Used<'a> {
    pub(crate) fn begin(
        (tracer, instruments): (&Tracer, &'a Instruments),
        interface: &'a InterfaceId,
        function: &'static str,
        link: &'a ActiveLink,
        parent: Option<&SpanRef>,
    ) -> Self {
        let timer = instruments.call(&link.id, &link.target, interface);
        let span = tracer.start_in(name(tracer, interface, function), SpanKind::Client, parent);
        Self {
            span,
            timer,
            interface,
            function,
            link,
        }
    }

    pub(crate) fn handle(&self) -> Option<SpanRef> {
        self.span.handle()
    }

    pub(crate) fn end(self, status: Status, fault: Option<FaultKind>) {
        self.timer.end_with(fault);
        let (interface, function, link) = (self.interface, self.function, self.link);
        self.span.end(status, || about(interface, function, link));
    }
}

/// Names are made only if somebody may read them.
fn name(tracer: &Tracer, interface: &InterfaceId, function: &str) -> String {
    match tracer.is_on() {
        true => is::method(interface, function),
        false => String::new(),
    }
}

fn about(interface: &InterfaceId, function: &str, link: &ActiveLink) -> Vec<KeyValue> {
    vec![
        KeyValue::new(is::RPC_SYSTEM, is::LATTICE),
        KeyValue::new(is::RPC_METHOD, is::method(interface, function)),
        KeyValue::new(is::SERVER_ADDRESS, link.target.to_string()),
        KeyValue::new(is::CALLER, link.source.to_string()),
        KeyValue::new(is::LINK, link.id.to_string()),
    ]
}
