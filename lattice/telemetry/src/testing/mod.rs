//! For tests: a back end that takes spans, and a judge of the trees they make.

mod received;
mod receiver;
pub mod tree;

pub use received::ReceivedSpan;
pub use receiver::{NotReceived, OtlpReceiver};
