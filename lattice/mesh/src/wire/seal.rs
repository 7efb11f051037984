//! The message authentication code of a frame.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Separates our MACs from any other use of the same key.
const DOMAIN: &[u8] = b"lattice-frame-v1";

/// What a MAC covers besides the frame: where the message travels and the trace it belongs to, which NATS carries in headers.
///
/// The reply subject of a call is not covered, since the NATS client chooses it after the frame is sealed. It needs no cover: a reply is
/// bound to its call by session, sequence number and kind, so sending it elsewhere only loses it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sealed<'a> {
    /// The NATS subject the frame is sent to; empty for answers, which go to an inbox that means nothing to us.
    pub subject: &'a str,
    /// W3C trace parent, or empty.
    pub traceparent: &'a str,
    /// W3C trace state, or empty.
    pub tracestate: &'a str,
}

impl<'a> Sealed<'a> {
    /// A frame to `subject`, without a trace.
    pub(crate) fn to(subject: &'a str) -> Self {
        Self {
            subject,
            ..Self::default()
        }
    }
}

/// A 256-bit MAC. Compared in constant time only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mac(pub [u8; 32]);

impl Mac {
    /// Compares without telling by its duration where the difference is.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The secret of one direction of a session.
#[derive(Clone)]
pub(crate) struct MacKey([u8; 32]);

impl MacKey {
    /// Takes a derived key.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Computes the MAC over length-prefixed fields, so that no two different frames have the same input.
    pub(crate) fn mac(
        &self,
        context: Sealed<'_>,
        kind: u8,
        session: [u8; 16],
        seq: u64,
        head: &[u8],
        body: &[u8],
    ) -> Mac {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(DOMAIN);
        hasher.update(&[kind]);
        hasher.update(&session);
        hasher.update(&seq.to_be_bytes());
        for field in [
            context.subject.as_bytes(),
            context.traceparent.as_bytes(),
            context.tracestate.as_bytes(),
            head,
            body,
        ] {
            hasher.update(&(field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        Mac(*hasher.finalize().as_bytes())
    }
}

impl Drop for MacKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
