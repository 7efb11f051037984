//! Against a real registry, real tools of others, and a registry that lies.

mod bundles;
mod liar;
mod others;
mod pulls;
mod signatures;
mod support;
