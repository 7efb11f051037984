//! Values on the wire, whatever they are, and whatever comes from there.

use std::sync::LazyLock;

use lattice_core::VersionedInterface;
use lattice_engine::{Args, Compiled, Signature, Values};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{guest, interface, load};

struct Types {
    runtime: Runtime,
    actor: lattice_engine::Actor,
    functions: Vec<Signature>,
}

static ECHO: LazyLock<VersionedInterface> = LazyLock::new(|| interface("test:types/echo@0.1.0"));

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let compiled = runtime.block_on(load(guest("test-types")));
    let functions = signatures(&compiled);
    let actor = runtime.block_on(crate::support::start(
        guest("test-types"),
        crate::support::options("types"),
        &crate::support::world(),
    ));
    Types {
        runtime,
        actor,
        functions,
    }
});

fn signatures(compiled: &Compiled) -> Vec<Signature> {
    let export = compiled
        .shape()
        .exports
        .iter()
        .find(|export| export.interface == *ECHO)
        .expect("is exported");
    let names = export.functions.iter().map(|function| function.name.as_str());
    names
        .filter_map(|name| compiled.signature(&ECHO.id, None, name))
        .collect()
}

/// Arguments for some of the functions, as text: every kind of value that there is.
fn arguments() -> impl Strategy<Value = (&'static str, String)> {
    let string = || any::<String>().prop_map(|text| serde_json::to_string(&text).expect("is text"));
    let point = || (any::<i32>(), any::<i32>()).prop_map(|(x, y)| format!(r#"{{"x":{x},"y":{y}}}"#));
    let colour = || prop_oneof![Just(r#""red""#), Just(r#""green""#), Just(r#""blue""#)];
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let contents = prop_oneof![
        Just(r#""nothing""#.to_owned()),
        any::<Vec<u8>>().prop_map(|bytes| format!(r#"{{"bytes":{bytes:?}}}"#)),
        string().prop_map(|text| format!(r#"{{"letter":{text}}}"#)),
        (point(), point()).prop_map(|(a, b)| format!(r#"{{"box":[{a},{b}]}}"#)),
        colour().prop_map(|colour| format!(r#"{{"graded":{{"ok":{colour}}}}}"#)),
        string().prop_map(|text| format!(r#"{{"graded":{{"err":{text}}}}}"#)),
    ]
    .boxed();
    let weight = prop_oneof![
        Just("null".to_owned()),
        any::<i32>().prop_map(|weight| format!("{weight}.25"))
    ];
    let parcel = (any::<u64>(), string(), weight, proptest::collection::vec(point(), 0..4), colour(), contents.clone()).prop_map(
        move |(id, label, weight, corners, colour, contents)| {
            format!(
                r#"{{"id":{id},"label":{label},"weight":{weight},"corners":{},"colour":{colour},"contents":{contents}}}"#,
                list(corners)
            )
        },
    );
    prop_oneof![
        any::<bool>().prop_map(|v| ("echo-bool", v.to_string())),
        any::<i8>().prop_map(|v| ("echo-s8", v.to_string())),
        any::<u8>().prop_map(|v| ("echo-u8", v.to_string())),
        any::<i16>().prop_map(|v| ("echo-s16", v.to_string())),
        any::<u16>().prop_map(|v| ("echo-u16", v.to_string())),
        any::<i32>().prop_map(|v| ("echo-s32", v.to_string())),
        any::<u32>().prop_map(|v| ("echo-u32", v.to_string())),
        any::<i64>().prop_map(|v| ("echo-s64", v.to_string())),
        any::<u64>().prop_map(|v| ("echo-u64", v.to_string())),
        any::<char>().prop_map(|v| ("echo-char", serde_json::to_string(&v).expect("is text"))),
        string().prop_map(|v| ("echo-string", v)),
        any::<Vec<u8>>().prop_map(|v| ("echo-bytes", format!("{v:?}"))),
        proptest::collection::vec(string(), 0..8).prop_map(move |v| ("echo-strings", list(v))),
        any::<Vec<Vec<u16>>>().prop_map(|v| ("echo-nested-list", format!("{v:?}"))),
        (any::<u8>(), string(), any::<bool>()).prop_map(|(a, b, c)| ("echo-tuple", format!("[{a},{b},{c}]"))),
        any::<Option<u32>>().prop_map(|v| match v {
            None => ("echo-nested-option", r#"{"some":null}"#.to_owned()),
            Some(v) => ("echo-nested-option", format!(r#"{{"some":{v}}}"#)),
        }),
        Just(("echo-nested-option", "null".to_owned())),
        contents.prop_map(|v| ("echo-variant", v)),
        proptest::collection::vec(parcel, 0..5).prop_map(move |v| ("echo-parcels", list(v))),
    ]
}

fn signature(function: &str) -> &'static Signature {
    TYPES
        .functions
        .iter()
        .find(|signature| signature.name() == function)
        .expect("is exported")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn values_survive_the_wire_and_the_guest((function, json) in arguments()) {
        let signature = signature(function);
        let (values, format) = Values::parse_params(signature, &format!("[{json}]")).expect("is an argument");
        let bytes = values.encode().expect("can leave");
        prop_assert_eq!(&Values::decode_params(signature, &bytes).expect("is whole"), &values);
        let args = Args::new(values.clone(), signature.clone());
        let call = crate::support::call();
        let back = TYPES.runtime.block_on(TYPES.actor.call(&ECHO, function, args, &call)).expect("answers");
        prop_assert_eq!(back.results_text(format), values.results_text(format));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        for signature in &TYPES.functions {
            let _ = Values::decode_params(signature, &bytes);
            let _ = Values::decode_results(signature, &bytes);
        }
    }

    #[test]
    fn no_change_of_good_bytes_makes_the_reader_panic((function, json) in arguments(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let signature = signature(function);
        let (values, _) = Values::parse_params(signature, &format!("[{json}]")).expect("is an argument");
        let mut bytes = values.encode().expect("can leave").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Values::decode_params(signature, &bytes);
        bytes.truncate(at);
        prop_assert!(Values::decode_params(signature, &bytes).is_err());
    }
}

#[test]
fn announced_lengths_are_not_believed() {
    // Four billion strings, four billion bytes, a map of four billion fields.
    for (function, bytes) in [
        ("echo-strings", &b"\x91\xdd\xff\xff\xff\xff"[..]),
        ("echo-bytes", b"\x91\xc6\xff\xff\xff\xff"),
        ("echo-record", b"\x91\xdf\xff\xff\xff\xff"),
        ("echo-flags", b"\x91\xdd\xff\xff\xff\xff"),
    ] {
        let error = Values::decode_params(signature(function), bytes).expect_err("is cut off");
        assert!(error.to_string().contains("the bytes end"), "{function}: {error}");
    }
}

#[test]
fn a_message_holds_so_many_values_and_no_more() {
    let mut bytes = b"\x91\xc6\x01\x50\x00\x00".to_vec();
    bytes.resize(bytes.len() + 0x150_0000, 7);
    let error = Values::decode_params(signature("echo-bytes"), &bytes).expect_err("are too many");
    assert!(error.to_string().contains("more than"), "{error}");
}

#[test]
fn the_wire_form_is_the_documented_one() {
    let check = |function: &str, wave: &str, expect: &[u8]| {
        let (values, _) = Values::parse_params(signature(function), wave).expect("is an argument");
        assert_eq!(values.encode().expect("can leave"), expect, "{function} {wave}");
    };
    check("echo-bool", "true", b"\x91\xc3");
    check("echo-s8", "-1", b"\x91\xff");
    check(
        "echo-u64",
        "18446744073709551615",
        b"\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    );
    check("echo-f32", "1.5", b"\x91\xca\x3f\xc0\x00\x00");
    check("echo-f64", "nan", b"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
    check("echo-char", "'x'", b"\x91\xa1x");
    check("echo-bytes", "[1, 2]", b"\x91\xc4\x02\x01\x02");
    check("echo-bytes", "[]", b"\x91\x90");
    check("echo-tuple", "(1, \"a\", true)", b"\x91\x93\x01\xa1a\xc3");
    check("echo-nested-option", "none", b"\x91\xc0");
    check("echo-nested-option", "some(none)", b"\x91\x91\xc0");
    check("echo-result", "ok(1)", b"\x91\x92\xa2ok\x01");
    check("echo-result-unit", "err", b"\x91\x91\xa3err");
    check("echo-enum", "green", b"\x91\xa5green");
    check("echo-flags", "{read, write}", b"\x91\x92\xa4read\xa5write");
    check("echo-variant", "nothing", b"\x91\x91\xa7nothing");
    check("echo-variant", "letter(\"a\")", b"\x91\x92\xa6letter\xa1a");
    check("echo-record", "{x: 1, y: 2}", b"\x91\x82\xa1x\x01\xa1y\x02");
}
