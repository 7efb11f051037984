//! Texts, numbers, true and false.

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// As it is spelt, quotes and escapes taken away.
    pub(crate) text: String,
    /// Whether it stands without quotes, and so may be a number.
    pub(crate) plain: bool,
    /// Whether a variable was put into it. Then it may be a number in quotes, which JSON cannot do without, and a text that looks
    /// like one.
    pub(crate) substituted: bool,
}

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Null,
    Bool,
    Number,
    Text,
}

impl Scalar {
    /// What it is by the rules of YAML 1.2.
    pub(crate) fn kind(&self) -> ScalarKind {
        match self.text.as_str() {
            _ if !self.plain => ScalarKind::Text,
            "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Bool,
            text if is_number(text) => ScalarKind::Number,
            _ => ScalarKind::Text,
        }
    }

    /// Whether it may be read as a text without loss: it is one, or a variable was put in.
    pub(crate) fn is_text(&self) -> bool {
        self.substituted || self.kind() == ScalarKind::Text
    }

    pub(crate) fn describe(&self) -> String {
        let mut shown: String = self
            .text
            .chars()
            .take(40)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if shown.len() < self.text.len() {
            shown.push('…');
        }
        match self.kind() {
            ScalarKind::Null => "nothing".to_owned(),
            ScalarKind::Bool => format!("`{shown}`"),
            ScalarKind::Number => format!("the number `{shown}`"),
            ScalarKind::Text => format!("the text `{shown}`"),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| matches!(b, b'0'..=b'7'));
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (digits(whole) && (part.is_empty() || digits(part))) || (whole.is_empty() && digits(part))
        }
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_says() {
        let check = |text: &str, expect: ScalarKind| {
            let scalar = Scalar {
                text: text.to_owned(),
                plain: true,
                substituted: false,
            };
            assert_eq!(scalar.kind(), expect, "{text}");
        };
        for number in [
            "0", "-1", "+3", "1.5", "1.", ".5", "1e3", "2E-4", "0x1F", "0o17", ".inf", "-.INF", ".nan",
        ] {
            check(number, ScalarKind::Number);
        }
        for text in [
            "1.2.3", "64MiB", "1:2", "v1", "-", "yes", "e3", ".", "0x", "1e", "0o8", "--1",
        ] {
            check(text, ScalarKind::Text);
        }
        check("true", ScalarKind::Bool);
        check("~", ScalarKind::Null);
    }
}
