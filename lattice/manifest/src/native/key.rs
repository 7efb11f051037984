//! Which of the stateful actors of a name a route's requests are for. The HTTP server reads it; here only plain mistakes are told.

use super::form::RouteForm;
use crate::read::{At, Reader};

/// The segment of a path that stands for a key.
const SEGMENT: &str = "{key}";

/// Tells what is wrong with where a route finds its key.
pub(super) fn tell_mistakes(form: &RouteForm, reader: &mut Reader) {
    let is_in_path = form.path.as_ref().is_some_and(|path| is_in_path(path, reader));
    let Some(key) = &form.key else {
        return;
    };
    if is_in_path {
        let message = format!("`key` and `{SEGMENT}` in the path exclude each other");
        reader.error_with(key.span, message, "an actor has one key: leave one of them out");
    }
    if let Err(help) = check_source(&key.value) {
        reader.error_with(key.span, format!("`{}` is no part of a request", key.value), help);
    }
}

/// Whether a segment of the path is a key. Other braces are mistakes: nothing else is filled in.
fn is_in_path(path: &At<String>, reader: &mut Reader) -> bool {
    let (keys, others): (Vec<&str>, Vec<&str>) = path.value.split('/').partition(|segment| *segment == SEGMENT);
    if let Some(segment) = others.iter().find(|segment| segment.contains(['{', '}'])) {
        let message = format!("nothing is filled in for `{segment}`");
        reader.error_with(
            path.span,
            message,
            format!("`{SEGMENT}` as a whole segment is the key of an actor"),
        );
    }
    if keys.len() > 1 {
        let message = format!("`{SEGMENT}` is in the path more than once");
        reader.error_with(path.span, message, "an actor has one key");
    }
    !keys.is_empty()
}

/// Says what a source must be if it is none.
fn check_source(text: &str) -> Result<(), &'static str> {
    let (form, name) = text.split_once(':').unwrap_or((text, ""));
    match (form.trim(), name.trim()) {
        ("header" | "query" | "cookie", "") => Err("its name follows the colon: header:x-customer"),
        ("header" | "query" | "cookie", _) => Ok(()),
        ("host", label) if label.parse::<u8>().is_ok() => Ok(()),
        ("host", _) => Err("a number follows `host:`; host:0 is the leftmost label of the host name"),
        _ => Err("write header:NAME, query:NAME, cookie:NAME or host:NUMBER"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_of_the_http_server() {
        for text in [
            "header:x-customer",
            "header: X",
            "query:a b",
            "cookie:session",
            "host:0",
            "host:255",
        ] {
            assert_eq!(check_source(text), Ok(()), "{text}");
        }
        for text in [
            "", "header", "header:", "query:", "cookie:", "host:", "host:x", "host:256", "host:-1", "path:1",
            "Header:x",
        ] {
            assert!(check_source(text).is_err(), "{text}");
        }
    }
}
