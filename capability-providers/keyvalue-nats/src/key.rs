//! Carries any key in the alphabet of NATS.
//!
//! A NATS key has letters, digits, `-`, `_`, `/` and `=`, and dots between them. A key of those without a `=` stays as it is. Every
//! other byte becomes `=` and its two hexadecimal digits, as does a dot that would stand at an end or beside another, and the
//! empty key is a lone `=`:
//!
//! | key | in NATS |
//! |---|---|
//! | `users/7.name` | `users/7.name` |
//! | `a b` | `a=20b` |
//! | `a=b` | `a=3Db` |
//! | `a..b` | `a.=2Eb` |
//! | `é` | `=C3=A9` |
//! | (empty) | `=` |

/// Longest key in its NATS form. A server reads a subject, with what stands around it, into a line of 4096 bytes.
pub const LEN_MAX: usize = 3072;

const EMPTY: &str = "=";
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Returns the NATS form of a key.
#[must_use]
pub fn encode(key: &str) -> String {
    if key.is_empty() {
        return EMPTY.to_owned();
    }
    let bytes = key.as_bytes();
    let mut encoded = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let is_plain = match byte {
            b'.' => at > 0 && at + 1 < bytes.len() && bytes[at - 1] != b'.',
            b'-' | b'_' | b'/' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push('=');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
    encoded
}

/// Returns the key of a NATS form; `None` when [`encode`] makes no such form, which another program must have written.
#[must_use]
pub fn decode(encoded: &str) -> Option<String> {
    if encoded == EMPTY {
        return Some(String::new());
    }
    let mut key = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        key.push(if byte == b'=' {
            (digit(rest.next()?)? << 4) | digit(rest.next()?)?
        } else {
            byte
        });
    }
    let key = String::from_utf8(key).ok()?;
    // Only the one form that `encode` makes leads back to the same place.
    (encode(&key) == encoded).then_some(key)
}

fn digit(byte: u8) -> Option<u8> {
    HEX.iter()
        .position(|digit| *digit == byte)
        .and_then(|at| u8::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_keys_stay_as_they_are() {
        for key in ["a", "users/7.name", "A-1_b", "a.b.c"] {
            assert_eq!(encode(key), key);
        }
    }

    #[test]
    fn others_are_written_out() {
        for (key, encoded) in [
            ("", "="),
            ("=", "=3D"),
            ("a b", "a=20b"),
            (".", "=2E"),
            ("..", "=2E=2E"),
            ("a..b", "a.=2Eb"),
            (".a.", "=2Ea=2E"),
            ("é", "=C3=A9"),
        ] {
            assert_eq!(encode(key), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(key));
        }
    }

    #[test]
    fn what_others_wrote_is_no_key_of_ours() {
        for encoded in ["a=", "a=2", "a=zz", "a=3d", "=61", "=FF", "=="] {
            assert_eq!(decode(encoded), None, "{encoded}");
        }
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in ".{0,40}|[a.=]{0,12}") {
            let encoded = encode(&key);
            prop_assert_eq!(decode(&encoded), Some(key));
            prop_assert!(!encoded.is_empty() && encoded.split('.').all(|token| !token.is_empty()));
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/=.".contains(&byte)));
        }

        #[test]
        fn decoding_never_panics_and_has_one_form(encoded in ".{0,40}|[a.=23DE]{0,12}") {
            if let Some(key) = decode(&encoded) {
                prop_assert_eq!(encode(&key), encoded);
            }
        }
    }
}
