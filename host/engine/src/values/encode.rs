//! Values to MessagePack.

use bytes::Bytes;
use lattice_core::value::{ERR, OK};
use rmp::encode as mp;
use wasmtime::component::Val;

/// Says why a value cannot leave its process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Handles mean something in one store only.
    #[error("a {0} cannot be sent to another host")]
    Handle(&'static str),
    /// MessagePack counts in 32 bits.
    #[error("a value has more than {} elements or bytes", u32::MAX)]
    TooLong,
}

pub(super) fn values(vals: &[Val]) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(64);
    array(&mut out, vals)?;
    Ok(out.into())
}

fn value(out: &mut Vec<u8>, val: &Val) -> Result<(), EncodeError> {
    match val {
        Val::Bool(v) => ok(mp::write_bool(out, *v)),
        Val::S8(v) => ok(mp::write_sint(out, i64::from(*v)).map(drop)),
        Val::S16(v) => ok(mp::write_sint(out, i64::from(*v)).map(drop)),
        Val::S32(v) => ok(mp::write_sint(out, i64::from(*v)).map(drop)),
        Val::S64(v) => ok(mp::write_sint(out, *v).map(drop)),
        Val::U8(v) => ok(mp::write_uint(out, u64::from(*v)).map(drop)),
        Val::U16(v) => ok(mp::write_uint(out, u64::from(*v)).map(drop)),
        Val::U32(v) => ok(mp::write_uint(out, u64::from(*v)).map(drop)),
        Val::U64(v) => ok(mp::write_uint(out, *v).map(drop)),
        // Of all NaNs there is one on the wire.
        Val::Float32(v) => ok(mp::write_f32(out, if v.is_nan() { f32::NAN } else { *v })),
        Val::Float64(v) => ok(mp::write_f64(out, if v.is_nan() { f64::NAN } else { *v })),
        Val::Char(v) => text(out, v.encode_utf8(&mut [0; 4])),
        Val::String(v) => text(out, v),
        Val::List(items) => list(out, items),
        Val::FixedLengthList(items) | Val::Tuple(items) => array(out, items),
        Val::Map(pairs) => {
            ok(mp::write_map_len(out, length(pairs.len())?).map(drop))?;
            pairs
                .iter()
                .try_for_each(|(key, item)| value(out, key).and_then(|()| value(out, item)))
        }
        Val::Record(fields) => {
            ok(mp::write_map_len(out, length(fields.len())?).map(drop))?;
            fields
                .iter()
                .try_for_each(|(name, field)| text(out, name).and_then(|()| value(out, field)))
        }
        Val::Variant(case, payload) => tagged(out, case, payload.as_deref()),
        Val::Enum(case) => text(out, case),
        Val::Option(None) => ok(mp::write_nil(out)),
        Val::Option(Some(inner)) => array(out, std::slice::from_ref(&**inner)),
        Val::Result(Ok(payload)) => tagged(out, OK, payload.as_deref()),
        Val::Result(Err(payload)) => tagged(out, ERR, payload.as_deref()),
        Val::Flags(names) => {
            ok(mp::write_array_len(out, length(names.len())?).map(drop))?;
            names.iter().try_for_each(|name| text(out, name))
        }
        Val::Resource(_) => Err(EncodeError::Handle("resource")),
        Val::Future(_) => Err(EncodeError::Handle("future")),
        Val::Stream(_) => Err(EncodeError::Handle("stream")),
        Val::ErrorContext(_) => Err(EncodeError::Handle("error-context")),
    }
}

/// A list of bytes is written as bytes. An empty list of anything is written as an empty array, which every reader takes.
fn list(out: &mut Vec<u8>, items: &[Val]) -> Result<(), EncodeError> {
    if !matches!(items.first(), Some(Val::U8(_))) {
        return array(out, items);
    }
    ok(mp::write_bin_len(out, length(items.len())?).map(drop))?;
    out.extend(
        items
            .iter()
            .map(|item| if let Val::U8(byte) = item { *byte } else { 0 }),
    );
    Ok(())
}

fn array(out: &mut Vec<u8>, items: &[Val]) -> Result<(), EncodeError> {
    ok(mp::write_array_len(out, length(items.len())?).map(drop))?;
    items.iter().try_for_each(|item| value(out, item))
}

fn tagged(out: &mut Vec<u8>, tag: &str, payload: Option<&Val>) -> Result<(), EncodeError> {
    ok(mp::write_array_len(out, 1 + u32::from(payload.is_some())).map(drop))?;
    text(out, tag)?;
    payload.map_or(Ok(()), |payload| value(out, payload))
}

fn text(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    length(text.len())?;
    ok(mp::write_str(out, text))
}

fn length(len: usize) -> Result<u32, EncodeError> {
    len.try_into().map_err(|_| EncodeError::TooLong)
}

/// Writing into memory does not fail.
fn ok<E>(written: Result<(), E>) -> Result<(), EncodeError> {
    written.map_err(|_| EncodeError::TooLong)
}
