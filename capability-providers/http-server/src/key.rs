//! Where a request says which stateful actor it is for.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName};
use lattice_core::ActorKey;

use crate::path::KEY_SEGMENT;

/// The part of a request that is the key of its actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The segment of the path for which the route has `{key}`.
    Path,
    /// A header.
    Header(HeaderName),
    /// A parameter of the query.
    Query(String),
    /// A label of the host name; 0 is the leftmost.
    Host(u8),
    /// A cookie.
    Cookie(String),
}

/// What of a request may have a key in it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r> {
    /// The segment of the path that the route found a key in, as it came.
    pub(crate) segment: Option<&'r str>,
    /// The host's name, without a port.
    pub(crate) host: Option<&'r str>,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
}

/// Why a request is for no actor.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} names no actor: {reason}")]
pub(crate) struct NoKey {
    /// Where the key was looked for.
    place: String,
    reason: String,
}

impl KeySource {
    /// Reads what a link says of it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (form, name) = text
            .split_once(':')
            .map_or((text, ""), |(form, name)| (form.trim(), name.trim()));
        // A cookie's name is made of the same characters as a header's.
        let header = || HeaderName::from_bytes(name.as_bytes());
        match form {
            "header" => header()
                .map(Self::Header)
                .map_err(|_| "names no HTTP header".to_owned()),
            "query" if name.is_empty() => Err("names no parameter".to_owned()),
            "query" => Ok(Self::Query(name.to_owned())),
            "host" => name
                .parse()
                .map(Self::Host)
                .map_err(|_| "names no label of a host name; `host:0` is the leftmost".to_owned()),
            "cookie" => match header() {
                Ok(_) => Ok(Self::Cookie(name.to_owned())),
                Err(_) => Err("names no cookie".to_owned()),
            },
            _ => Err(
                "is none of `header:<name>`, `query:<name>`, `host:<number of a label>` and `cookie:<name>`".to_owned(),
            ),
        }
    }

    /// Finds the key in a request. What is there more than once is not: somebody on the way may have seen the other one.
    pub(crate) fn find(&self, asked: &Asked<'_>) -> Result<ActorKey, NoKey> {
        let mut found = self.values(asked);
        let key = match (found.pop(), found.pop()) {
            (None, _) => Err("it is not there".to_owned()),
            (Some(_), Some(_)) => Err("it is there more than once".to_owned()),
            (Some(None), None) => Err("it is not UTF-8, or not correctly percent-encoded".to_owned()),
            (Some(Some(text)), None) => text.parse::<ActorKey>().map_err(|error| error.to_string()),
        };
        key.map_err(|reason| NoKey {
            place: self.to_string(),
            reason,
        })
    }

    /// All that stands where the key is looked for; `None` is what cannot be read.
    fn values<'r>(&self, asked: &Asked<'r>) -> Vec<Option<Cow<'r, str>>> {
        match self {
            Self::Path => asked.segment.into_iter().map(decode).collect(),
            Self::Header(name) => {
                let values = asked.headers.get_all(name).iter();
                values
                    .map(|value| str::from_utf8(value.as_bytes()).ok().map(Cow::Borrowed))
                    .collect()
            }
            Self::Query(name) => {
                let pairs = asked.query.unwrap_or_default().split('&');
                pairs
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .filter(|(key, _)| decode_form(key).is_some_and(|key| key == *name))
                    .map(|(_, value)| decode_form(value))
                    .collect()
            }
            Self::Host(label) => {
                // An address has no labels.
                let name = asked
                    .host
                    .filter(|host| !host.starts_with('[') && host.parse::<IpAddr>().is_err());
                let label = name.and_then(|name| name.split('.').nth(usize::from(*label)));
                label
                    .map(|label| Some(label.to_ascii_lowercase().into()))
                    .into_iter()
                    .collect()
            }
            Self::Cookie(name) => {
                let headers = asked.headers.get_all(COOKIE).iter();
                headers
                    .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
                    .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
                    .map(|value| {
                        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                        str::from_utf8(quoted.unwrap_or(value)).ok().map(Cow::Borrowed)
                    })
                    .collect()
            }
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => write!(f, "the segment `{KEY_SEGMENT}` of the path"),
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Query(name) => write!(f, "the query parameter `{name}`"),
            Self::Host(label) => write!(f, "label {label} of the host name"),
            Self::Cookie(name) => write!(f, "the cookie `{name}`"),
        }
    }
}

/// Decodes the percent encoding. `None` when it is none, or encodes no text.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = tail;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// As [`decode`], with blanks as forms write them.
fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        return decode(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()));
    }
    decode(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "header",
            "header:",
            "header:a b",
            "query:",
            "query",
            "host:",
            "host:-1",
            "host:x",
            "host:256",
            "cookie:",
            "cookie:a=b",
            "path:1",
            "Header:x",
            "",
        ] {
            assert!(KeySource::read(text).is_err(), "{text}");
        }
        assert_eq!(
            KeySource::read("header: X-Customer"),
            Ok(KeySource::Header(HeaderName::from_static("x-customer")))
        );
        assert_eq!(KeySource::read("host:1"), Ok(KeySource::Host(1)));
    }

    /// `Err` is a part of the reason.
    fn check(source: &KeySource, asked: &Asked<'_>, expect: Result<&str, &str>) {
        match (source.find(asked), expect) {
            (Ok(key), Ok(expect)) => assert_eq!(key.as_str(), expect, "{source}"),
            (Err(no_key), Err(expect)) => {
                let said = no_key.to_string();
                assert!(said.contains(expect) && said.contains(&source.to_string()), "{said}");
            }
            (got, expect) => panic!("{source}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn segments_are_decoded() {
        let headers = HeaderMap::new();
        let long = "x".repeat(129);
        for (segment, expect) in [
            ("alice", Ok("alice")),
            ("a%2Fb%20c", Ok("a/b c")),
            ("%C3%BC", Ok("ü")),
            ("a+b", Ok("a+b")),
            ("%", Err("percent-encoded")),
            ("%4", Err("percent-encoded")),
            ("%zz", Err("percent-encoded")),
            ("%FF", Err("percent-encoded")),
            ("a%0Ab", Err("control character")),
            ("%00", Err("control character")),
            (&long, Err("longer than 128")),
        ] {
            let asked = Asked {
                segment: Some(segment),
                host: None,
                query: None,
                headers: &headers,
            };
            check(&KeySource::Path, &asked, expect);
        }
    }

    #[test]
    fn queries_are_read_as_forms_write_them() {
        let source = KeySource::read("query:customer").expect("a source");
        let headers = HeaderMap::new();
        for (query, expect) in [
            (Some("a=b&customer=al+ice%2B&c"), Ok("al ice+")),
            (Some("c%75stomer=x"), Ok("x")),
            (Some("customer=a&customer=b"), Err("more than once")),
            (Some("customer="), Err("empty")),
            (Some("customer"), Err("empty")),
            (Some("Customer=x"), Err("not there")),
            (Some("customer=%"), Err("percent-encoded")),
            (None, Err("not there")),
        ] {
            check(
                &source,
                &Asked {
                    segment: None,
                    host: None,
                    query,
                    headers: &headers,
                },
                expect,
            );
        }
    }

    #[test]
    fn host_names_have_labels_and_addresses_have_none() {
        let headers = HeaderMap::new();
        for (label, host, expect) in [
            ("host:0", Some("Alice.shop.example"), Ok("alice")),
            ("host:1", Some("alice.shop.example"), Ok("shop")),
            ("host:3", Some("alice.shop.example"), Err("not there")),
            ("host:0", Some("127.0.0.1"), Err("not there")),
            ("host:0", Some("[::1]"), Err("not there")),
            ("host:0", Some(""), Err("empty")),
            ("host:0", None, Err("not there")),
        ] {
            let source = KeySource::read(label).expect("a source");
            check(
                &source,
                &Asked {
                    segment: None,
                    host,
                    query: None,
                    headers: &headers,
                },
                expect,
            );
        }
    }

    #[test]
    fn headers_and_cookies_are_taken_as_they_are() {
        let header = KeySource::read("header:x-customer").expect("a source");
        let cookie = KeySource::read("cookie:session").expect("a source");
        let map = |entries: &[(&'static str, &'static [u8])]| {
            let mut headers = HeaderMap::new();
            for (name, value) in entries {
                headers.append(*name, HeaderValue::from_bytes(value).expect("a value"));
            }
            headers
        };
        for (source, headers, expect) in [
            (&header, map(&[("x-customer", b"alice %20")]), Ok("alice %20")),
            (
                &header,
                map(&[("x-customer", b"a"), ("x-customer", b"b")]),
                Err("more than once"),
            ),
            (&header, map(&[("x-customer", b"\xff")]), Err("not UTF-8")),
            (&header, map(&[("x-customer", b"")]), Err("empty")),
            (&header, map(&[]), Err("not there")),
            (&cookie, map(&[("cookie", b"a=b; session=s1;c=d")]), Ok("s1")),
            (
                &cookie,
                map(&[("cookie", b"a=session=x"), ("cookie", b"session=\"s2\"")]),
                Ok("s2"),
            ),
            (&cookie, map(&[("cookie", b"session=a=b")]), Ok("a=b")),
            (
                &cookie,
                map(&[("cookie", b"session=a; session=b")]),
                Err("more than once"),
            ),
            (
                &cookie,
                map(&[("cookie", b"sessions=x; Session=y; session")]),
                Err("not there"),
            ),
            (&cookie, map(&[("cookie", b"session=")]), Err("empty")),
        ] {
            check(
                source,
                &Asked {
                    segment: None,
                    host: None,
                    query: None,
                    headers: &headers,
                },
                expect,
            );
        }
    }
}
