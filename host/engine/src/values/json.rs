//! Values as JSON, led by the type: a second notation for the command line.
//!
//! Records are objects, variants a case name or `{"case": payload}`, results `{"ok": ...}` or `{"err": ...}`, options `null`
//! or the value itself (`{"some": ...}` when the value may be null too), flags an array of names.

use serde_json::{Map, Number, Value, json};
use wasmtime::component::{Type, Val};

use super::{Signature, wit_text};

pub(super) fn params(signature: &Signature, text: &str) -> Result<Vec<Val>, String> {
    let text = if text.trim().is_empty() { "[]" } else { text };
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let count = signature.params().len();
    let values = match json {
        Value::Array(values) if values.len() == count => values,
        Value::Object(mut named)
            if signature.params().all(|(name, _)| named.contains_key(name)) && named.len() == count =>
        {
            signature.params().filter_map(|(name, _)| named.remove(name)).collect()
        }
        only if count == 1 => vec![only],
        _ => {
            return Err(format!(
                "an array of {count} arguments, or an object of them by name, is expected"
            ));
        }
    };
    signature
        .params()
        .zip(values)
        .map(|((name, ty), value)| from_json(ty, &value).map_err(|error| format!("argument `{name}`: {error}")))
        .collect()
}

pub(super) fn text(val: &Val) -> String {
    to_json(val).to_string()
}

fn from_json(ty: &Type, json: &Value) -> Result<Val, String> {
    let expected = || format!("{} is expected, not {json}", wit_text(ty, &[]));
    let signed = || json.as_i64().ok_or_else(expected);
    let unsigned = || json.as_u64().ok_or_else(expected);
    let array = || json.as_array().ok_or_else(expected);
    Ok(match ty {
        Type::Bool => Val::Bool(json.as_bool().ok_or_else(expected)?),
        Type::S8 => Val::S8(signed()?.try_into().map_err(|_| expected())?),
        Type::S16 => Val::S16(signed()?.try_into().map_err(|_| expected())?),
        Type::S32 => Val::S32(signed()?.try_into().map_err(|_| expected())?),
        Type::S64 => Val::S64(signed()?),
        Type::U8 => Val::U8(unsigned()?.try_into().map_err(|_| expected())?),
        Type::U16 => Val::U16(unsigned()?.try_into().map_err(|_| expected())?),
        Type::U32 => Val::U32(unsigned()?.try_into().map_err(|_| expected())?),
        Type::U64 => Val::U64(unsigned()?),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to the nearest f32 is what writing one means"
        )]
        Type::Float32 => Val::Float32(float(json).ok_or_else(expected)? as f32),
        Type::Float64 => Val::Float64(float(json).ok_or_else(expected)?),
        Type::Char => {
            let mut chars = json.as_str().ok_or_else(expected)?.chars();
            match (chars.next(), chars.next()) {
                (Some(char), None) => Val::Char(char),
                _ => return Err(expected()),
            }
        }
        Type::String => Val::String(json.as_str().ok_or_else(expected)?.to_owned()),
        Type::List(list) => Val::List(items(&list.ty(), array()?)?),
        Type::FixedLengthList(list) => {
            let values = array()?;
            if u32::try_from(values.len()) != Ok(list.len()) {
                return Err(expected());
            }
            Val::FixedLengthList(items(&list.ty(), values)?)
        }
        Type::Map(map) => {
            let pairs = array()?.iter().map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => Ok((from_json(&map.key(), key)?, from_json(&map.value(), value)?)),
                _ => Err("a map is an array of pairs".to_owned()),
            });
            Val::Map(pairs.collect::<Result<_, _>>()?)
        }
        Type::Tuple(tuple) => {
            let values = array()?;
            if values.len() != tuple.types().len() {
                return Err(expected());
            }
            Val::Tuple(
                tuple
                    .types()
                    .zip(values)
                    .map(|(ty, value)| from_json(&ty, value))
                    .collect::<Result<_, _>>()?,
            )
        }
        Type::Record(record) => {
            let object = json.as_object().ok_or_else(expected)?;
            if let Some(unknown) = object
                .keys()
                .find(|name| !record.fields().any(|field| field.name == name.as_str()))
            {
                return Err(format!("the record has no field `{unknown}`"));
            }
            let fields = record.fields().map(|field| {
                let value = match (object.get(field.name), &field.ty) {
                    (Some(value), ty) => from_json(ty, value).map_err(|error| format!("`{}`: {error}", field.name))?,
                    (None, Type::Option(_)) => Val::Option(None),
                    (None, _) => return Err(format!("field `{}` is missing", field.name)),
                };
                Ok((field.name.to_owned(), value))
            });
            Val::Record(fields.collect::<Result<_, String>>()?)
        }
        Type::Variant(variant) => {
            let (name, payload) = case(json).ok_or_else(expected)?;
            let known = variant.cases().find(|case| case.name == name).ok_or_else(expected)?;
            Val::Variant(
                name.to_owned(),
                checked_payload(known.ty.as_ref(), payload).map_err(|_| expected())?,
            )
        }
        Type::Enum(names) => {
            let name = json
                .as_str()
                .filter(|name| names.names().any(|known| known == *name))
                .ok_or_else(expected)?;
            Val::Enum(name.to_owned())
        }
        Type::Option(option) => Val::Option(match (json, option.ty()) {
            (Value::Null, _) => None,
            (Value::Object(object), ty @ Type::Option(_)) if object.len() == 1 => {
                Some(Box::new(from_json(&ty, object.get("some").ok_or_else(expected)?)?))
            }
            (value, ty) => Some(Box::new(from_json(&ty, value)?)),
        }),
        Type::Result(result) => match case(json).ok_or_else(expected)? {
            ("ok", payload) => Val::Result(Ok(checked_payload(result.ok().as_ref(), payload)?)),
            ("err", payload) => Val::Result(Err(checked_payload(result.err().as_ref(), payload)?)),
            _ => return Err(expected()),
        },
        Type::Flags(flags) => {
            let names = array()?.iter().map(|name| {
                let name = name.as_str().filter(|name| flags.names().any(|known| known == *name));
                name.map(str::to_owned).ok_or_else(expected)
            });
            Val::Flags(names.collect::<Result<_, _>>()?)
        }
        Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
            return Err("a handle cannot be written down".to_owned());
        }
    })
}

fn items(ty: &Type, values: &[Value]) -> Result<Vec<Val>, String> {
    values.iter().map(|value| from_json(ty, value)).collect()
}

/// `"name"` or `{"name": payload}`.
fn case(json: &Value) -> Option<(&str, Option<&Value>)> {
    match json {
        Value::String(name) => Some((name, None)),
        Value::Object(object) if object.len() == 1 => {
            object.iter().next().map(|(name, value)| (name.as_str(), Some(value)))
        }
        _ => None,
    }
}

fn checked_payload(ty: Option<&Type>, payload: Option<&Value>) -> Result<Option<Box<Val>>, String> {
    match (ty, payload) {
        (None, None | Some(Value::Null)) => Ok(None),
        (Some(ty), Some(value)) => Ok(Some(Box::new(from_json(ty, value)?))),
        (Some(ty), None) => Err(format!("a payload is missing: {}", wit_text(ty, &[]))),
        (None, Some(_)) => Err("the case has no payload".to_owned()),
    }
}

fn float(json: &Value) -> Option<f64> {
    match json.as_str() {
        Some("nan") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    }
}

fn to_json(val: &Val) -> Value {
    match val {
        Val::Bool(v) => json!(v),
        Val::S8(v) => json!(v),
        Val::U8(v) => json!(v),
        Val::S16(v) => json!(v),
        Val::U16(v) => json!(v),
        Val::S32(v) => json!(v),
        Val::U32(v) => json!(v),
        Val::S64(v) => json!(v),
        Val::U64(v) => json!(v),
        Val::Float32(v) => number(f64::from(*v)),
        Val::Float64(v) => number(*v),
        Val::Char(v) => json!(v),
        Val::String(v) | Val::Enum(v) => json!(v),
        Val::List(items) | Val::FixedLengthList(items) | Val::Tuple(items) => items.iter().map(to_json).collect(),
        Val::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| json!([to_json(key), to_json(value)]))
            .collect(),
        Val::Record(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect(),
        ),
        Val::Variant(case, None) => json!(case),
        Val::Variant(case, Some(payload)) => named(case, to_json(payload)),
        Val::Option(None) => Value::Null,
        Val::Option(Some(inner)) if matches!(**inner, Val::Option(_)) => named("some", to_json(inner)),
        Val::Option(Some(inner)) => to_json(inner),
        Val::Result(Ok(payload)) => named("ok", payload.as_deref().map_or(Value::Null, to_json)),
        Val::Result(Err(payload)) => named("err", payload.as_deref().map_or(Value::Null, to_json)),
        Val::Flags(names) => json!(names),
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => json!("<handle>"),
    }
}

fn named(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// JSON has no infinities; they are written as `float` reads them.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or_else(
        || {
            json!(if value.is_nan() {
                "nan"
            } else if value > 0.0 {
                "inf"
            } else {
                "-inf"
            })
        },
        Value::Number,
    )
}
