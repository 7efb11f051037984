//! The provider's own configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use provider_sdk::config::ConfigReader;

const ADDRESS_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// As large as the default limit of an actor's body, so that the actor's own limit is the one that speaks.
const BODY_MAX_DEFAULT: u64 = 64 << 20;
/// Two file descriptors each would still fit the usual limit of a service; memory is some 10 KiB per idle connection.
const CONNECTIONS_DEFAULT: usize = 10_000;

/// How an [`HttpServer`](crate::HttpServer) listens and what it bears with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen.
    pub addresses: Vec<SocketAddr>,
    /// Longest wait for an actor's response head.
    pub timeout: Duration,
    /// Longest wait for a request's head, idle time between requests included.
    pub header_timeout: Duration,
    /// Longest pause inside a request's body.
    pub body_timeout: Duration,
    /// Longest pause of a client that does not take its response.
    pub write_timeout: Duration,
    /// Largest request body.
    pub body_max: u64,
    /// Most connections open at a time.
    pub connections: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            addresses: vec![ADDRESS_DEFAULT],
            timeout: TIMEOUT_DEFAULT,
            header_timeout: TIMEOUT_DEFAULT,
            body_timeout: TIMEOUT_DEFAULT,
            write_timeout: TIMEOUT_DEFAULT,
            body_max: BODY_MAX_DEFAULT,
            connections: CONNECTIONS_DEFAULT,
        }
    }
}

impl ServerConfig {
    /// Reads what the user wrote.
    ///
    /// # Errors
    ///
    /// Every mistake, in words.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let default = Self::default();
        let mut reader = ConfigReader::new(config);
        let addresses = reader.read_list("address", |text| {
            text.parse::<SocketAddr>()
                .map_err(|_| "is not an address such as `127.0.0.1:8000` or `[::]:8000`".to_owned())
        });
        if let Some(addresses) = &addresses {
            for (at, address) in addresses.iter().enumerate() {
                if address.port() != 0 && addresses[..at].contains(address) {
                    reader.mistake("address", &format!("names {address} twice"));
                }
            }
        }
        let server = Self {
            addresses: addresses.unwrap_or(default.addresses),
            timeout: reader.duration("timeout").unwrap_or(default.timeout),
            header_timeout: reader.duration("header-timeout").unwrap_or(default.header_timeout),
            body_timeout: reader.duration("body-timeout").unwrap_or(default.body_timeout),
            write_timeout: reader.duration("write-timeout").unwrap_or(default.write_timeout),
            body_max: reader.byte_size("body-max").unwrap_or(default.body_max),
            connections: reader.count("connections").unwrap_or(default.connections),
        };
        reader.finish()?;
        Ok(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<ServerConfig, Vec<String>> {
        ServerConfig::read(
            &entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(read(&[]), Ok(ServerConfig::default()));
    }

    #[test]
    fn addresses_may_be_several() {
        let config = read(&[("address", "127.0.0.1:0, [::1]:8080")]).expect("is right");
        assert_eq!(config.addresses.len(), 2);
        assert!(read(&[("address", "127.0.0.1:80,127.0.0.1:80")]).is_err());
    }

    #[test]
    fn every_mistake_is_told() {
        let mistakes = read(&[
            ("address", "localhost"),
            ("timeout", "1"),
            ("adress", "x"),
            ("connections", "0"),
        ])
        .expect_err("four mistakes");
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    }
}
