//! The outer form of a token: `header.payload.signature` in base64url without padding.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;

use super::unverified::TokenError;

/// The longest token that is made or read.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// `{"typ":"JWT","alg":"ed25519-nkey"}`, encoded. A token with any other header, however similar, is refused: there is no
/// algorithm to negotiate.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ";

/// A token taken apart.
pub(super) struct Parts<'a> {
    /// What the signature covers: header and payload as they arrived.
    pub(super) signed: &'a str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: [u8; 64],
}

/// Takes a token apart; checks size, header and encodings, but no signature.
pub(super) fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLarge { bytes: token.len() });
    }
    let malformed = |what: &str| TokenError::Malformed(what.to_owned());
    let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("it has no signature"))?;
    let (header, payload) = signed
        .split_once('.')
        .ok_or_else(|| malformed("it does not have three parts"))?;
    if header != HEADER {
        return Err(malformed(
            "its header is not {\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}",
        ));
    }
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let payload = decode(payload).ok_or_else(|| malformed("its claims are not base64url"))?;
    let signature = decode(signature).and_then(|bytes| bytes.try_into().ok());
    let signature = signature.ok_or_else(|| malformed("its signature is not 64 bytes of base64url"))?;
    Ok(Parts {
        signed,
        payload,
        signature,
    })
}

/// Signs a payload. `None` when the key has no seed.
pub(super) fn join(key: &KeyPair, payload: &[u8]) -> Option<String> {
    let mut token = format!("{HEADER}.{}", BASE64URL_NOPAD.encode(payload));
    let signature = key.sign(token.as_bytes()).ok()?;
    token.push('.');
    token.push_str(&BASE64URL_NOPAD.encode(&signature));
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_the_one_of_nats() {
        let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
        assert_eq!(header, HEADER);
    }
}
