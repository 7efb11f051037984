//! What the provider and its links are configured with.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_core::{ActiveLink, Party};
use provider_sdk::buckets::Buckets;
use provider_sdk::config::ConfigReader;

use crate::server::ServerUrl;

const URL_DEFAULT: &str = "redis://127.0.0.1:6379";
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// Long prefixes cost memory in every key.
const PREFIX_LEN_MAX: usize = 128;

/// How a [`RedisKeyValue`](crate::RedisKeyValue) reaches its server.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub(crate) url: ServerUrl,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
}

impl RedisConfig {
    /// Reads what the user wrote.
    ///
    /// # Errors
    ///
    /// Every mistake, in words.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let url = read_url(&mut reader);
        let connect_timeout = reader.duration("connect-timeout").unwrap_or(CONNECT_TIMEOUT_DEFAULT);
        let timeout = reader.duration("timeout").unwrap_or(TIMEOUT_DEFAULT);
        reader.finish()?;
        let url = match url {
            Some(url) => url,
            None => ServerUrl::read(URL_DEFAULT).map_err(|why| vec![format!("the default `url` {why}")])?,
        };
        Ok(Self {
            url,
            connect_timeout,
            timeout,
        })
    }
}

/// What one link says.
#[derive(Debug)]
pub(crate) struct LinkConfig {
    pub(crate) buckets: Buckets,
    pub(crate) url: Option<ServerUrl>,
}

impl LinkConfig {
    pub(crate) fn read(config: &BTreeMap<String, String>, link: &ActiveLink) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let buckets = Buckets::read(&mut reader, &own_prefix(link), check_prefix);
        let url = read_url(&mut reader);
        reader.finish()?;
        Ok(Self { buckets, url })
    }
}

// The address may hold a password, so a mistake in it is told without it.
fn read_url(reader: &mut ConfigReader<'_>) -> Option<ServerUrl> {
    let text = reader.text("url")?;
    ServerUrl::read(text).map_err(|why| reader.mistake("url", &why)).ok()
}

fn own_prefix(link: &ActiveLink) -> String {
    let lattice = link.id.parts().lattice;
    match &link.source {
        Party::Actor(name) => format!("{lattice}:{name}"),
        Party::Provider(name) => format!("{lattice}:provider:{name}"),
    }
}

fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix.is_empty() {
        return Err("is no prefix".to_owned());
    }
    if prefix.len() > PREFIX_LEN_MAX || prefix.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!(
            "is not a prefix of at most {PREFIX_LEN_MAX} visible characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_and_passwords_are_not() {
        let config = [
            ("url", "redis://:secret@host:99999/"),
            ("timeout", "soon"),
            ("prefix", "x"),
        ];
        let config = config
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mistakes = RedisConfig::read(&config).expect_err("three mistakes");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(!mistakes.concat().contains("secret"), "{mistakes:?}");
    }

    #[test]
    fn tls_is_refused_in_words() {
        let config = BTreeMap::from([("url".to_owned(), "rediss://host".to_owned())]);
        assert!(RedisConfig::read(&config).expect_err("no TLS")[0].contains("TLS"));
    }
}
