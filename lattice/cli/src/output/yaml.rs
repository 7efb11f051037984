//! JSON values as YAML. We only ever write it, so a block-style emitter that quotes whatever could be misread is enough.

use std::fmt::Write;

use serde_json::Value;

/// Writes a value as one YAML document.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, Start::OnNewLine),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        leaf => {
            scalar(&mut out, leaf);
            out.push('\n');
        }
    }
    out
}

/// Whether the first key of a mapping is already indented, as after a sequence's dash.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    OnNewLine,
    AfterDash,
}

fn mapping(out: &mut String, map: &serde_json::Map<String, Value>, depth: usize, start: Start) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 || start == Start::OnNewLine {
            indent(out, depth);
        }
        text(out, key);
        out.push(':');
        child(out, value, depth);
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(out, depth);
        out.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                out.push(' ');
                mapping(out, map, depth + 1, Start::AfterDash);
            }
            other => child(out, other, depth),
        }
    }
}

fn child(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            mapping(out, map, depth + 1, Start::OnNewLine);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(out, items, depth + 1);
        }
        leaf => {
            out.push(' ');
            scalar(out, leaf);
            out.push('\n');
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn scalar(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        // Empty collections, numbers, booleans and null read the same in JSON and in YAML.
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Plain when no YAML reader could take it for anything but this string, else double-quoted as in JSON (a subset of YAML).
fn text(out: &mut String, string: &str) {
    if is_plain(string) {
        out.push_str(string);
    } else {
        let _ = write!(out, "{}", Value::from(string));
    }
}

fn is_plain(string: &str) -> bool {
    let mut chars = string.chars();
    let Some(first) = chars.next() else { return false };
    // Begins with a letter, so it is no number, no date, no indicator.
    first.is_ascii_alphabetic()
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@'))
        && !is_reserved(string)
}

/// Words that some YAML reader takes for a boolean, a null or a number.
fn is_reserved(string: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan"];
    WORDS.iter().any(|word| string.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_nested_documents() {
        let value = json!({
            "name": "hello", "replicas": 3, "labels": {"zone": "edge", "on": "yes"}, "empty": [], "none": null,
            "links": [{"id": "lnk:a/b", "to": ["x", "1.5"]}, {}], "nested": [["a"], []],
        });
        let expected = "\
empty: []
labels:
  \"on\": \"yes\"
  zone: edge
links:
  - id: \"lnk:a/b\"
    to:
      - x
      - \"1.5\"
  - {}
name: hello
nested:
  -
    - a
  - []
none: null
replicas: 3
";
        assert_eq!(to_yaml(&value), expected);
    }

    #[test]
    fn quotes_what_a_reader_could_take_for_something_else() {
        for tricky in [
            "",
            "no",
            "1e3",
            "0x1f",
            "2026-11-22",
            "a: b",
            "#x",
            "~",
            "- a",
            "null",
            "a\nb",
            "é",
            " a",
            "*a",
            "a ",
        ] {
            let yaml = to_yaml(&json!({ "k": tricky }));
            assert!(yaml.starts_with("k: \""), "{tricky:?} became {yaml}");
        }
    }
}
