//! Sends telling values of every WIT type through a link and compares what comes back (see `wit/test-types`).

use exports::test::types::checks::Guest;
use test::types::echo::{self, Colour, Contents, Parcel, Point, Rights, Wide};

wit_bindgen::generate!({
    path: ["../../wit/test-types", "wit"],
    world: "test:types-caller/types-caller",
    generate_all,
});

struct Caller;

export!(Caller);

impl Guest for Caller {
    fn run() -> Result<u32, Vec<String>> {
        let mut checks = Checks::default();
        numbers(&mut checks);
        compounds(&mut checks);
        named(&mut checks);
        calls(&mut checks);
        if checks.failures.is_empty() {
            Ok(checks.passed)
        } else {
            Err(checks.failures)
        }
    }

    fn provoke_trap(message: String) {
        echo::trap(&message);
    }
}

#[derive(Default)]
struct Checks {
    passed: u32,
    failures: Vec<String>,
}

impl Checks {
    /// Compares by `Debug` text: it tells NaN from numbers, -0 from 0, and works for types that have no `PartialEq`.
    fn same(&mut self, what: &str, sent: &impl core::fmt::Debug, back: &impl core::fmt::Debug) {
        let (sent, back) = (format!("{sent:?}"), format!("{back:?}"));
        if sent == back {
            self.passed += 1
        } else {
            self.failures.push(format!("{what}: sent {sent}, got {back}"))
        }
    }
}

/// `each!(checks, function: values)` sends every value through the function; `&` in front where the import borrows.
macro_rules! each {
    ($checks:ident, $function:ident: $($value:expr),+) => {
        $({ let v = $value; $checks.same(stringify!($function), &v, &echo::$function(v)); })+
    };
    ($checks:ident, & $function:ident: $($value:expr),+) => {
        $({ let v = $value; $checks.same(stringify!($function), &v, &echo::$function(&v)); })+
    };
}

fn numbers(checks: &mut Checks) {
    each!(checks, echo_bool: true, false);
    each!(checks, echo_s8: i8::MIN, -1, i8::MAX);
    each!(checks, echo_u8: 0, u8::MAX);
    each!(checks, echo_s16: i16::MIN, -1, i16::MAX);
    each!(checks, echo_u16: 0, u16::MAX);
    each!(checks, echo_s32: i32::MIN, -1, i32::MAX);
    each!(checks, echo_u32: 0, u32::MAX);
    each!(checks, echo_s64: i64::MIN, -1, i64::MAX);
    each!(checks, echo_u64: 0, u64::MAX);
    each!(checks, echo_f32: 0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY, f32::NAN);
    each!(checks, echo_f64: 0.0, -0.0, 0.1, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN);
    each!(checks, echo_char: 'a', 'ß', '\u{0}', '\u{10ffff}');
}

fn compounds(checks: &mut Checks) {
    each!(checks, &echo_string: String::new(), "grüße, 世界 🦀\0".to_string());
    each!(checks, &echo_bytes: vec![], vec![0, 127, 128, 255]);
    each!(checks, &echo_strings: vec![], vec![String::new(), "a".into(), "ä".into()]);
    each!(checks, &echo_nested_list: vec![], vec![vec![], vec![1, 65535]]);
    each!(checks, echo_option: None::<&str>, Some(""), Some("x"));
    each!(checks, echo_nested_option: None, Some(None), Some(Some(7)));
    each!(checks, echo_result_unit: Ok(()), Err(()));
    each!(checks, echo_result_err_only: Ok(()), Err(Colour::Blue));
    checks.same("echo_tuple", &(255, "t", true), &echo::echo_tuple((255, "t", true)));
    for v in [Ok(0), Ok(u32::MAX), Err(""), Err("no")] {
        checks.same("echo_result", &v, &echo::echo_result(v));
    }
    for v in [Ok("fine"), Err(())] {
        checks.same("echo_result_ok_only", &v, &echo::echo_result_ok_only(v));
    }
}

fn named(checks: &mut Checks) {
    each!(checks, echo_enum: Colour::Red, Colour::Green, Colour::Blue);
    each!(checks, echo_flags: Rights::empty(), Rights::WRITE, Rights::all());
    each!(checks, echo_wide_flags: Wide::empty(), Wide::N00 | Wide::N15 | Wide::N16 | Wide::N31, Wide::all());
    each!(checks, echo_record: Point { x: i32::MIN, y: i32::MAX });
    let all = || {
        [
            Contents::Nothing,
            Contents::Bytes(vec![0, 255]),
            Contents::Letter("dear you".into()),
            Contents::Box((Point { x: 1, y: 2 }, Point { x: -3, y: -4 })),
            Contents::Graded(Ok(Colour::Green)),
            Contents::Graded(Err("unreadable".into())),
        ]
    };
    for v in all() {
        checks.same("echo_variant", &v, &echo::echo_variant(&v));
    }
    let parcels: Vec<_> = all()
        .into_iter()
        .zip(0_u32..)
        .map(|(contents, index)| parcel(index, contents))
        .collect();
    checks.same("echo_parcels", &parcels, &echo::echo_parcels(&parcels));
}

fn parcel(index: u32, contents: Contents) -> Parcel {
    Parcel {
        id: u64::MAX - u64::from(index),
        label: format!("parcel {index}"),
        weight: index.is_multiple_of(2).then_some(f64::from(index) / 3.0),
        corners: (0..index as i32).map(|x| Point { x, y: -x }).collect(),
        colour: Colour::Blue,
        contents,
    }
}

fn calls(checks: &mut Checks) {
    echo::nothing();
    let joined = echo::many(1, -2, 0.5, "d", true, 'f', Some(7), &[8, 9], 10, "j");
    checks.same("many", &"1,-2,0.5,d,true,f,Some(7),[8, 9],10,j", &joined);
    // The last two are larger than one NATS message.
    for length in [0, 1, 100_000, 2_000_000, 5_000_000] {
        let bytes = echo::bytes_of_length(length);
        let sound = bytes
            .iter()
            .enumerate()
            .all(|(index, byte)| *byte == (index % 251) as u8);
        checks.same("bytes_of_length", &(length as usize, true), &(bytes.len(), sound));
        checks.same("echo_bytes at length", &true, &(echo::echo_bytes(&bytes) == bytes));
    }
}
