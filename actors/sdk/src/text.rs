//! Percent-encoding, as paths and queries have it.

/// Takes the percent-encoding off; none if what comes out is no text. A `%` that stands before no two hexadecimal digits stands for itself.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => break,
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a text so that it is one segment of a path or one value of a query.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(percent_decode(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn decodes_what_is_encoded_and_leaves_the_rest() {
        check("alice", Some("alice"));
        check("a%2Fb%20c", Some("a/b c"));
        check("%c3%A4", Some("ä"));
        check("100%", Some("100%"));
        check("%zz%4", Some("%zz%4"));
        check("%ff", None);
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        for text in ["", "a", "a/b?c=d&e", "%41", "ä ö", "\u{1F600}"] {
            check(&percent_encode(text), Some(text));
        }
    }
}
