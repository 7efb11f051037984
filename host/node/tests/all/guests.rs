//! Every guest is run by a test.

use std::path::Path;

/// Where the tests are that run guests, from here.
const TESTS: &[&str] = &["tests/all", "../engine/tests/engine"];
/// What `lattice new` hands out: the tests of the command line run those, one for each language.
const HANDED_OUT: &[&str] = &["hello-rust", "hello-python"];

#[test]
fn every_guest_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = TESTS
        .iter()
        .flat_map(|folder| std::fs::read_dir(here.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let guests = std::fs::read_dir(here.join("../../actors")).unwrap();
    let untested: Vec<String> = guests
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_component(path))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| !sources.contains(&format!("\"{name}\"")) && !HANDED_OUT.contains(&name.as_str()))
        .collect();
    assert!(untested.is_empty(), "no test runs {untested:?}");
}

/// Whether a folder is the source of a component, and not of a library for them.
fn is_component(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("cdylib") || folder.join("app.py").exists()
}
