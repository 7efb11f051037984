//! Every guest is run by a test.

use std::path::Path;

/// Where the tests are that run guests, from here.
const TESTS: &[&str] = &["tests/all", "../engine/tests/engine"];

#[test]
fn every_guest_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = TESTS
        .iter()
        .flat_map(|folder| std::fs::read_dir(here.join(folder)).unwrap())
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let guests = std::fs::read_dir(here.join("../../actors")).unwrap();
    let untested: Vec<String> = guests
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists() || path.join("app.py").exists())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| !sources.contains(&format!("\"{name}\"")))
        .collect();
    assert!(untested.is_empty(), "no test runs {untested:?}");
}
