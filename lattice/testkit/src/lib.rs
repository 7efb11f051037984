//! What tests need to meet the real thing: a nats-server, a cluster of them, a leaf node, a redis-server, an OCI registry, and a network that fails on
//! command.
//!
//! Everything here is for tests, so it panics with a message that says what to do instead of returning errors. Children are killed and
//! their folders removed on drop; after a failing test the folder stays and its path is printed.
//!
//! ```no_run
//! # async fn example() {
//! use lattice_testkit::NatsServer;
//!
//! let mut nats = NatsServer::start().await;
//! println!("{}", nats.url());
//! nats.kill();
//! nats.restart().await;
//! # }
//! ```

mod binary;
mod cluster;
mod eventually;
mod jaeger;
mod nats_server;
mod port;
mod process;
mod proxy;
mod redis;
mod registry;
mod scratch;

pub use binary::{skopeo, wash};
pub use cluster::Cluster;
pub use eventually::{Outcome, eventually};
pub use jaeger::Jaeger;
pub use nats_server::{NatsServer, NatsServerBuilder};
pub use port::free_port;
pub use process::Process;
pub use proxy::{FaultProxy, Traffic};
pub use redis::Redis;
pub use registry::Registry;
pub use scratch::Scratch;
