//! How key-value calls travel over the lattice: MessagePack with named fields.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{CasHandle, KeyPage, KvError, SwapError};
use crate::blob::Blob;

/// The arguments of one key-value call.
///
/// The link and the receiver's checks go by the interface and function *named* on the call, so a receiver must refuse a
/// request whose [`operation`](Self::operation) is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "one variant per method of `KeyValue`, with its arguments")]
pub enum KvRequest {
    Open {
        bucket: String,
    },
    Get {
        bucket: String,
        key: String,
    },
    Set {
        bucket: String,
        key: String,
        #[serde(with = "crate::blob::as_bytes")]
        value: Bytes,
    },
    Delete {
        bucket: String,
        key: String,
    },
    Exists {
        bucket: String,
        key: String,
    },
    ListKeys {
        bucket: String,
        cursor: Option<u64>,
    },
    Increment {
        bucket: String,
        key: String,
        delta: i64,
    },
    Compare {
        bucket: String,
        key: String,
    },
    Swap {
        bucket: String,
        key: String,
        expected: CasHandle,
        #[serde(with = "crate::blob::as_bytes")]
        value: Bytes,
    },
    GetMany {
        bucket: String,
        keys: Vec<String>,
    },
    SetMany {
        bucket: String,
        entries: Vec<(String, Blob)>,
    },
    DeleteMany {
        bucket: String,
        keys: Vec<String>,
    },
}

impl KvRequest {
    /// Returns the interface (of package `wasi:keyvalue`) and the function, as WIT spells it, that this request calls.
    #[must_use]
    pub fn operation(&self) -> (&'static str, &'static str) {
        match self {
            Self::Open { .. } => ("store", "open"),
            Self::Get { .. } => ("store", "[method]bucket.get"),
            Self::Set { .. } => ("store", "[method]bucket.set"),
            Self::Delete { .. } => ("store", "[method]bucket.delete"),
            Self::Exists { .. } => ("store", "[method]bucket.exists"),
            Self::ListKeys { .. } => ("store", "[method]bucket.list-keys"),
            Self::Increment { .. } => ("atomics", "increment"),
            Self::Compare { .. } => ("atomics", "[static]cas.new"),
            Self::Swap { .. } => ("atomics", "swap"),
            Self::GetMany { .. } => ("batch", "get-many"),
            Self::SetMany { .. } => ("batch", "set-many"),
            Self::DeleteMany { .. } => ("batch", "delete-many"),
        }
    }
}

/// The result of one key-value call that the store carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "one variant per kind of result")]
pub enum KvReply {
    Done,
    Value(#[serde(with = "crate::blob::as_optional_bytes")] Option<Bytes>),
    Values(Vec<Option<Blob>>),
    Exists(bool),
    Keys(KeyPage),
    Number(i64),
    Handle(CasHandle),
    Failed(KvError),
    Swap(SwapError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_travel_as_binary() {
        let request = KvRequest::Set {
            bucket: "b".into(),
            key: "k".into(),
            value: Bytes::from(vec![0xff; 300]),
        };
        let bytes = rmp_serde::to_vec_named(&request).expect("encodes");
        assert!(bytes.len() < 350, "300 bytes took {}", bytes.len());
        assert_eq!(rmp_serde::from_slice::<KvRequest>(&bytes).expect("decodes"), request);
    }

    #[test]
    fn absent_and_empty_values_differ() {
        for value in [None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))] {
            let bytes = rmp_serde::to_vec_named(&KvReply::Value(value.clone())).expect("encodes");
            assert_eq!(
                rmp_serde::from_slice::<KvReply>(&bytes).expect("decodes"),
                KvReply::Value(value.clone())
            );
            let handle = KvReply::Swap(SwapError::Changed(CasHandle {
                value: value.clone(),
                version: 7,
            }));
            let bytes = rmp_serde::to_vec_named(&handle).expect("encodes");
            assert_eq!(rmp_serde::from_slice::<KvReply>(&bytes).expect("decodes"), handle);
        }
    }
}
