//! HTTP with the bodies in memory, which is what a turn needs: it has the whole request before it begins and is over with the answer.

mod request;
mod response;
mod wire;

pub use request::{Method, Request};
pub use response::Response;
pub(crate) use wire::serve;
