//! What every long-running program of a lattice does around its work: its log, its settings file, the signals that stop it.

mod log;
mod settings;
mod signals;

pub use log::{LogFormat, start_log};
pub use settings::read_settings;
pub use signals::Signals;

/// What is logged unless said otherwise. The bus tells of its connection itself.
pub const DEFAULT_LOG: &str = "info,async_nats=warn";
