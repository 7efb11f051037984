//! What a lattice keeps in JetStream, as whoever is first makes it.

use lattice_bus::{BucketConfig, JournalConfig, Replicas};
use lattice_core::{LatticeId, event, subject};

/// A few earlier values are kept for whoever asks who changed a link and when.
const HISTORY: u8 = 5;

/// Where the trust bundle lies, under [`subject::TRUST_BUNDLE_KEY`].
pub fn trust(lattice: &LatticeId) -> BucketConfig {
    let name = subject::buckets(lattice).trust;
    BucketConfig::new(name)
        .description("trust bundle, signed by the operator")
        .history(HISTORY)
}

/// Where link tokens lie, each under [`lattice_core::LinkId::link_key`].
pub fn links(lattice: &LatticeId) -> BucketConfig {
    let name = subject::buckets(lattice).links;
    BucketConfig::new(name)
        .description("signed links; a deletion without a tombstone changes nothing")
        .history(HISTORY)
}

/// Where the configuration of links lies, each under the hexadecimal digits of its digest.
pub fn config(lattice: &LatticeId) -> BucketConfig {
    let name = subject::buckets(lattice).config;
    BucketConfig::new(name).description("configuration of links, by digest")
}

/// Where events are kept for a while. Each by its name, since heartbeats have subjects of the same form.
pub fn events(lattice: &LatticeId) -> JournalConfig {
    JournalConfig {
        name: subject::events_stream(lattice),
        description: "events: what happened in the last day".to_owned(),
        subjects: event::names::ALL
            .iter()
            .map(|name| subject::event_of_all(lattice, name))
            .collect(),
        max_age: event::EVENTS_KEPT_FOR,
        bytes_max: event::EVENTS_BYTES_MAX,
        message_bytes_max: event::EVENT_BYTES_MAX,
        replicas: Replicas::Auto,
    }
}
