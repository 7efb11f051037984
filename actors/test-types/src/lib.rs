//! Gives back every value it gets, one function per WIT type (see `wit/test-types`).

use exports::test::types::echo::{Colour, Contents, Guest, Parcel, Point, Rights, Wide};

wit_bindgen::generate!({
    path: ["../../wit/test-types", "wit"],
    world: "test:types-echo/types-echo",
    generate_all,
});

struct Types;

export!(Types);

/// Writes `fn NAME(v: TYPE) -> TYPE { v }` for every pair.
macro_rules! echoes {
    ($($name:ident: $value:ty),* $(,)?) => {
        $(fn $name(v: $value) -> $value { v })*
    };
}

impl Guest for Types {
    echoes! {
        echo_bool: bool,
        echo_s8: i8,
        echo_u8: u8,
        echo_s16: i16,
        echo_u16: u16,
        echo_s32: i32,
        echo_u32: u32,
        echo_s64: i64,
        echo_u64: u64,
        echo_f32: f32,
        echo_f64: f64,
        echo_char: char,
        echo_string: String,
        echo_bytes: Vec<u8>,
        echo_strings: Vec<String>,
        echo_nested_list: Vec<Vec<u16>>,
        echo_tuple: (u8, String, bool),
        echo_option: Option<String>,
        echo_nested_option: Option<Option<u32>>,
        echo_result: Result<u32, String>,
        echo_result_unit: Result<(), ()>,
        echo_result_ok_only: Result<String, ()>,
        echo_result_err_only: Result<(), Colour>,
        echo_enum: Colour,
        echo_flags: Rights,
        echo_wide_flags: Wide,
        echo_variant: Contents,
        echo_record: Point,
        echo_parcels: Vec<Parcel>,
    }

    fn nothing() {}

    #[rustfmt::skip]
    fn many(
        a: u8, b: i64, c: f32, d: String, e: bool, f: char, g: Option<u8>, h: Vec<u8>, i: u16, j: String,
    ) -> String {
        format!("{a},{b},{c},{d},{e},{f},{g:?},{h:?},{i},{j}")
    }

    fn bytes_of_length(length: u32) -> Vec<u8> {
        (0..length).map(|index| (index % 251) as u8).collect()
    }

    fn trap(message: String) {
        panic!("{message}");
    }
}
