//! Manifests as people write them: what they mean, and what is said when they are wrong.

mod any_text;
mod native;
mod schema;
mod support;
mod wadm;
mod worlds;
