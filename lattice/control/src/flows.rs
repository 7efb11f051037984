//! What members count of the calls over links, as it travels.

use lattice_telemetry::Instruments;

use crate::verbs::{Flow, TrafficReply};

impl TrafficReply {
    /// What a member has counted.
    pub fn of(instruments: &Instruments) -> Self {
        let flows = instruments.traffic().into_iter().map(|counted| Flow {
            link: counted.link,
            target: counted.target,
            calls: counted.calls,
            failed: counted.failed,
            took: counted.took,
        });
        Self { flows: flows.collect() }
    }
}
