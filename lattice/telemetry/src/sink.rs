//! Where spans that are kept go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor as _};

use crate::ended::Ended;
use crate::recent::Recent;
use crate::record::SpanRecord;
use crate::sampler::Sampler;

/// Takes spans that are kept: into memory, and to the exporter if there is one.
pub(crate) struct Sink {
    sampler: Sampler,
    recent: Recent,
    exporter: Option<BatchSpanProcessor>,
    closed: AtomicBool,
    scope: InstrumentationScope,
}

impl Sink {
    pub(crate) fn new(sampler: Sampler, recent: Recent, exporter: Option<BatchSpanProcessor>) -> Self {
        Self {
            sampler,
            recent,
            exporter,
            closed: AtomicBool::new(false),
            scope: InstrumentationScope::builder("lattice")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }

    pub(crate) fn sampler(&self) -> Sampler {
        self.sampler
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    pub(crate) fn keeps_errors(&self) -> bool {
        self.sampler.keeps_errors()
    }

    pub(crate) fn take(&self, span: Ended) {
        self.recent.push(SpanRecord::from(&span));
        if let Some(exporter) = &self.exporter
            && !self.closed.load(Ordering::Relaxed)
        {
            // Never waits: when its queue is full it drops the span, counts it, and warns once.
            exporter.on_end(span.into_data(self.scope.clone()));
        }
    }

    /// Sends what waits to be sent, and ends the exporter. Blocks for at most about `within`.
    pub(crate) fn close(&self, within: Duration) -> OTelSdkResult {
        self.closed.store(true, Ordering::Relaxed);
        match &self.exporter {
            Some(exporter) => exporter.shutdown_with_timeout(within),
            None => Ok(()),
        }
    }
}
