//! Bytes that travel as MessagePack `bin` instead of as a list of numbers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes inside a list or tuple of a wire type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blob(#[serde(with = "as_bytes")] pub Bytes);

/// For `#[serde(with)]` on a field of [`Bytes`].
pub mod as_bytes {
    use std::fmt;

    use bytes::Bytes;
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    /// Writes bytes as bytes.
    ///
    /// # Errors
    ///
    /// What the serializer returns.
    pub fn serialize<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(value)
    }

    /// Reads bytes, or the list of numbers that formats without a byte type have instead.
    ///
    /// # Errors
    ///
    /// What the deserializer returns.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        struct BytesVisitor;

        impl<'de> Visitor<'de> for BytesVisitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::copy_from_slice(value))
            }

            fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes::from(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element::<u8>()? {
                    bytes.push(byte);
                }
                Ok(Bytes::from(bytes))
            }
        }

        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

/// For `#[serde(with)]` on a field of `Option<Bytes>`.
pub mod as_optional_bytes {
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Blob;

    /// Writes bytes, or nil.
    ///
    /// # Errors
    ///
    /// What the serializer returns.
    pub fn serialize<S: Serializer>(value: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        value.clone().map(Blob).serialize(serializer)
    }

    /// Reads bytes, or nil.
    ///
    /// # Errors
    ///
    /// What the deserializer returns.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<Blob>::deserialize(deserializer)?.map(|blob| blob.0))
    }
}
