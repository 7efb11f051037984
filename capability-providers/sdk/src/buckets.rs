//! Which buckets a link opens, and what they are in the store. Shared by the key-value providers.
//!
//! | link key | meaning |
//! |---|---|
//! | `bucket` | what the actor's `default` bucket is in the store; `default` is also what an empty name means |
//! | `buckets` | further buckets, comma-separated: `sessions` opens one under its own name, `carts=shop_carts` under another |
//!
//! Said nothing, a link opens `default` alone, and that is a place of the actor's own.

use std::collections::BTreeMap;

use lattice_capability::KvError;

use crate::config::ConfigReader;

/// The name by which an actor opens its usual bucket.
pub const DEFAULT: &str = "default";

/// Maps the names that an actor uses to the store's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets(BTreeMap<String, String>);

impl Buckets {
    /// Reads the two keys. `own` names the actor's own place; `check` says what is wrong with a name in the store, if
    /// anything.
    pub fn read(reader: &mut ConfigReader<'_>, own: &str, check: impl Fn(&str) -> Result<(), String>) -> Self {
        let mut buckets = BTreeMap::new();
        let checked = |name: &str| check(name).map(|()| name.to_owned());
        let default = reader.read("bucket", checked);
        let more = reader.read_list("buckets", |item| {
            let (name, target) = item.split_once('=').unwrap_or((item, item));
            let (name, target) = (name.trim(), target.trim());
            if name.is_empty() {
                return Err("has no name before the `=`".to_owned());
            }
            check(target).map(|()| (name.to_owned(), target.to_owned()))
        });
        let said_nothing = default.is_none() && more.is_none();
        if let Some(target) = default {
            buckets.insert(DEFAULT.to_owned(), target);
        }
        for (name, target) in more.into_iter().flatten() {
            if buckets.insert(name.clone(), target).is_some() {
                reader.mistake("buckets", &format!("names `{name}` twice"));
            }
        }
        if said_nothing {
            buckets.insert(DEFAULT.to_owned(), own.to_owned());
        }
        Self(buckets)
    }

    /// Returns the store's name of the bucket that an actor calls `name`.
    ///
    /// # Errors
    ///
    /// [`KvError::AccessDenied`] when the link does not open it. Whether it exists is not for the actor to know.
    pub fn resolve(&self, name: &str) -> Result<&str, KvError> {
        let name = if name.is_empty() { DEFAULT } else { name };
        self.0.get(name).map(String::as_str).ok_or(KvError::AccessDenied)
    }

    /// Returns the store's names, each once.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        let targets: std::collections::BTreeSet<&str> = self.0.values().map(String::as_str).collect();
        targets.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<Buckets, Vec<String>> {
        let config = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut reader = ConfigReader::new(&config);
        let check = |name: &str| {
            if name.contains('!') {
                Err("has a `!`".to_owned())
            } else {
                Ok(())
            }
        };
        let buckets = Buckets::read(&mut reader, "own", check);
        reader.finish().map(|()| buckets)
    }

    #[test]
    fn said_nothing_the_default_is_the_actors_own() {
        let buckets = read(&[]).expect("is right");
        assert_eq!(buckets.resolve("default"), Ok("own"));
        assert_eq!(buckets.resolve(""), Ok("own"));
        assert_eq!(buckets.resolve("other"), Err(KvError::AccessDenied));
    }

    #[test]
    fn what_is_said_is_all_there_is() {
        let buckets = read(&[("buckets", "sessions, carts=shop")]).expect("is right");
        assert_eq!(buckets.resolve("sessions"), Ok("sessions"));
        assert_eq!(buckets.resolve("carts"), Ok("shop"));
        assert_eq!(buckets.resolve("shop"), Err(KvError::AccessDenied));
        assert_eq!(buckets.resolve("default"), Err(KvError::AccessDenied));
        let buckets = read(&[("bucket", "shop"), ("buckets", "carts=shop")]).expect("is right");
        assert_eq!(buckets.resolve(""), Ok("shop"));
        assert_eq!(buckets.targets().collect::<Vec<_>>(), ["shop"]);
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(
            read(&[("bucket", "a!"), ("buckets", "b=c!,=x,d,d")])
                .expect_err("wrong")
                .len(),
            3
        );
        assert_eq!(read(&[("buckets", "d,d")]).expect_err("wrong").len(), 1);
    }
}
