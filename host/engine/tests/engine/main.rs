//! The engine with real guests, and with small ones written out where the point is to misbehave.

mod aot;
mod bridge;
mod cache;
mod capabilities;
mod codec;
mod http;
mod imports;
mod limits;
mod live;
mod profile;
mod reuse;
mod stub;
mod support;
