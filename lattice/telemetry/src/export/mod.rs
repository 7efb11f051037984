//! Sends spans and metrics to a back end.
//!
//! The SDK gathers spans and metrics on threads of its own, which know no tokio; the network clients need one. So [`Io`] is one more thread
//! with a small event loop, and [`OnIo`] brings an exporter there, whatever runtime the process has, or none.

mod io;
mod on_io;
mod otlp;
mod tls;

pub(crate) use io::Io;
pub(crate) use on_io::OnIo;
pub(crate) use otlp::{metric_exporter, span_exporter};
