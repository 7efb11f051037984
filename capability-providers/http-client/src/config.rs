//! What the provider and its links are configured with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use provider_sdk::capability::RequestOptions;
use provider_sdk::config::ConfigReader;

use crate::allow::{AllowList, AllowedHost};

/// How an [`HttpClient`](crate::HttpClient) connects and how long it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Longest waits, unless a link or a request asks for shorter ones.
    pub timeouts: Timeouts,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Unused connections kept per host.
    pub idle_per_host: usize,
    /// Most requests in flight.
    pub requests: usize,
    /// PEM file of certificate authorities to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
}

/// The longest waits in the phases of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// From a sent request to the response's head.
    pub first_byte: Duration,
    /// Between two chunks of the response's body.
    pub between_bytes: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                first_byte: Duration::from_secs(60),
                between_bytes: Duration::from_secs(60),
            },
            idle_timeout: Duration::from_secs(60),
            idle_per_host: 32,
            requests: 1024,
            ca_file: None,
        }
    }
}

impl ClientConfig {
    /// Reads what the user wrote.
    ///
    /// # Errors
    ///
    /// Every mistake, in words.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let default = Self::default();
        let mut reader = ConfigReader::new(config);
        let client = Self {
            timeouts: Timeouts::read(&mut reader, default.timeouts),
            idle_timeout: reader.duration("idle-timeout").unwrap_or(default.idle_timeout),
            idle_per_host: reader.count("idle-per-host").unwrap_or(default.idle_per_host),
            requests: reader.count("requests").unwrap_or(default.requests),
            ca_file: reader.text("ca-file").map(PathBuf::from),
        };
        reader.finish()?;
        Ok(client)
    }
}

/// What one link allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkConfig {
    pub(crate) hosts: AllowList,
    pub(crate) timeouts: Timeouts,
}

impl LinkConfig {
    pub(crate) fn read(config: &BTreeMap<String, String>, provider: Timeouts) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let link = Self {
            hosts: AllowList::new(reader.read_list("hosts", AllowedHost::read).unwrap_or_default()),
            timeouts: Timeouts::read(&mut reader, provider),
        };
        reader.finish()?;
        Ok(link)
    }
}

impl Timeouts {
    fn read(reader: &mut ConfigReader<'_>, default: Self) -> Self {
        Self {
            connect: reader.duration("connect-timeout").unwrap_or(default.connect),
            first_byte: reader.duration("first-byte-timeout").unwrap_or(default.first_byte),
            between_bytes: reader
                .duration("between-bytes-timeout")
                .unwrap_or(default.between_bytes),
        }
    }

    /// Returns these, or what the actor asked for where that is shorter.
    pub(crate) fn narrowed(self, asked: RequestOptions) -> Self {
        let shorter = |limit: Duration, asked: Option<Duration>| asked.map_or(limit, |asked| asked.min(limit));
        Self {
            connect: shorter(self.connect, asked.connect_timeout),
            first_byte: shorter(self.first_byte, asked.first_byte_timeout),
            between_bytes: shorter(self.between_bytes, asked.between_bytes_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told() {
        let config = [("hosts", "a b,ok,c/d"), ("connect-timeot", "1s")];
        let config = config
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mistakes = LinkConfig::read(&config, ClientConfig::default().timeouts).expect_err("three mistakes");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    }

    #[test]
    fn an_actor_may_only_ask_for_shorter_waits() {
        let limits = ClientConfig::default().timeouts;
        let asked = RequestOptions {
            connect_timeout: Some(Duration::from_secs(1)),
            first_byte_timeout: Some(Duration::from_secs(10_000)),
            between_bytes_timeout: None,
        };
        let narrowed = limits.narrowed(asked);
        assert_eq!(
            narrowed,
            Timeouts {
                connect: Duration::from_secs(1),
                ..limits
            }
        );
    }
}
