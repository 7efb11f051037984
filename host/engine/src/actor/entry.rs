//! The exports that the host itself drives: HTTP, messages, and the life of a stateful actor.

mod stateful;

use lattice_capability::BrokerMessage;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, ComponentExportIndex, Instance, InstancePre, TypedFunc};
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::{p2, p3};

pub(super) use self::stateful::{StatefulEntry, is_driven_by_host};
use crate::compiled::Compiled;
use crate::ctx::Ctx;
use crate::imports::BrokerMessage as WitMessage;

/// What a component can be driven with, looked up once.
pub(super) struct Entries {
    pub(super) http: Option<HttpEntry>,
    pub(super) message: Option<MessageEntry>,
    /// Of a component that lives by key.
    pub(super) stateful: Option<StatefulEntry>,
}

/// Where the HTTP handler is.
pub(super) enum HttpEntry {
    /// `wasi:http/incoming-handler@0.2`.
    P2(p2::bindings::ProxyIndices),
    /// `wasi:http/handler@0.3`.
    P3(p3::bindings::ServiceIndices),
}

/// Where the message handler is.
pub(super) struct MessageEntry(ComponentExportIndex);

/// The message handler of one instance.
pub(super) struct MessageHandler(TypedFunc<(WitMessage,), (Result<(), String>,)>);

impl Entries {
    /// Looks them up. An error says why the component cannot be driven here.
    pub(super) fn of(pre: &InstancePre<Ctx>, compiled: &Compiled) -> Result<Self, String> {
        let component = compiled.component();
        let exports = |prefix: &str| {
            let ty = component.component_type();
            ty.exports(component.engine()).any(|(name, _)| name.starts_with(prefix))
        };
        // A component that has both is asked in the newer way.
        let http = if exports("wasi:http/handler@0.3.") {
            p3::bindings::ServiceIndices::new(pre).ok().map(HttpEntry::P3)
        } else if exports("wasi:http/incoming-handler@0.2.") {
            p2::bindings::ProxyIndices::new(pre).ok().map(HttpEntry::P2)
        } else {
            None
        };
        let message = component
            .get_export_index(None, "wasmcloud:messaging/handler@0.2.0")
            .and_then(|handler| component.get_export_index(Some(&handler), "handle-message"))
            .map(MessageEntry);
        let stateful = StatefulEntry::of(compiled)?;
        Ok(Self {
            http,
            message,
            stateful,
        })
    }
}

impl HttpEntry {
    pub(super) fn load(&self, store: impl AsContextMut<Data = Ctx>, instance: &Instance) -> wasmtime::Result<Proxy> {
        Ok(match self {
            Self::P2(indices) => Proxy::P2(indices.load(store, instance)?),
            Self::P3(indices) => Proxy::P3(indices.load(store, instance)?),
        })
    }
}

impl MessageEntry {
    pub(super) fn load(
        &self,
        store: impl AsContextMut<Data = Ctx>,
        instance: &Instance,
    ) -> wasmtime::Result<MessageHandler> {
        instance.get_typed_func(store, self.0).map(MessageHandler)
    }
}

impl MessageHandler {
    pub(super) async fn call(
        &self,
        store: impl AsContextMut<Data = Ctx>,
        message: BrokerMessage,
    ) -> wasmtime::Result<Result<(), String>> {
        self.0
            .call_async(store, (message.into(),))
            .await
            .map(|(answer,)| answer)
    }

    /// Calls the handler beside others that run in the same instance.
    pub(super) async fn call_concurrent(
        &self,
        accessor: &Accessor<Ctx>,
        message: BrokerMessage,
    ) -> wasmtime::Result<Result<(), String>> {
        self.0
            .call_concurrent(accessor, (message.into(),))
            .await
            .map(|(answer,)| answer)
    }
}
