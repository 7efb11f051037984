//! The HTTP server provider: takes requests from the outside and hands them to linked actors.
//!
//! A link from this provider to an actor's `wasi:http/incoming-handler` is a route. The link's configuration says which
//! requests it takes ([`route`]); the most specific route wins, and two links that ask for the same requests are a conflict
//! that the later one is told about. Routes come and go without a restart and without touching open connections.
//!
//! Provider configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `address` | `127.0.0.1:8000` | addresses to listen on, comma-separated; port 0 takes a free one |
//! | `timeout` | `30s` | longest wait for an actor's response head; then 504 |
//! | `header-timeout` | `30s` | longest wait for a request's head, idle time between requests included |
//! | `body-timeout` | `30s` | longest pause inside a request's body; then 408 |
//! | `write-timeout` | `30s` | longest pause of a client that does not take its response; then the connection is cut |
//! | `body-max` | `64MiB` | largest request body; then 413 |
//! | `connections` | `10000` | open connections; one more is answered 503 and closed |
//!
//! Link configuration: `path`, `match`, `host`, `method`, `port`, `address` as in [`route`], `timeout` and `body-max` to
//! replace the provider's, and `key` for where the key of a stateful actor is, unless it is the segment `{key}` of the path.

mod answer;
mod body;
mod config;
mod connection;
mod exchange;
mod key;
mod path;
mod request_id;
pub mod route;
mod server;
mod spans;
mod stall;
pub mod table;

pub use config::ServerConfig;
pub use server::{HttpServer, KIND};
