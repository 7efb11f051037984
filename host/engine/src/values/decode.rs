//! MessagePack to values, led by the type.
//!
//! The bytes come from another host, so nothing in them is believed: the depth of the recursion is that of the type and
//! bounded, an announced length is checked against what is left to read before anything is reserved for it, and the number of values
//! is bounded, since one byte on the wire may become a value of 32.

use lattice_core::value::{DEPTH_MAX, ERR, OK};
use rmp::Marker;
use rmp::decode as mp;
use wasmtime::component::{Type, Val};

/// The most values that one message may hold: 512 MiB of them, or a list of 16 MiB of bytes.
pub(super) const VALUES_MAX: usize = 16 << 20;

/// Says where bytes from the wire differ from the type of the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct DecodeError {
    /// Where: `argument 2.items[3]`.
    pub path: String,
    /// What.
    pub problem: String,
}

pub(super) fn values<'a>(
    types: impl ExactSizeIterator<Item = &'a Type>,
    bytes: &[u8],
) -> Result<Vec<Val>, DecodeError> {
    let mut reader = Reader {
        rest: bytes,
        values_left: VALUES_MAX,
        depth_left: DEPTH_MAX,
    };
    let count = reader.array_len()?;
    if count != types.len() {
        return Err(problem(format!("{} values are expected, {count} came", types.len())));
    }
    let vals = types
        .enumerate()
        .map(|(at, ty)| {
            reader
                .value(ty)
                .map_err(|error| error.within(&format!("value {}", at + 1)))
        })
        .collect::<Result<_, _>>()?;
    if !reader.rest.is_empty() {
        return Err(problem(format!("{} bytes follow the last value", reader.rest.len())));
    }
    Ok(vals)
}

impl DecodeError {
    fn within(mut self, outer: &str) -> Self {
        self.path.insert_str(0, outer);
        self
    }
}

fn problem(problem: impl Into<String>) -> DecodeError {
    DecodeError {
        path: String::new(),
        problem: problem.into(),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
    depth_left: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Val, DecodeError> {
        self.spend(1)?;
        self.depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or_else(|| problem(format!("values nest deeper than {DEPTH_MAX}")))?;
        let value = self.value_here(ty);
        self.depth_left += 1;
        value
    }

    fn value_here(&mut self, ty: &Type) -> Result<Val, DecodeError> {
        Ok(match ty {
            Type::Bool => Val::Bool(mp::read_bool(&mut self.rest).map_err(|_| problem("a bool is expected"))?),
            Type::S8 => Val::S8(self.int("s8")?),
            Type::U8 => Val::U8(self.int("u8")?),
            Type::S16 => Val::S16(self.int("s16")?),
            Type::U16 => Val::U16(self.int("u16")?),
            Type::S32 => Val::S32(self.int("s32")?),
            Type::U32 => Val::U32(self.int("u32")?),
            Type::S64 => Val::S64(self.int("s64")?),
            Type::U64 => Val::U64(self.int("u64")?),
            Type::Float32 => Val::Float32(mp::read_f32(&mut self.rest).map_err(|_| problem("an f32 is expected"))?),
            Type::Float64 => Val::Float64(self.f64()?),
            Type::Char => Val::Char(self.char()?),
            Type::String => Val::String(self.text()?.to_owned()),
            Type::List(list) => Val::List(self.list(&list.ty())?),
            Type::FixedLengthList(list) => {
                let len = self.array_len()?;
                if u32::try_from(len) != Ok(list.len()) {
                    return Err(problem(format!(
                        "a list of {} is expected, one of {len} came",
                        list.len()
                    )));
                }
                Val::FixedLengthList(self.items(&list.ty(), len)?)
            }
            Type::Map(map) => Val::Map(self.map(&map.key(), &map.value())?),
            Type::Record(record) => Val::Record(self.record(record)?),
            Type::Tuple(tuple) => {
                let len = self.array_len()?;
                if len != tuple.types().len() {
                    return Err(problem(format!(
                        "a tuple of {} is expected, one of {len} came",
                        tuple.types().len()
                    )));
                }
                let items = tuple.types().enumerate();
                Val::Tuple(
                    items
                        .map(|(at, ty)| self.value(&ty).map_err(|e| e.within(&format!(".{at}"))))
                        .collect::<Result<_, _>>()?,
                )
            }
            Type::Variant(variant) => {
                let (case, payload) =
                    self.tagged(|case| variant.cases().find(|known| known.name == case).map(|known| known.ty))?;
                Val::Variant(case, payload)
            }
            Type::Enum(cases) => {
                let case = self.text()?;
                if !cases.names().any(|known| known == case) {
                    return Err(problem(format!("the enum has no case `{}`", shown(case))));
                }
                Val::Enum(case.to_owned())
            }
            Type::Option(option) => Val::Option(self.option(&option.ty())?),
            Type::Result(result) => {
                let (case, payload) = self.tagged(|case| match case {
                    OK => Some(result.ok()),
                    ERR => Some(result.err()),
                    _ => None,
                })?;
                Val::Result(if case == OK { Ok(payload) } else { Err(payload) })
            }
            Type::Flags(flags) => {
                let len = self.array_len()?;
                self.spend(len)?;
                let mut names = Vec::new();
                for _ in 0..len {
                    let name = self.text()?;
                    if !flags.names().any(|known| known == name) {
                        return Err(problem(format!("there is no flag `{}`", shown(name))));
                    }
                    if names.iter().any(|known| known == name) {
                        return Err(problem(format!("flag `{name}` is set twice")));
                    }
                    names.push(name.to_owned());
                }
                Val::Flags(names)
            }
            Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
                return Err(problem("a handle cannot come from another host"));
            }
        })
    }

    fn spend(&mut self, values: usize) -> Result<(), DecodeError> {
        self.values_left = self
            .values_left
            .checked_sub(values)
            .ok_or_else(|| problem(format!("more than {VALUES_MAX} values")))?;
        Ok(())
    }

    fn int<T: TryFrom<i64> + TryFrom<u64>>(&mut self, name: &str) -> Result<T, DecodeError> {
        let expected = || problem(format!("a {name} is expected"));
        // The two readers differ in the half of the 64-bit numbers that the other one cannot hold.
        let mut signed = self.rest;
        if let Ok(value) = mp::read_int::<i64, _>(&mut signed) {
            self.rest = signed;
            return T::try_from(value).map_err(|_| expected());
        }
        let value = mp::read_int::<u64, _>(&mut self.rest).map_err(|_| expected())?;
        T::try_from(value).map_err(|_| expected())
    }

    fn f64(&mut self) -> Result<f64, DecodeError> {
        match self.peek() {
            Some(Marker::F32) => mp::read_f32(&mut self.rest)
                .map(f64::from)
                .map_err(|_| problem("an f64 is expected")),
            _ => mp::read_f64(&mut self.rest).map_err(|_| problem("an f64 is expected")),
        }
    }

    fn char(&mut self) -> Result<char, DecodeError> {
        let mut chars = self.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(char),
            _ => Err(problem("a single character is expected")),
        }
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = mp::read_str_len(&mut self.rest).map_err(|_| problem("a string is expected"))?;
        std::str::from_utf8(self.take(len)?).map_err(|_| problem("the string is not UTF-8"))
    }

    fn take(&mut self, len: u32) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len))
            .ok_or_else(|| problem("the bytes end in the middle of a value"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn list(&mut self, element: &Type) -> Result<Vec<Val>, DecodeError> {
        if *element == Type::U8 && matches!(self.peek(), Some(Marker::Bin8 | Marker::Bin16 | Marker::Bin32)) {
            let len = mp::read_bin_len(&mut self.rest).map_err(|_| problem("a list of bytes is expected"))?;
            let bytes = self.take(len)?;
            self.spend(bytes.len())?;
            return Ok(bytes.iter().map(|byte| Val::U8(*byte)).collect());
        }
        let len = self.array_len()?;
        self.items(element, len)
    }

    fn items(&mut self, element: &Type, len: usize) -> Result<Vec<Val>, DecodeError> {
        let mut items = Vec::with_capacity(len.min(self.values_left));
        for at in 0..len {
            items.push(self.value(element).map_err(|error| error.within(&format!("[{at}]")))?);
        }
        Ok(items)
    }

    fn map(&mut self, key: &Type, value: &Type) -> Result<Vec<(Val, Val)>, DecodeError> {
        let len = self.map_len()?;
        (0..len).map(|_| Ok((self.value(key)?, self.value(value)?))).collect()
    }

    fn record(&mut self, record: &wasmtime::component::types::Record) -> Result<Vec<(String, Val)>, DecodeError> {
        let len = self.map_len()?;
        let count = record.fields().len();
        if len != count {
            return Err(problem(format!(
                "a record of {count} fields is expected, one of {len} came"
            )));
        }
        // Any order is taken; the values go to the component in the order of the type.
        let mut found: Vec<Option<Val>> = vec![None; count];
        for _ in 0..len {
            let name = self.text()?;
            let (at, field) = record
                .fields()
                .enumerate()
                .find(|(_, field)| field.name == name)
                .ok_or_else(|| problem(format!("the record has no field `{}`", shown(name))))?;
            found[at] = Some(
                self.value(&field.ty)
                    .map_err(|error| error.within(&format!(".{name}")))?,
            );
        }
        record
            .fields()
            .zip(found)
            .map(|(field, value)| {
                let value = value.ok_or_else(|| problem(format!("field `{}` is missing", field.name)))?;
                Ok((field.name.to_owned(), value))
            })
            .collect()
    }

    fn option(&mut self, inner: &Type) -> Result<Option<Box<Val>>, DecodeError> {
        if self.peek() == Some(Marker::Null) {
            self.rest = &self.rest[1..];
            return Ok(None);
        }
        match self.array_len()? {
            1 => self.value(inner).map(|value| Some(Box::new(value))),
            len => Err(problem(format!(
                "an option is nil or an array of one value, not of {len}"
            ))),
        }
    }

    /// Reads an array of a name and perhaps a payload. `case` says whether the name is known and what payload it has.
    fn tagged(
        &mut self,
        case: impl FnOnce(&str) -> Option<Option<Type>>,
    ) -> Result<(String, Option<Box<Val>>), DecodeError> {
        let len = self.array_len()?;
        if !(1..=2).contains(&len) {
            return Err(problem(format!(
                "an array of a case and its payload is expected, one of {len} came"
            )));
        }
        let name = self.text()?;
        let payload = case(name).ok_or_else(|| problem(format!("there is no case `{}`", shown(name))))?;
        let payload = match (payload, len) {
            (Some(ty), 2) => Some(Box::new(
                self.value(&ty).map_err(|error| error.within(&format!(".{name}")))?,
            )),
            (None, 1) => None,
            (Some(_), _) => return Err(problem(format!("case `{name}` needs a payload"))),
            (None, _) => return Err(problem(format!("case `{name}` has no payload"))),
        };
        Ok((name.to_owned(), payload))
    }

    fn array_len(&mut self) -> Result<usize, DecodeError> {
        let len = mp::read_array_len(&mut self.rest).map_err(|_| problem("an array is expected"))?;
        self.fits(len)
    }

    fn map_len(&mut self) -> Result<usize, DecodeError> {
        let len = mp::read_map_len(&mut self.rest).map_err(|_| problem("a map is expected"))?;
        self.fits(len)
    }

    /// Every element is at least one byte.
    fn fits(&self, len: u32) -> Result<usize, DecodeError> {
        usize::try_from(len)
            .ok()
            .filter(|len| *len <= self.rest.len())
            .ok_or_else(|| problem("the bytes end in the middle of a value"))
    }

    fn peek(&self) -> Option<Marker> {
        self.rest.first().map(|byte| Marker::from_u8(*byte))
    }
}

/// As much of a peer's text as belongs into a message.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
