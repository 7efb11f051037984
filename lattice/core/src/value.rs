//! How values of WIT types travel: the one mapping to MessagePack.
//!
//! A call carries its arguments as an array, one element per parameter, and its results as an array, one element per result
//! (WIT functions have one result or none). Both sides know the types from the component, so nothing names a type on the wire.
//!
//! | WIT type | MessagePack |
//! |---|---|
//! | `bool` | true, false |
//! | `u8` … `u64`, `s8` … `s64` | integer, in any width that holds it; out of the type's range is an error |
//! | `f32`, `f64` | float 32, float 64; a reader of `f64` takes both, and `NaN` is the canonical one |
//! | `char` | string of exactly one Unicode scalar value |
//! | `string` | string, UTF-8 |
//! | `list<u8>` | bin |
//! | `list<t>` | array |
//! | `tuple<…>` | array of that length |
//! | `record` | map from field name to value, all fields, in any order, no others |
//! | `variant` | array: case name, then the payload if the case has one |
//! | `enum` | string: case name |
//! | `option<t>` | nil, or an array of one element (so that `some(none)` differs from `none`) |
//! | `result<t, e>` | array: `"ok"` or `"err"`, then the payload if that side has one |
//! | `flags` | array of the names that are set, in any order, none twice |
//!
//! Names are spelled as in WIT. Resources, streams and futures do not travel; a component that has them in such an interface is
//! refused at start. Readers bound what they allocate by the bytes they have and descend at most [`DEPTH_MAX`] levels.
//!
//! ```
//! // lookup: func(key: string, limit: option<u32>) -> result<list<u8>, error>, called with ("a", some(2)):
//! let arguments: rmpv::Value = rmpv::Value::Array(vec!["a".into(), rmpv::Value::Array(vec![2.into()])]);
//! let mut bytes = Vec::new();
//! rmpv::encode::write_value(&mut bytes, &arguments)?;
//! assert_eq!(bytes, [0x92, 0xa1, b'a', 0x91, 0x02]);
//! # Ok::<(), rmpv::encode::Error>(())
//! ```

/// How deep values may nest. Generous for data that people design, small for a thread's stack.
pub const DEPTH_MAX: usize = 64;

/// The case of a `result` that went well.
pub const OK: &str = "ok";

/// The case of a `result` that did not.
pub const ERR: &str = "err";
