//! What every long-running program of a lattice does around its work: its log, its telemetry, its status page, its settings file, the signals that stop it.

mod log;
mod settings;
mod signals;
mod status;
mod telemetry;

pub use log::{LogFormat, start_log};
pub use settings::read_settings;
pub use signals::Signals;
pub use status::{Readiness, StatusServer};
pub use telemetry::{Teller, end_telemetry, start_telemetry};

/// What is logged unless said otherwise. The bus tells of its connection itself.
pub const DEFAULT_LOG: &str = "info,async_nats=warn";
