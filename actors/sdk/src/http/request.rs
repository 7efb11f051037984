//! A request.

use serde::de::DeserializeOwned;

use crate::text::percent_decode;

/// A request with all of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// The path as it came, without the query: `/cart/alice/items`.
    pub path: String,
    /// What stands behind the `?`.
    pub query: Option<String>,
    /// Names and values, in the order in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// What a request is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    /// Any other, as it came.
    Other(String),
}

impl Request {
    /// The parts of the path, still percent-encoded. Match on their end, and the actor may be mounted under any prefix:
    ///
    /// ```
    /// use lattice_actor::{Method, Request};
    ///
    /// fn route(request: &Request) -> String {
    ///     match (&request.method, &request.segments()[..]) {
    ///         (Method::Get, [.., "items"]) => "all items".into(),
    ///         (Method::Delete, [.., "items", sku]) => format!("without {sku}"),
    ///         _ => "something else".into(),
    ///     }
    /// }
    /// ```
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The first value of a name in the query, decoded; none if it is not there or is no text.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query
            .as_deref()?
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(key, _)| percent_decode(key).as_deref() == Some(name))
            .and_then(|(_, value)| percent_decode(&value.replace('+', " ")))
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| str::from_utf8(value).ok())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it is none, or not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Cuts a target as it stands in a request into path and query.
pub(super) fn split_target(target: &str) -> (String, Option<String>) {
    match target.split_once('?') {
        Some((path, query)) => (path.into(), Some(query.into())),
        None => (target.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Request {
        let (path, query) = split_target(target);
        Request {
            method: Method::Get,
            path,
            query,
            headers: vec![("X-One".into(), b"1".into()), ("x-raw".into(), vec![0xff])],
            body: b"{\"a\":1}".into(),
        }
    }

    #[test]
    fn the_end_of_a_path_is_the_same_under_any_prefix() {
        for target in ["/items/a", "/cart/alice/items/a", "//items//a/?x"] {
            assert!(matches!(request(target).segments()[..], [.., "items", "a"]), "{target}");
        }
        assert!(request("/").segments().is_empty());
        assert!(request("").segments().is_empty());
    }

    #[test]
    fn queries_are_decoded() {
        let request = request("/?by=2&to=a%2Fb+c&by=3&flag&bad=%ff");
        let cases = [
            ("by", Some("2")),
            ("to", Some("a/b c")),
            ("flag", Some("")),
            ("bad", None),
            ("none", None),
        ];
        for (name, expect) in cases {
            assert_eq!(request.query(name).as_deref(), expect, "{name}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        assert_eq!(request("/").header("x-ONE"), Some("1"));
        assert_eq!(request("/").header("x-raw"), None);
        assert_eq!(request("/").header("x-none"), None);
    }
}
