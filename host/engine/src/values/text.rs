//! Arguments as a person types them, WAVE or JSON, and results in the same form.

use wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Type, Val};

use super::{Signature, Values, json};

/// The notation of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `"a", {x: 1}, some(2)`, with or without parentheses around.
    Wave,
    /// An array of the arguments, an object of them by name, or the only argument itself.
    Json,
}

/// Says why a text is not the arguments of a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{signature}` does not take these arguments\n  as WAVE: {wave}\n  as JSON: {json}")]
pub struct TextError {
    /// The function in WIT.
    pub signature: String,
    /// What is wrong with the text, read as WAVE.
    pub wave: String,
    /// What is wrong with the text, read as JSON.
    pub json: String,
}

impl Values {
    /// Reads the arguments of a function from WAVE or, failing that, JSON.
    ///
    /// # Errors
    ///
    /// [`TextError`] says what is wrong in either notation.
    pub fn parse_params(signature: &Signature, text: &str) -> Result<(Self, TextFormat), TextError> {
        let wave = match wave_params(signature, text) {
            Ok(vals) => return Ok((Self::new(vals), TextFormat::Wave)),
            Err(error) => error,
        };
        match json::params(signature, text) {
            Ok(vals) => Ok((Self::new(vals), TextFormat::Json)),
            Err(json) => Err(TextError {
                signature: signature.to_string(),
                wave,
                json,
            }),
        }
    }

    /// Writes the results of a function for a person. A function without results yields an empty text.
    #[must_use]
    pub fn results_text(&self, format: TextFormat) -> String {
        let write = |val: &Val| match format {
            TextFormat::Wave => val.to_wave().unwrap_or_else(|error| format!("<{error}>")),
            TextFormat::Json => json::text(val),
        };
        self.0.iter().map(write).collect::<Vec<_>>().join(", ")
    }
}

fn wave_params(signature: &Signature, text: &str) -> Result<Vec<Val>, String> {
    let text = text.trim();
    let types: Vec<Type> = signature.param_types().cloned().collect();
    let read = |call: &str| {
        let call = UntypedFuncCall::parse(call).map_err(|error| error.to_string())?;
        call.to_wasm_params(&types).map_err(|error| error.to_string())
    };
    let bare = || read(&format!("call({text})"));
    if !is_parenthesized(text) {
        return bare();
    }
    // `(1, 2)` may also be one argument, a tuple.
    read(&format!("call{text}")).or_else(|problem| bare().map_err(|_| problem))
}

/// Whether one pair of parentheses encloses the whole text: `(1, 2)` but not `(1), (2)`.
fn is_parenthesized(text: &str) -> bool {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(char),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && at + 1 != text.len() {
                    return false;
                }
            }
            (None, _) if depth == 0 => return false,
            (None, _) => {}
        }
    }
    text.starts_with('(') && text.ends_with(')')
}

#[cfg(test)]
mod tests {
    use super::is_parenthesized;

    #[test]
    fn outer_parentheses_are_told_from_inner_ones() {
        let check = |text: &str, expect: bool| assert_eq!(is_parenthesized(text), expect, "{text}");
        check("()", true);
        check("(1, 2)", true);
        check("(1), (2)", false);
        check("some(1)", false);
        check(r#"("a)", (1, 2))"#, true);
        check(r#"("a\")", 1)"#, true);
        check("", false);
        check("1, 2", false);
    }
}
