//! Which hosts a link lets an actor reach.
//!
//! Each entry is `[scheme://]host[:port]`:
//!
//! | entry | allows |
//! |---|---|
//! | `api.example.com` | that host, by `http` on port 80 and by `https` on port 443 |
//! | `https://api.example.com` | that host, by `https` on port 443 only |
//! | `api.example.com:8443` | that host on that port |
//! | `*.internal:8080` | every host below `internal`, on that port |
//! | `localhost:*` | that host on any port |
//! | `*` | every host, on the scheme's own port; `*:*` on any |
//!
//! Host names are compared as they are written in the URI: an address is not allowed by the name that it belongs to.

use std::fmt;

use http::Uri;

/// The hosts that a link allows. Empty allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<AllowedHost>);

/// One entry of an allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<Scheme>,
    host: HostPattern,
    port: PortPattern,
}

/// The schemes that the provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    Exact(String),
    Below(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortPattern {
    OfScheme,
    Any,
    Only(u16),
}

impl AllowList {
    /// Makes a list of these entries.
    #[must_use]
    pub fn new(entries: Vec<AllowedHost>) -> Self {
        Self(entries)
    }

    /// Says whether nothing is allowed at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether a request to `uri` may go out.
    #[must_use]
    pub fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (Scheme::of(uri), uri.host()) else {
            return false;
        };
        let host = normal(host);
        let port = uri.port_u16().unwrap_or(scheme.port());
        self.0.iter().any(|entry| entry.allows(scheme, &host, port))
    }
}

impl AllowedHost {
    /// Reads one entry.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the entry.
    pub fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err("has a scheme other than `http` and `https`".to_owned()),
            None => (None, text),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err("is more than a host and a port".to_owned());
        }
        let colon = rest.rfind(':').filter(|colon| !rest[*colon..].contains(']'));
        let (host, port) = match colon {
            Some(colon) => (&rest[..colon], read_port(&rest[colon + 1..])?),
            None => (rest, PortPattern::OfScheme),
        };
        Ok(Self {
            scheme,
            host: read_host(host)?,
            port,
        })
    }

    fn allows(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.scheme.is_none_or(|allowed| allowed == scheme)
            && match self.port {
                PortPattern::OfScheme => port == scheme.port(),
                PortPattern::Any => true,
                PortPattern::Only(allowed) => port == allowed,
            }
            && match &self.host {
                HostPattern::Any => true,
                HostPattern::Exact(name) => host == name,
                HostPattern::Below(name) => host
                    .strip_suffix(name.as_str())
                    .and_then(|rest| rest.strip_suffix('.'))
                    .is_some_and(|rest| !rest.is_empty()),
            }
    }
}

impl Scheme {
    fn of(uri: &Uri) -> Option<Self> {
        match uri.scheme_str() {
            Some("http") => Some(Self::Http),
            Some("https") => Some(Self::Https),
            _ => None,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

fn read_port(text: &str) -> Result<PortPattern, String> {
    match text {
        "*" => Ok(PortPattern::Any),
        _ => match text.parse() {
            Ok(port) if port != 0 => Ok(PortPattern::Only(port)),
            _ => Err("has a port that is neither a number from 1 to 65535 nor `*`".to_owned()),
        },
    }
}

fn read_host(text: &str) -> Result<HostPattern, String> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    let host = normal(text);
    if let Some(name) = host.strip_prefix("*.") {
        return if is_name(name) {
            Ok(HostPattern::Below(name.to_owned()))
        } else {
            Err(not_a_host())
        };
    }
    let is_v6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    if is_v6 || is_name(&host) {
        Ok(HostPattern::Exact(host))
    } else {
        Err(not_a_host())
    }
}

fn not_a_host() -> String {
    "is not a host such as `api.example.com`, `*.example.com` or `10.0.0.1:8080`".to_owned()
}

fn is_name(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

/// Lower case and without the root's dot, since `API.example.com.` is `api.example.com`. Addresses in their one spelling.
fn normal(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let v6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok());
    v6.map_or(host, |address| format!("[{address}]"))
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, entry) in self.0.iter().enumerate() {
            write!(f, "{}{entry}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Some(Scheme::Http) => f.write_str("http://")?,
            Some(Scheme::Https) => f.write_str("https://")?,
            None => {}
        }
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Exact(name) => f.write_str(name)?,
            HostPattern::Below(name) => write!(f, "*.{name}")?,
        }
        match self.port {
            PortPattern::OfScheme => Ok(()),
            PortPattern::Any => f.write_str(":*"),
            PortPattern::Only(port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: &str, uri: &str, expect: bool) {
        let list = AllowList::new(vec![AllowedHost::read(entry).expect("a good entry")]);
        assert_eq!(list.allows(&uri.parse().expect("a URI")), expect, "{entry} for {uri}");
    }

    #[test]
    fn a_plain_host_has_the_ports_of_its_schemes() {
        check("api.example.com", "http://api.example.com/x", true);
        check("api.example.com", "https://api.example.com/x", true);
        check("api.example.com", "https://API.Example.com./x", true);
        check("api.example.com", "https://api.example.com:443/x", true);
        check("api.example.com", "https://api.example.com:80/x", false);
        check("api.example.com", "http://api.example.com:8080/x", false);
        check("api.example.com", "http://evil.com/api.example.com", false);
        check("api.example.com", "http://api.example.com.evil.com/", false);
        check("api.example.com", "http://api.example.com@evil.com/", false);
        check("api.example.com", "/x", false);
    }

    #[test]
    fn schemes_and_ports_narrow() {
        check("https://a.example", "http://a.example/", false);
        check("https://a.example", "https://a.example/", true);
        check("a.example:8080", "http://a.example:8080/", true);
        check("a.example:8080", "http://a.example/", false);
        check("localhost:*", "http://localhost:12345/", true);
        check("[::1]:80", "http://[0:0::1]/", true);
        check("127.0.0.1:80", "http://localhost/", false);
    }

    #[test]
    fn wildcards_take_what_is_below_them() {
        check("*.internal:8080", "http://a.internal:8080/", true);
        check("*.internal:8080", "http://a.b.internal:8080/", true);
        check("*.internal:8080", "http://internal:8080/", false);
        check("*.internal:8080", "http://.internal:8080/", false);
        check("*.internal:8080", "http://xinternal:8080/", false);
        check("*", "https://anything.example/", true);
        check("*", "https://anything.example:99/", false);
        check("*:*", "https://anything.example:99/", true);
    }

    #[test]
    fn nothing_is_allowed_by_nothing() {
        assert!(!AllowList::default().allows(&"http://localhost/".parse().expect("a URI")));
    }

    #[test]
    fn wrong_entries_are_refused_and_right_ones_print_as_written() {
        for entry in [
            "",
            "ftp://a",
            "a/b",
            "user@host",
            "a:0",
            "a:x",
            "*.*.a",
            "a..b",
            "*a",
            "[::1",
            "[zz]:80",
            "a b",
        ] {
            assert!(AllowedHost::read(entry).is_err(), "{entry}");
        }
        for entry in ["*", "*:*", "https://*.a.b:1", "[::1]:*", "a"] {
            assert_eq!(AllowedHost::read(entry).expect("a good entry").to_string(), entry);
        }
    }
}
