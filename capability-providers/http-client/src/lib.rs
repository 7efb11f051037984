//! The HTTP client provider: carries actors' requests to servers outside the lattice.
//!
//! An actor reaches the hosts that its link allows and no others. The link's configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `hosts` | none | what may be reached, comma-separated, as in [`allow`] |
//! | `connect-timeout`, `first-byte-timeout`, `between-bytes-timeout` | the provider's | upper bounds of what the actor may ask for |
//!
//! Provider configuration:
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `connect-timeout` | `10s` | longest wait for a connection, TLS included |
//! | `first-byte-timeout` | `60s` | longest wait for a response's head |
//! | `between-bytes-timeout` | `60s` | longest pause inside a response's body |
//! | `idle-timeout` | `60s` | how long an unused connection is kept |
//! | `idle-per-host` | `32` | unused connections kept per host |
//! | `requests` | `1024` | requests in flight; one more fails at once with `connection-limit-reached` |
//! | `ca-file` | none | PEM file of further certificate authorities to trust, beside the public ones |
//!
//! Redirects are not followed and nothing is retried once it may have been seen by the server.

pub mod allow;
mod body;
mod config;
mod connector;
mod error;
mod provider;
mod request;

pub use config::ClientConfig;
pub use provider::{HttpClient, KIND};
