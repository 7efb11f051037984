//! Puts variables into values: `${VAR}`, or `${VAR:-otherwise}`; `$${` is a `${` that stays.

use std::collections::BTreeMap;

use super::{Node, Value};
use crate::nearest::did_you_mean;
use crate::read::Reader;
use crate::source::Span;

/// Replaces variables in every value of `node`. Keys are left alone, and what is put in is never parsed as YAML.
pub(crate) fn substitute(node: &mut Node, environment: &BTreeMap<String, String>, reader: &mut Reader) {
    match &mut node.value {
        Value::Null | Value::Broken => {}
        Value::List(items) => items.iter_mut().for_each(|item| substitute(item, environment, reader)),
        Value::Map(entries) => {
            for entry in entries {
                substitute(&mut entry.value, environment, reader);
            }
        }
        Value::Scalar(scalar) if scalar.text.contains("${") => match expand(&scalar.text, environment) {
            Ok(text) => {
                scalar.text = text;
                scalar.substituted = true;
            }
            Err(errors) => {
                for error in errors {
                    tell(&error, node.span, environment, reader);
                }
                node.value = Value::Broken;
            }
        },
        Value::Scalar(_) => {}
    }
}

/// Why a variable could not be put in.
#[derive(Debug, PartialEq, Eq)]
enum ExpandError {
    /// There is no such variable, and no value otherwise.
    Undefined(String),
    /// A `${` without its `}`, or without a name.
    Malformed,
}

fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, Vec<ExpandError>> {
    let (mut out, mut errors) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let after = &from[2..];
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            errors.push(ExpandError::Malformed);
            break;
        };
        let (name, otherwise) = match inside.split_once(":-") {
            Some((name, otherwise)) => (name, Some(otherwise)),
            None => (inside, None),
        };
        if is_name(name) {
            // As in a shell, `:-` is also for a variable that is empty.
            let value = environment.get(name).map(String::as_str);
            match (value.filter(|value| !value.is_empty()), otherwise, value) {
                (Some(value), _, _) | (None, Some(value), _) | (None, None, Some(value)) => out.push_str(value),
                (None, None, None) => errors.push(ExpandError::Undefined(name.to_owned())),
            }
        } else {
            errors.push(ExpandError::Malformed);
        }
        rest = behind;
    }
    out.push_str(rest);
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn is_name(text: &str) -> bool {
    let begins_well = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins_well && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn tell(error: &ExpandError, span: Span, environment: &BTreeMap<String, String>, reader: &mut Reader) {
    match error {
        ExpandError::Undefined(name) => {
            let help = did_you_mean(name, environment.keys().map(String::as_str)).unwrap_or_else(|| {
                format!("set it, or write ${{{name}:-…}} with what it is otherwise; $${{ is a plain ${{")
            });
            let place = find(&format!("${{{name}"), span, reader);
            reader.error_with(place, format!("the variable `{name}` is not set"), help);
        }
        ExpandError::Malformed => reader.error_with(
            find("${", span, reader),
            "this `${` begins no variable",
            "write ${NAME} or ${NAME:-otherwise}, and $${ for a plain ${",
        ),
    }
}

/// Where in a value a text stands, as far as the value is spelt as it is meant.
fn find(needle: &str, span: Span, reader: &Reader) -> Span {
    let text = reader.text();
    let within = text.text.get(span.start..span.end).unwrap_or_default();
    within.find(needle).map_or(span, |at| Span {
        start: span.start + at,
        end: span.start + at + needle.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let environment = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("EMPTY".to_owned(), String::new())]);
        let check = |text: &str, expect: Result<&str, ExpandError>| {
            let expect = expect.map(str::to_owned).map_err(|error| vec![error]);
            assert_eq!(expand(text, &environment), expect, "{text}");
        };
        check("${A}${A}", Ok("11"));
        check("x-${A}-y", Ok("x-1-y"));
        check("${B:-two}", Ok("two"));
        check("${EMPTY:-two}", Ok("two"));
        check("${EMPTY}", Ok(""));
        check("${B:-}", Ok(""));
        check("$${A} $A", Ok("${A} $A"));
        check("$$${A}", Ok("$${A}"));
        check("${B}", Err(ExpandError::Undefined("B".to_owned())));
        check("${A", Err(ExpandError::Malformed));
        check("${}", Err(ExpandError::Malformed));
        check("${A-b}", Err(ExpandError::Malformed));
        check("${ä}", Err(ExpandError::Malformed));
    }
}
