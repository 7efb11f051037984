//! Starting and stopping a provider on this host.

use std::sync::Arc;
use std::time::Duration;

use lattice_control::{
    ControlError, ErrorKind, ProgressSink, ProviderStart, ProviderStarted, ProviderStop, ProviderStopped,
};
use lattice_core::Party;
use provider_sdk::{ProviderSetup, ShutdownReport, StartError};
use serde_json::json;
use tracing::{info, warn};

use super::supervisor::Supervisor;
use crate::events::{names, tell_ordered};
use crate::invoker::NodeInvoker;
use crate::shared::Shared;

impl Shared {
    /// Runs a provider. Returns when it serves and the others have been told, or says why not.
    pub(crate) async fn start_provider(
        self: &Arc<Self>,
        request: ProviderStart,
        progress: &ProgressSink,
    ) -> Result<ProviderStarted, ControlError> {
        let spec = request.spec;
        if self.is_draining() {
            return Err(stopping());
        }
        let turn = self.providers.turns.take(&spec.name).await;
        if let Some(running) = self.providers.get(&spec.name) {
            if running.spec == spec {
                self.orders.runs_provider(&spec);
                return Ok(ProviderStarted {
                    status: running.status(),
                    was_running: true,
                });
            }
            let name = &spec.name;
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("provider `{name}` runs here with other settings"),
            )
            .with_help(format!(
                "`lattice stop provider {name}` first, or give the new one another name"
            )));
        }
        let shown = self.providers.show_starting(&spec);
        progress.step(format!("starting provider `{}`", spec.name));
        let setup = ProviderSetup {
            name: spec.name.clone(),
            config: spec.config.clone(),
            invoker: Arc::new(NodeInvoker::new(self, spec.name.clone())),
            bus: self.bus.clone(),
            tracer: self.tracer.clone(),
        };
        let name = spec.name.clone();
        let (provider, supervisor) = Supervisor::start(spec, setup, Arc::clone(&self.member), self.events.clone())
            .await
            .map_err(|error| {
                warn!(provider = %name, %error, "provider not started");
                refuse(&error)
            })?;
        drop(shown);
        // It took a while, in which the host may have been told to stop; whoever lists the providers to end them does so later.
        if self.is_draining() {
            supervisor.abandon().await;
            return Err(stopping());
        }
        // Nothing below waits for anybody, so that a withdrawn command leaves no half of it.
        self.providers.put(Arc::clone(&provider));
        self.orders.runs_provider(&provider.spec);
        self.tasks.spawn("a provider's supervisor", supervisor.run());
        info!(provider = %name, kind = %provider.spec.kind, endpoints = ?provider.status().endpoints, "provider started");
        let data = json!({ "kind": provider.spec.kind, "endpoints": provider.status().endpoints });
        let about = Party::Provider(name).to_string();
        tell_ordered(&self.events, progress, names::PROVIDER_STARTED, about, data);
        drop(turn);
        self.tell_others().await;
        Ok(ProviderStarted {
            status: provider.status(),
            was_running: false,
        })
    }

    /// Tells the others that the provider is not here any more, finishes what is in flight, and stops it.
    pub(crate) async fn stop_provider(
        self: &Arc<Self>,
        request: &ProviderStop,
        progress: &ProgressSink,
    ) -> Result<ProviderStopped, ControlError> {
        let name = request.provider.clone();
        let turn = self.providers.turns.take(&name).await;
        self.orders.stopped_provider(&name);
        let provider = self.providers.get(&name).ok_or_else(|| {
            ControlError::not_found(format!("provider `{name}` does not run on this host"))
                .with_help("`lattice get providers` shows where providers run")
        })?;
        progress.step(format!("draining provider `{name}`"));
        let (shared, grace) = (Arc::clone(self), Duration::from_millis(request.drain_ms));
        let order = progress.clone();
        let stopped = self.tasks.spawn_with("stop a provider", async move {
            let _turn = turn;
            provider.set_leaving();
            shared.tell_others().await;
            let report = provider.stop(grace).await;
            shared.providers.forget(&provider);
            shared.tell_others().await;
            let cancelled = match report {
                Some(ShutdownReport::Aborted(count)) => count,
                Some(ShutdownReport::Drained) | None => 0,
            };
            let about = Party::Provider(provider.spec.name.clone()).to_string();
            let data = json!({ "cancelled": cancelled });
            tell_ordered(&shared.events, &order, names::PROVIDER_STOPPED, about, data);
        });
        stopped
            .await
            .map_err(|error| ControlError::internal(format!("the work on this host broke off: {error}")))?;
        Ok(ProviderStopped { provider: name })
    }
}

fn stopping() -> ControlError {
    ControlError::new(ErrorKind::Conflict, "this host is stopping and takes nothing new")
}

fn refuse(error: &StartError) -> ControlError {
    match error {
        StartError::Config(_) => ControlError::invalid(error.to_string()),
        StartError::Unavailable(_) => ControlError::new(ErrorKind::Unreachable, error.to_string()),
    }
}
