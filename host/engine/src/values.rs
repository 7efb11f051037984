//! Arguments and results of a call between components, and their form on the wire.
//!
//! Inside one process they are passed as they are. Between hosts they travel as MessagePack, by the mapping that
//! [`lattice_core::value`] documents; the reader always knows the type, so nothing on the wire repeats it. A `map<k, v>` is a
//! map, a list of fixed length an array.

mod decode;
mod encode;
mod json;
mod signature;
mod text;

use std::borrow::Cow;

use bytes::Bytes;
use wasmtime::component::Val;

pub use self::decode::DecodeError;
pub use self::encode::EncodeError;
use self::signature::wit_text;
pub use self::signature::{Signature, TypeMismatch};
pub(crate) use self::signature::{find_unsupported, wit_structure};
pub use self::text::{TextError, TextFormat};

/// Results of a call, or arguments that were read from the wire. Opaque: only components look inside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<Val>);

impl Values {
    /// Reads the arguments of a function from the wire.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where the bytes differ from the type. No bytes make this panic.
    pub fn decode_params(signature: &Signature, bytes: &[u8]) -> Result<Self, DecodeError> {
        decode::values(signature.param_types(), bytes).map(Self)
    }

    /// Reads the results of a function from the wire.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where the bytes differ from the type. No bytes make this panic.
    pub fn decode_results(signature: &Signature, bytes: &[u8]) -> Result<Self, DecodeError> {
        decode::values(signature.result_types(), bytes).map(Self)
    }

    /// Writes the values for the wire.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when a value cannot leave its process.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        encode::values(&self.0)
    }

    pub(crate) fn new(vals: Vec<Val>) -> Self {
        Self(vals)
    }

    pub(crate) fn into_vals(self) -> Vec<Val> {
        self.0
    }
}

/// Arguments of one call, borrowed from the caller's frame where that is possible, and the type they have there.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    vals: Cow<'a, [Val]>,
    signature: Signature,
}

impl<'a> Args<'a> {
    /// Puts arguments that were read with [`Values::decode_params`] and their type together.
    #[must_use]
    pub fn new(values: Values, signature: Signature) -> Self {
        Self {
            vals: Cow::Owned(values.0),
            signature,
        }
    }

    pub(crate) fn borrowed(vals: &'a [Val], signature: Signature) -> Self {
        Self {
            vals: Cow::Borrowed(vals),
            signature,
        }
    }

    /// The function's type as the caller imports it. Read its results from the wire with this one.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Writes the arguments for the wire.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when a value cannot leave its process.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        encode::values(&self.vals)
    }

    /// Returns the same arguments, free of the caller's frame.
    #[must_use]
    pub fn into_owned(self) -> Args<'static> {
        Args {
            vals: Cow::Owned(self.vals.into_owned()),
            signature: self.signature,
        }
    }

    pub(crate) fn vals(&self) -> &[Val] {
        &self.vals
    }

    pub(crate) fn into_vals(self) -> Vec<Val> {
        self.vals.into_owned()
    }
}
