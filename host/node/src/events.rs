//! What happens on this host, told to the lattice as CloudEvents.

use lattice_control::ProgressSink;
pub use lattice_core::event::names;
pub(crate) use lattice_mesh::Events;
use serde_json::Value;

/// Who ordered what this host does by itself when it starts: whoever had ordered it before.
const AFTER_RESTART: &str = "restart";

/// Tells what came of a command, and who had given it.
pub(crate) fn tell_ordered(events: &Events, order: &ProgressSink, name: &'static str, about: String, data: Value) {
    let by = order.by().map_or_else(|| AFTER_RESTART.to_owned(), ToString::to_string);
    events.send(events.event(name).about(Some(about)).with(data).by(Some(by)));
}
