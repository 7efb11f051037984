//! The key-value provider on Redis (or Valkey).
//!
//! A bucket is a prefix: the key `k` of the bucket that a link maps to `shop` is `shop:k` in Redis, so that other programs find
//! it. Numbers are Redis' own (`INCRBY`), batches of values are one command (`MGET`, `MSET`, `DEL`), and a compare-and-swap is
//! a script that runs in the server and compares the value itself.
//!
//! Provider configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `url` | `redis://127.0.0.1:6379` | the server, as `redis://[user:password@]host[:port][/database]` |
//! | `connect-timeout` | `2s` | longest wait for a connection |
//! | `timeout` | `5s` | longest wait for an answer; a call's own deadline may be sooner |
//!
//! Link configuration: `bucket` and `buckets` as in [`provider_sdk::buckets`], where the store's name of a bucket is its
//! prefix; and `url`, for a server other than the provider's. Said nothing, an actor's own bucket is `<lattice>:<actor>`.
//!
//! The connection to each server is shared by all links to it. When it breaks, calls under way fail, since nobody knows
//! whether the server carried them out; reads are tried once more; and it is made again for the next call.

mod config;
mod provider;
mod server;
mod store;

pub use config::RedisConfig;
pub use provider::{KIND, RedisKeyValue};
