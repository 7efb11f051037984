//! What fits into one message.

/// The most that a frame needs besides the application's head and body: its fixed part, our own head with the longest names and a long
/// chain of stateful actors, and the headers of a trace.
const OVERHEAD: usize = 8 * 1024;

/// Bodies that are streams and end within this, at once, travel in the message itself.
pub(crate) const SETTLE_MAX: usize = 16 * 1024;

/// How many bytes of head and body fit into a message.
pub(crate) fn room(max_payload: usize) -> usize {
    max_payload.saturating_sub(OVERHEAD)
}

/// The largest chunk of a body: what credit allows, if the server takes it.
pub(crate) fn chunk(max_payload: usize) -> usize {
    room(max_payload).clamp(1024, crate::stream::CHUNK_MAX)
}
