//! A response.

use serde::Serialize;
use serde_json::json;

/// A response with all of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::of("text/plain; charset=utf-8", status, text.into().into_bytes())
    }

    /// A value as JSON, with a line end for those who read it in a terminal.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(mut body) => {
                body.push(b'\n');
                Self::of("application/json", status, body)
            }
            Err(error) => Self::error(500, format!("the answer cannot be written as JSON: {error}")),
        }
    }

    /// What went wrong, as JSON: `{"error":"…"}`.
    pub fn error(status: u16, reason: impl Into<String>) -> Self {
        let body = format!("{}\n", json!({ "error": reason.into() }));
        Self::of("application/json", status, body.into_bytes())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn of(content_type: &str, status: u16, body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::empty(status)
        }
        .with_header("content-type", content_type)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn json_that_cannot_be_written_is_an_error_not_a_panic() {
        let unwritable = BTreeMap::from([((1, 2), 3)]);
        assert_eq!(Response::json(200, &unwritable).status, 500);
        assert_eq!(Response::json(200, &[1]).body, b"[1]\n");
    }

    #[test]
    fn errors_are_quoted() {
        assert_eq!(Response::error(400, "a \"b\"").body, b"{\"error\":\"a \\\"b\\\"\"}\n");
    }
}
