//! The key-value buckets of a lattice, as whoever is first makes them.

use lattice_bus::BucketConfig;
use lattice_core::{LatticeId, subject};

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
