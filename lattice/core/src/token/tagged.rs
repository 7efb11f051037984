//! The `lattice` object of a token: `{"v":1,"type":"link", …the body's own fields}`.
//!
//! Bodies are plain structs that refuse unknown fields, since a restriction that is not understood must not be ignored. So the
//! two common fields are taken out of the map before the body sees it.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::claims::Body;

/// The version of every body we make.
pub(super) const VERSION: u64 = 1;

pub(super) fn serialize<B: Body, S: Serializer>(body: &B, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Tagged<'a, B> {
        v: u64,
        r#type: &'static str,
        #[serde(flatten)]
        body: &'a B,
    }
    Tagged {
        v: VERSION,
        r#type: B::KIND,
        body,
    }
    .serialize(serializer)
}

pub(super) fn deserialize<'de, B: Body, D: Deserializer<'de>>(deserializer: D) -> Result<B, D::Error> {
    deserializer.deserialize_map(TaggedVisitor(PhantomData))
}

struct TaggedVisitor<B>(PhantomData<B>);

impl<'de, B: Body> Visitor<'de> for TaggedVisitor<B> {
    type Value = B;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the claims of a `{}` token", B::KIND)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<B, A::Error> {
        let (version, kind) = (Cell::new(None), Cell::new(None));
        let body = B::deserialize(MapAccessDeserializer::new(Untagged {
            map,
            version: &version,
            kind: &kind,
        }))?;
        match (version.take(), kind.take()) {
            (Some(VERSION), Some(kind)) if kind == B::KIND => Ok(body),
            (Some(VERSION), Some(kind)) => Err(A::Error::custom(format!("type `{kind}` where `{}` belongs", B::KIND))),
            (Some(version), _) => Err(A::Error::custom(format!("version {version} where {VERSION} belongs"))),
            (None, _) => Err(A::Error::missing_field("v")),
        }
    }
}

/// A map that keeps `v` and `type` for itself and passes everything else on.
struct Untagged<'a, A> {
    map: A,
    version: &'a Cell<Option<u64>>,
    kind: &'a Cell<Option<String>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Untagged<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match key.as_str() {
                "v" if self.version.replace(Some(self.map.next_value()?)).is_some() => {
                    return Err(A::Error::duplicate_field("v"));
                }
                "type" if self.kind.replace(Some(self.map.next_value()?)).is_some() => {
                    return Err(A::Error::duplicate_field("type"));
                }
                "v" | "type" => {}
                _ => return seed.deserialize(key.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads only the two common fields.
#[derive(Deserialize)]
pub(super) struct Tag {
    pub(super) v: u64,
    pub(super) r#type: String,
}
