//! Request and reply, subscriptions and shared state over NATS, for everything that belongs to a lattice.
//!
//! This is the only crate that names `async_nats`. It adds what a host that runs for months needs on top: a connection that is
//! kept for ever and says so once, queues with a stated bound, errors that say whether a request was sent, state that is
//! watched across outages, and leases that expire when they should.
//!
//! ```no_run
//! use std::time::Duration;
//! use lattice_bus::{Bus, BusConfig, Headers};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Bus::connect(BusConfig::new("example").server("nats://127.0.0.1:4222")).await?;
//! let answer = bus.request("greet.ann", Headers::new(), "hello".into(), Duration::from_secs(2)).await?;
//! println!("{:?}", answer.payload);
//! # Ok(())
//! # }
//! ```

// How to connect.
mod config;
mod credentials;
mod nats_context;
mod secret;

// The connection and what travels on it.
mod bus;
mod connection;
mod headers;
mod message;
mod replies;
mod request;
mod subscription;

// State that is shared through JetStream.
mod bucket;
mod jetstream;
mod journal;
mod lease;
mod objects;

// Being found.
mod service;

pub use bucket::{Bucket, BucketConfig, BucketEvent, CasError, Entry, Operation, Storage, Watch};
pub use bus::{Bus, ServerInfo};
pub use config::{BusConfig, Credentials, LOCAL_SERVER, TlsConfig};
pub use connection::{ConnectError, ConnectionState};
pub use credentials::CredentialsError;
pub use headers::{Headers, InvalidHeader};
pub use jetstream::{Replicas, StateError};
pub use journal::{Journal, JournalConfig, JournalEntry, JournalReader, JournalStart};
pub use lease::{Lease, LeaseAttempt};
pub use message::{Message, Subject};
pub use nats_context::{ContextError, NatsContext, NatsContexts};
pub use objects::{ObjectError, ObjectInfo, ObjectStore};
pub use replies::{Replies, RepliesEnd};
pub use request::{PublishError, RequestError, SubscribeError};
pub use secret::Secret;
pub use service::{Service, ServiceDescription};
pub use subscription::{DIRECT_CAPACITY, Subscription};
