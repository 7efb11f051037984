//! Which requests a link asks for.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `path` | `/` | the path; as a prefix it matches whole segments: `/api` takes `/api` and `/api/x`, never `/apix`; one segment may be `{key}` |
//! | `match` | `prefix` | `prefix` or `exact` |
//! | `host` | any | host names, comma-separated; `*.example.com` takes every name below `example.com` |
//! | `method` | any | methods, comma-separated |
//! | `port` | any | the port of one of the server's addresses |
//! | `address` | any | one of the server's addresses |
//! | `timeout` | the server's | longest wait for this actor's response head |
//! | `body-max` | the server's | largest request body for this actor |
//! | `key` | none | where else the actor's key is: `header:<name>`, `query:<name>`, `host:<label>` or `cookie:<name>` |
//!
//! A stateful actor has a key, which each request must name: `/cart/{key}` takes `/cart/alice` and `/cart/alice/items` for the actor with
//! the key `alice`, percent-decoded, but not `/cart` or `/cart/`. With `key` it is elsewhere: in a header, in a parameter of the query
//! (percent-decoded, `+` for a blank), in a label of the host name (`host:0` is the leftmost; lower case), or in a cookie. A request
//! without a key, with two, or with what cannot be one is answered 400.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use provider_sdk::config::ConfigReader;

pub use crate::key::KeySource;
use crate::path;
pub use crate::path::{PathPattern, PathTail};

/// What one link asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// Index of the only address that the route listens on; `None` is all of them.
    pub listener: Option<usize>,
    /// Host names; empty is any.
    pub hosts: Vec<HostPattern>,
    /// The path.
    pub path: PathPattern,
    /// Methods; empty is any.
    pub methods: Vec<Method>,
    /// Replaces the server's wait for the response head.
    pub timeout: Option<Duration>,
    /// Replaces the server's limit of request bodies.
    pub body_max: Option<u64>,
    /// Where a request says which stateful actor it is for; `None` is an actor without keys.
    pub key: Option<KeySource>,
}

/// One host name, or all below a domain. Lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This name.
    Exact(String),
    /// Any name that ends in a dot and this.
    Below(String),
}

impl RouteSpec {
    /// Reads a link's configuration, for a server that listens on `listeners`.
    ///
    /// # Errors
    ///
    /// Every mistake, in words.
    pub fn read(config: &BTreeMap<String, String>, listeners: &[SocketAddr]) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let path = reader.read("path", path::check).unwrap_or("/");
        let exact = reader.read("match", |text| match text {
            "prefix" => Ok(false),
            "exact" => Ok(true),
            _ => Err("is neither `prefix` nor `exact`".to_owned()),
        });
        let hosts = reader.read_list("host", HostPattern::read).unwrap_or_default();
        let methods = reader.read_list("method", read_method).unwrap_or_default();
        let by_port = reader.read("port", |text| find_port(text, listeners));
        let by_address = reader.read("address", |text| find_address(text, listeners));
        if config.contains_key("port") && config.contains_key("address") {
            reader.mistake("port", "and `address` exclude each other; `address` has a port already");
        }
        let path = PathPattern::new(path, exact == Some(true));
        let key = reader.read("key", KeySource::read);
        if config.contains_key("key") && path.has_key() {
            reader.mistake(
                "key",
                "and the `{key}` in `path` exclude each other; an actor has one key",
            );
        }
        let spec = Self {
            listener: by_port.or(by_address),
            hosts: unique(hosts),
            key: if path.has_key() { Some(KeySource::Path) } else { key },
            path,
            methods: unique(methods),
            timeout: reader.duration("timeout"),
            body_max: reader.byte_size("body-max"),
        };
        reader.finish()?;
        Ok(spec)
    }
}

impl HostPattern {
    fn read(text: &str) -> Result<Self, String> {
        let lower = text.trim_end_matches('.').to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        let is_name = !name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            });
        let is_v6 = name.starts_with('[')
            && name.ends_with(']')
            && name[1..name.len() - 1].parse::<std::net::Ipv6Addr>().is_ok();
        match (is_name, is_v6 && !below) {
            (true, _) if below => Ok(Self::Below(name.to_owned())),
            (true, _) | (_, true) => Ok(Self::Exact(name.to_owned())),
            _ => Err("is not a host name such as `example.com` or `*.example.com` (without a port)".to_owned()),
        }
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            let methods: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
            write!(f, "{} ", methods.join(","))?;
        }
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        write!(f, "{}{}", hosts.join(","), self.path)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

fn read_method(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| "is not an HTTP method".to_owned())
}

fn find_port(text: &str, listeners: &[SocketAddr]) -> Result<usize, String> {
    let port: u16 = text.parse().map_err(|_| "is not a port".to_owned())?;
    let mut found = listeners
        .iter()
        .enumerate()
        .filter(|(_, address)| address.port() == port)
        .map(|(index, _)| index);
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(format!(
            "is the port of several addresses; name one by `address`: {}",
            join(listeners)
        )),
        _ => Err(format!("is no port of this server; it listens on {}", join(listeners))),
    }
}

fn find_address(text: &str, listeners: &[SocketAddr]) -> Result<usize, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "is not an address such as `127.0.0.1:8000`".to_owned())?;
    listeners
        .iter()
        .position(|listener| *listener == address)
        .ok_or_else(|| format!("is no address of this server; it listens on {}", join(listeners)))
}

fn join(listeners: &[SocketAddr]) -> String {
    listeners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn unique<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    items.into_iter().fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<RouteSpec, Vec<String>> {
        let listeners = [
            "127.0.0.1:8000".parse().expect("address"),
            "127.0.0.1:9000".parse().expect("address"),
        ];
        let config = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        RouteSpec::read(&config, &listeners)
    }

    #[test]
    fn nothing_said_takes_everything() {
        let spec = read(&[]).expect("is right");
        assert_eq!(spec.path, PathPattern::new("/", false));
        assert_eq!(spec.path.tail, PathTail::Prefix(String::new()));
        assert!(spec.hosts.is_empty() && spec.methods.is_empty() && spec.listener.is_none() && spec.key.is_none());
        assert_eq!(spec.to_string(), "/");
    }

    #[test]
    fn all_that_can_be_said() {
        let spec = read(&[
            ("path", "/api/"),
            ("host", "Shop.Example., *.internal"),
            ("method", "get,POST,GET"),
            ("port", "9000"),
            ("timeout", "2s"),
            ("body-max", "1KiB"),
        ])
        .expect("is right");
        assert_eq!(spec.path.tail, PathTail::Prefix("/api".into()));
        assert_eq!(
            spec.hosts,
            [
                HostPattern::Exact("shop.example".into()),
                HostPattern::Below("internal".into())
            ]
        );
        assert_eq!(spec.methods, [Method::GET, Method::POST]);
        assert_eq!((spec.listener, spec.body_max), (Some(1), Some(1024)));
        assert_eq!(
            read(&[("path", "/a"), ("match", "exact")]).expect("is right").path.tail,
            PathTail::Exact("/a".into())
        );
    }

    #[test]
    fn a_key_is_in_one_place() {
        let spec = read(&[("path", "/cart/{key}/items"), ("method", "GET")]).expect("is right");
        assert_eq!(spec.key, Some(KeySource::Path));
        assert_eq!(spec.to_string(), "GET /cart/{key}/items");
        let spec = read(&[("key", "cookie:session")]).expect("is right");
        assert_eq!(spec.key, Some(KeySource::Cookie("session".to_owned())));
        let mistakes =
            read(&[("path", "/cart/{key}"), ("key", "body:x"), ("method", "G ET")]).expect_err("three mistakes");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(
            mistakes.iter().any(|mistake| mistake.contains("exclude each other")),
            "{mistakes:?}"
        );
        assert!(
            mistakes.iter().any(|mistake| mistake.contains("header:<name>")),
            "{mistakes:?}"
        );
    }

    #[test]
    fn every_mistake_is_told() {
        let mistakes = read(&[
            ("path", "api/*"),
            ("match", "regex"),
            ("host", "example.com:80"),
            ("method", "G ET"),
            ("port", "7000"),
            ("address", "127.0.0.1:8000"),
            ("pathh", "/"),
        ])
        .expect_err("seven mistakes and one contradiction");
        assert_eq!(mistakes.len(), 7, "{mistakes:?}");
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.contains("it listens on 127.0.0.1:8000, 127.0.0.1:9000"))
        );
        for path in ["/a?b", "/a#b", "/a b", "/*"] {
            assert!(read(&[("path", path)]).is_err(), "{path}");
        }
    }
}
