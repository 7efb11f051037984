//! What links are configured with.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_bus::{BucketConfig, Storage};
use lattice_core::{ActiveLink, Party};
use provider_sdk::buckets::Buckets;
use provider_sdk::config::ConfigReader;

/// Buckets of the lattice's own begin like this.
const LATTICE_PREFIX: &str = "lat_";
const NAME_LEN_MAX: usize = 200;
const HISTORY_MAX: u8 = 64;

/// What one link opens, and how it is made where it is not there.
#[derive(Clone, Debug)]
pub(crate) struct LinkConfig {
    pub(crate) buckets: Buckets,
    pub(crate) make: MakeBucket,
}

/// How a bucket is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MakeBucket {
    history: u8,
    max_age: Option<Duration>,
    storage: Storage,
}

impl LinkConfig {
    pub(crate) fn read(config: &BTreeMap<String, String>, link: &ActiveLink) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let buckets = Buckets::read(&mut reader, &own_bucket(link), check_name);
        let make = MakeBucket {
            history: reader.read("history", read_history).unwrap_or(1),
            max_age: reader.duration("max-age"),
            storage: reader.read("storage", read_storage).unwrap_or_default(),
        };
        reader.finish()?;
        Ok(Self { buckets, make })
    }
}

impl MakeBucket {
    pub(crate) fn config(self, name: &str) -> BucketConfig {
        let mut config = BucketConfig::new(name)
            .description("values of lattice actors")
            .history(self.history);
        config.max_age = self.max_age;
        config.storage = self.storage;
        config
    }
}

fn own_bucket(link: &ActiveLink) -> String {
    let lattice = link.id.parts().lattice;
    match &link.source {
        Party::Actor(name) => format!("kv_{lattice}_{name}"),
        Party::Provider(name) => format!("kv_{lattice}_provider_{name}"),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name.len() <= NAME_LEN_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        return Err("is not the name of a NATS bucket: letters, digits, `-` and `_`".to_owned());
    }
    if name.starts_with(LATTICE_PREFIX) {
        return Err(format!(
            "is kept for the lattice's own state; choose a name that does not begin with `{LATTICE_PREFIX}`"
        ));
    }
    Ok(())
}

fn read_history(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(history @ 1..=HISTORY_MAX) => Ok(history),
        _ => Err(format!("is not a whole number from 1 to {HISTORY_MAX}")),
    }
}

fn read_storage(text: &str) -> Result<Storage, String> {
    match text {
        "file" => Ok(Storage::File),
        "memory" => Ok(Storage::Memory),
        _ => Err("is neither `file` nor `memory`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use provider_sdk::testing::binding;

    use super::*;

    fn read(config: &[(&str, &str)]) -> Result<LinkConfig, Vec<String>> {
        let binding = binding("actor/shop", "wasi:keyvalue", "provider/kv", config);
        LinkConfig::read(&binding.config, &binding.link)
    }

    #[test]
    fn an_actor_has_a_bucket_of_its_own() {
        assert_eq!(read(&[]).expect("right").buckets.resolve("default"), Ok("kv_test_shop"));
    }

    #[test]
    fn the_lattices_state_is_out_of_reach() {
        for config in [
            [("bucket", "lat_test_links")],
            [("buckets", "x=lat_test_trust")],
            [("bucket", "a.b")],
        ] {
            assert_eq!(read(&config).expect_err("reserved").len(), 1);
        }
    }

    #[test]
    fn every_mistake_is_told() {
        let mistakes = read(&[
            ("history", "65"),
            ("storage", "tape"),
            ("max-age", "1"),
            ("bucktes", "x"),
        ]);
        assert_eq!(mistakes.expect_err("four mistakes").len(), 4);
    }
}
