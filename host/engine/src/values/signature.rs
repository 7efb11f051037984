//! The type of a function, on the side that imports it or on the side that exports it.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// The name and type of a component's function. Cheap to clone.
#[derive(Clone)]
pub struct Signature(Arc<Inner>);

struct Inner {
    name: String,
    params: Vec<(String, Type)>,
    results: Vec<Type>,
    is_async: bool,
}

impl Signature {
    pub(crate) fn new(name: &str, ty: &ComponentFunc) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            params: ty.params().map(|(name, ty)| (name.to_owned(), ty)).collect(),
            results: ty.results().collect(),
            is_async: ty.async_(),
        }))
    }

    /// The name of the function.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Checks that what calls with this type can call a function of type `export`.
    ///
    /// # Errors
    ///
    /// [`TypeMismatch`] names the first difference.
    pub fn check_calls(&self, export: &Self) -> Result<(), TypeMismatch> {
        let mismatch = |difference| TypeMismatch {
            function: self.0.name.clone(),
            difference,
        };
        let (ours, theirs) = (&self.0.params, &export.0.params);
        if ours.len() != theirs.len() {
            return Err(mismatch(format!(
                "the caller passes {} arguments, it takes {}",
                ours.len(),
                theirs.len()
            )));
        }
        for ((name, ours), (_, theirs)) in ours.iter().zip(theirs) {
            difference(ours, theirs).map_or(Ok(()), |at| Err(mismatch(format!("parameter `{name}`{at}"))))?;
        }
        match (self.0.results.first(), export.0.results.first()) {
            (None, None) => Ok(()),
            (Some(ours), Some(theirs)) => {
                difference(ours, theirs).map_or(Ok(()), |at| Err(mismatch(format!("the result{at}"))))
            }
            (Some(_), None) => Err(mismatch("the caller expects a result, it has none".to_owned())),
            (None, Some(_)) => Err(mismatch("the caller expects no result, it has one".to_owned())),
        }
    }

    pub(crate) fn params(&self) -> impl ExactSizeIterator<Item = (&str, &Type)> {
        self.0.params.iter().map(|(name, ty)| (name.as_str(), ty))
    }

    pub(crate) fn param_types(&self) -> impl ExactSizeIterator<Item = &Type> {
        self.0.params.iter().map(|(_, ty)| ty)
    }

    pub(crate) fn result_types(&self) -> impl ExactSizeIterator<Item = &Type> {
        self.0.results.iter()
    }

    pub(crate) fn is_async(&self) -> bool {
        self.0.is_async
    }

    /// Whether both are the same signature of the same component, not merely equal ones.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl fmt::Display for Signature {
    /// WIT text: `get: func(key: string) -> result<option<list<u8>>, error>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wit(&[]))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Signature {
    /// WIT text that says `error` where the interface names a type so.
    pub(crate) fn wit(&self, named: &[(String, Type)]) -> String {
        let params: Vec<_> = self
            .0
            .params
            .iter()
            .map(|(name, ty)| format!("{name}: {}", wit_text(ty, named)))
            .collect();
        let arrow = self
            .0
            .results
            .first()
            .map(|ty| format!(" -> {}", wit_text(ty, named)))
            .unwrap_or_default();
        let keyword = if self.0.is_async { "async func" } else { "func" };
        format!("{}: {keyword}({}){arrow}", self.0.name, params.join(", "))
    }
}

/// The caller and the callee mean different functions by the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the types of `{function}` differ: {difference}")]
pub struct TypeMismatch {
    /// Which function.
    pub function: String,
    /// The first difference.
    pub difference: String,
}

/// Says where two types differ: `.items[]: the caller has u32, the callee string`.
fn difference(ours: &Type, theirs: &Type) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let inner = match (ours, theirs) {
        (Type::List(a), Type::List(b)) => difference(&a.ty(), &b.ty()).map(|at| format!("[]{at}")),
        (Type::Option(a), Type::Option(b)) => difference(&a.ty(), &b.ty()).map(|at| format!(".some{at}")),
        (Type::Record(a), Type::Record(b)) => {
            let names =
                |r: &wasmtime::component::types::Record| r.fields().map(|f| f.name.to_owned()).collect::<Vec<_>>();
            if names(a) != names(b) {
                return Some(format!(
                    ": the caller's record has the fields {}, the callee's {}",
                    names(a).join(", "),
                    names(b).join(", ")
                ));
            }
            a.fields()
                .zip(b.fields())
                .find_map(|(a, b)| difference(&a.ty, &b.ty).map(|at| format!(".{}{at}", a.name)))
        }
        (Type::Tuple(a), Type::Tuple(b)) if a.types().len() == b.types().len() => a
            .types()
            .zip(b.types())
            .enumerate()
            .find_map(|(i, (a, b))| difference(&a, &b).map(|at| format!(".{i}{at}"))),
        (Type::Variant(a), Type::Variant(b)) => {
            let names =
                |v: &wasmtime::component::types::Variant| v.cases().map(|c| c.name.to_owned()).collect::<Vec<_>>();
            if names(a) != names(b) {
                return Some(format!(
                    ": the caller's variant has the cases {}, the callee's {}",
                    names(a).join(", "),
                    names(b).join(", ")
                ));
            }
            a.cases().zip(b.cases()).find_map(|(a, b)| match (&a.ty, &b.ty) {
                (Some(x), Some(y)) => difference(x, y).map(|at| format!(".{}{at}", a.name)),
                (None, None) => None,
                _ => Some(format!(".{}: only one side has a payload", a.name)),
            })
        }
        (Type::Result(a), Type::Result(b)) => [("ok", a.ok(), b.ok()), ("err", a.err(), b.err())]
            .into_iter()
            .find_map(|(case, a, b)| match (a, b) {
                (Some(x), Some(y)) => difference(&x, &y).map(|at| format!(".{case}{at}")),
                (None, None) => None,
                _ => Some(format!(".{case}: only one side has a payload")),
            }),
        _ => None,
    };
    Some(inner.unwrap_or_else(|| {
        format!(
            ": the caller has {}, the callee {}",
            wit_text(ours, &[]),
            wit_text(theirs, &[])
        )
    }))
}

/// Finds a type that cannot cross a bridge between actors, and says which.
pub(crate) fn find_unsupported(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Own(_) | Type::Borrow(_) => Some("resource"),
        Type::Future(_) => Some("future"),
        Type::Stream(_) => Some("stream"),
        Type::ErrorContext => Some("error-context"),
        Type::List(list) => find_unsupported(&list.ty()),
        Type::FixedLengthList(list) => find_unsupported(&list.ty()),
        Type::Map(map) => find_unsupported(&map.key()).or_else(|| find_unsupported(&map.value())),
        Type::Record(record) => record.fields().find_map(|field| find_unsupported(&field.ty)),
        Type::Tuple(tuple) => tuple.types().find_map(|ty| find_unsupported(&ty)),
        Type::Variant(variant) => variant
            .cases()
            .find_map(|case| case.ty.as_ref().and_then(find_unsupported)),
        Type::Option(option) => find_unsupported(&option.ty()),
        Type::Result(result) => [result.ok(), result.err()]
            .into_iter()
            .flatten()
            .find_map(|ty| find_unsupported(&ty)),
        _ => None,
    }
}

/// WIT text of a type. Where `named` has a name for it, the name.
pub(crate) fn wit_text(ty: &Type, named: &[(String, Type)]) -> String {
    match named.iter().find(|(_, known)| known == ty) {
        Some((name, _)) => name.clone(),
        None => wit_structure(ty, named),
    }
}

/// WIT text of a type, its own name left out.
pub(crate) fn wit_structure(ty: &Type, named: &[(String, Type)]) -> String {
    let text = |ty: &Type| wit_text(ty, named);
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::Float32 => "f32".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::List(list) => format!("list<{}>", text(&list.ty())),
        Type::FixedLengthList(list) => format!("list<{}, {}>", text(&list.ty()), list.len()),
        Type::Map(map) => format!("map<{}, {}>", text(&map.key()), text(&map.value())),
        Type::Record(record) => {
            let fields: Vec<_> = record
                .fields()
                .map(|field| format!("{}: {}", field.name, text(&field.ty)))
                .collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        Type::Tuple(tuple) => format!(
            "tuple<{}>",
            tuple.types().map(|ty| text(&ty)).collect::<Vec<_>>().join(", ")
        ),
        Type::Variant(variant) => {
            let cases: Vec<_> = variant
                .cases()
                .map(|case| {
                    case.ty
                        .map_or_else(|| case.name.to_owned(), |ty| format!("{}({})", case.name, text(&ty)))
                })
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        Type::Enum(cases) => format!("enum {{ {} }}", cases.names().collect::<Vec<_>>().join(", ")),
        Type::Flags(flags) => format!("flags {{ {} }}", flags.names().collect::<Vec<_>>().join(", ")),
        Type::Option(option) => format!("option<{}>", text(&option.ty())),
        Type::Result(result) => match (result.ok(), result.err()) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", text(&ok)),
            (ok, Some(err)) => format!(
                "result<{}, {}>",
                ok.map_or_else(|| "_".to_owned(), |ok| text(&ok)),
                text(&err)
            ),
        },
        Type::Own(_) => "own<resource>".to_owned(),
        Type::Borrow(_) => "borrow<resource>".to_owned(),
        Type::Future(future) => format!(
            "future{}",
            future.ty().map(|ty| format!("<{}>", text(&ty))).unwrap_or_default()
        ),
        Type::Stream(stream) => format!(
            "stream{}",
            stream.ty().map(|ty| format!("<{}>", text(&ty))).unwrap_or_default()
        ),
        Type::ErrorContext => "error-context".to_owned(),
    }
}
