//! Fixtures, and the files beside them that say what is expected. `LATTICE_MANIFEST_BLESS=1` writes those anew; read the diff.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use lattice_core::Digest;
use lattice_manifest::{Manifest, Mistakes, Options, Source, read};
use serde_json::{Value, json};

/// A fixture as a source. Its name and folder are from the folder of this crate, so that messages are the same everywhere.
pub(crate) fn source(path: &str) -> Source {
    let path = Path::new("tests/fixtures").join(path);
    Source {
        name: path.file_name().expect("a file").to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        folder: path.parent().expect("a folder").to_owned(),
    }
}

/// A text that is no fixture.
pub(crate) fn text(text: &str) -> Source {
    Source {
        name: "a.yaml".to_owned(),
        text: text.to_owned(),
        folder: PathBuf::from("there"),
    }
}

pub(crate) fn read_fixture(path: &str, options: &Options) -> Result<Vec<Manifest>, Mistakes> {
    read(&source(path), options)
}

/// The fixtures in a folder with one of these endings.
pub(crate) fn fixtures(folder: &str, endings: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(Path::new("tests/fixtures").join(folder)).expect("a folder of fixtures");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let is_fixture = |name: &String| {
        !name.contains(".expected.") && name != "aliases.yaml" && endings.iter().any(|ending| name.ends_with(ending))
    };
    let mut paths: Vec<String> = names
        .filter(is_fixture)
        .map(|name| format!("{folder}/{name}"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no fixtures in {folder}");
    paths
}

/// Compares `actual` with the file beside a fixture.
pub(crate) fn expect(path: &str, ending: &str, actual: &str) {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let file = Path::new("tests/fixtures").join(format!("{stem}.expected.{ending}"));
    expect_file(&file, actual);
}

/// Compares `actual` with a file.
pub(crate) fn expect_file(file: &Path, actual: &str) {
    let actual = format!("{}\n", actual.trim_end());
    if env::var_os("LATTICE_MANIFEST_BLESS").is_some() {
        fs::write(file, actual).expect("the file is written");
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(
        actual,
        expected,
        "{} (LATTICE_MANIFEST_BLESS=1 writes it anew)",
        file.display()
    );
}

/// Digests for all actors of a manifest, each that of its name.
pub(crate) fn digests(manifest: &Manifest) -> BTreeMap<lattice_core::ActorName, Digest> {
    let digest = |name: &lattice_core::ActorName| Digest::of(name.as_str().as_bytes());
    manifest
        .images()
        .map(|(name, _)| (name.clone(), digest(name)))
        .collect()
}

/// What manifests mean, to compare.
pub(crate) fn meaning(manifests: &[Manifest]) -> String {
    let one = |manifest: &Manifest| {
        let images: BTreeMap<String, Value> = manifest
            .images()
            .map(|(name, image)| (name.to_string(), json!(format!("{image:?}"))))
            .collect();
        let warnings: Vec<String> = manifest
            .warnings()
            .iter()
            .map(|warning| format!("{}:{}: {}", warning.line, warning.column, warning.message))
            .collect();
        json!({
            "application": manifest.to_application(&digests(manifest)).expect("all digests are there"),
            "images": images,
            "warnings": warnings,
        })
    };
    let all: Vec<Value> = manifests.iter().map(one).collect();
    serde_json::to_string_pretty(&all).expect("JSON")
}
