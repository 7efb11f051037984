//! Everything about `lattice-telemetry` that is told from outside: what is kept, and what arrives at a back end.

mod grpc;
mod kept;
mod otlp;
mod shutdown;
mod support;
mod trees;
