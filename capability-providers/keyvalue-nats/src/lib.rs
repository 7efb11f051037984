//! The key-value provider on JetStream key-value buckets.
//!
//! What actors store is an ordinary NATS bucket that `nats kv` shows. Keys that NATS cannot carry are written in a reversible
//! form ([`key`]), numbers as decimal text. A compare-and-swap is JetStream's own, by revision; so are increments, and those
//! that come at the same time on one host are put together into one write.
//!
//! Link configuration: `bucket` and `buckets` as in [`provider_sdk::buckets`], where the store's name of a bucket is the NATS
//! bucket's; said nothing, an actor's own bucket is `kv_<lattice>_<actor>`. A bucket that does not exist is made, in the way
//! that the link says:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `history` | `1` | values of a key that are kept, up to 64 |
//! | `max-age` | for ever | how long a value lives |
//! | `storage` | `file` | `file`, or `memory`: gone when the servers are |
//!
//! Buckets whose name begins with `lat_` hold the lattice's own state and cannot be opened.
//!
//! Provider configuration: `url`, `credentials` and `domain` as in [`provider_sdk::broker`]; said nothing, it works on the NATS
//! system of the lattice.
//!
//! A value must fit in one NATS message (`max_payload` of the server, 1 MiB unless set).

mod config;
mod counter;
pub mod key;
mod listing;
mod place;
mod provider;
mod store;
mod tally;

pub use provider::{KIND, NatsKeyValue};
