//! What a program tells about itself, as the standard `OTEL_*` variables say.

use std::time::Duration;

use anyhow::Context as _;
use lattice_core::{LatticeId, MemberId};
use lattice_telemetry::{KeyValue, Telemetry, TraceSettings, conventions as is};
use tracing::warn;

/// How long the last spans may take to leave.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// Who tells.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// The program, such as `lattice-host`: `service.name`, unless `OTEL_SERVICE_NAME` says otherwise.
    pub program: &'a str,
    /// The lattice it is on.
    pub lattice: &'a LatticeId,
    /// Its key.
    pub member: &'a MemberId,
    /// What people call it.
    pub name: &'a str,
}

/// Starts telemetry, as the environment says.
///
/// # Errors
/// One of the variables is wrong; the error names it.
pub fn start_telemetry(teller: Teller<'_>) -> anyhow::Result<Telemetry> {
    let settings = TraceSettings::from_lookup(|name| std::env::var(name).ok())?;
    let resource = vec![
        KeyValue::new("service.name", teller.program.to_owned()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", teller.member.to_string()),
        KeyValue::new(is::LATTICE_ID, teller.lattice.to_string()),
        KeyValue::new(is::HOST_ID, teller.member.to_string()),
        KeyValue::new(is::HOST_NAME, teller.name.to_owned()),
    ];
    Telemetry::start(&settings, resource).context("cannot start telemetry")
}

/// Sends what is left, if that takes no longer than anybody waits at the end of a program.
pub async fn end_telemetry(telemetry: Telemetry) {
    if let Err(error) = telemetry.shutdown(FLUSH_WITHIN).await {
        warn!(%error, "the last spans were not sent");
    }
}
