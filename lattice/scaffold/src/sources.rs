//! What is in `actors/hello-*` and in `wit`, carried along. Nothing is written here that is not also built there.

use crate::Language;

/// A file by its path within a project.
pub(crate) type Source = (&'static str, &'static [u8]);

/// The files of one folder in the checkout, under the paths they have in it.
macro_rules! embed {
    ($folder:literal: $($path:literal)*) => {
        &[$(($path, include_bytes!(concat!("../../../", $folder, "/", $path)) as &[u8])),*]
    };
}

/// The packages that every world with HTTP needs, without the versions in the names of their folders.
macro_rules! embed_wit {
    ($($package:literal)*) => {
        &[
            ("wit/package.wit", include_bytes!("../../../wit/example-hello/package.wit") as &[u8]),
            $((
                concat!("wit/deps/", $package, "/package.wit"),
                include_bytes!(concat!("../../../wit/deps/", $package, "-0.2.12/package.wit")) as &[u8],
            )),*
        ]
    };
}

const WIT: &[Source] =
    embed_wit!("wasi-cli" "wasi-clocks" "wasi-filesystem" "wasi-http" "wasi-io" "wasi-random" "wasi-sockets");

/// Makes of a core module's WASI 0.1 imports what a component imports.
const ADAPTER: Source = (
    "wasi_snapshot_preview1.wasm",
    wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
);

/// The workspace of the Rust actors, for the profile that they are built with.
const RUST_WORKSPACE: &str = include_str!("../../../actors/Cargo.toml");

/// The files of the example in a language.
pub(crate) fn of(language: Language) -> &'static [Source] {
    match language {
        Language::Rust => embed!("actors/hello-rust": ".gitignore" "Cargo.toml" "src/lib.rs"),
        Language::Go => embed!("actors/hello-go":
            ".gitignore"
            "Makefile"
            "exports/export_wasi_http_incoming_handler/handler.go"
            "go.mod"
            "main.go"
            "vendor/go.bytecodealliance.org/pkg/LICENSE"
            "vendor/go.bytecodealliance.org/pkg/wit/async/async.go"
            "vendor/go.bytecodealliance.org/pkg/wit/async/empty.s"
            "vendor/go.bytecodealliance.org/pkg/wit/runtime/empty.s"
            "vendor/go.bytecodealliance.org/pkg/wit/runtime/runtime.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/future.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/option.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/result.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/stream.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/tuple.go"
            "vendor/go.bytecodealliance.org/pkg/wit/types/unit.go"
            "vendor/modules.txt"
        ),
        Language::JavaScript => embed!("actors/hello-js": ".gitignore" "app.js" "package.json"),
        Language::Python => embed!("actors/hello-python": ".gitignore" "app.py"),
        Language::C => embed!("actors/hello-c": ".gitignore" "Makefile" "app.c"),
    }
}

/// What comes with them from elsewhere.
pub(crate) fn beside(language: Language) -> Vec<Source> {
    match language {
        // Its crates bring their interfaces along.
        Language::Rust => Vec::new(),
        Language::JavaScript | Language::Python => WIT.to_vec(),
        Language::Go | Language::C => [WIT, &[ADAPTER]].concat(),
    }
}

/// The paragraph of the Rust workspace that says how actors are optimised: a package of its own has it in its own manifest.
pub(crate) fn rust_profile() -> &'static str {
    RUST_WORKSPACE
        .split("\n\n")
        .find(|paragraph| paragraph.contains("[profile.release]"))
        .expect("the workspace of the actors has a profile")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    /// What builds leave behind in an actor's folder.
    const LEFT_BEHIND: &[&str] = &[
        "__pycache__",
        "actor.wasm",
        "core.wasm",
        "generated",
        "imports",
        "node_modules",
        "package-lock.json",
        "target",
        "wit_exports",
    ];

    fn paths(folder: &Path) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(&next).expect("is a folder") {
                let path = entry.expect("can be read").path();
                if LEFT_BEHIND.iter().any(|name| path.ends_with(name)) {
                    continue;
                }
                // Follows links: `wit` is one.
                match path.is_dir() {
                    true => open.push(path),
                    false => drop(found.insert(path.strip_prefix(folder).expect("is below").to_owned())),
                }
            }
        }
        found
    }

    #[test]
    fn every_file_of_an_example_is_in_its_project() {
        for language in Language::ALL {
            let folder = Path::new(ROOT).join("actors").join(format!("hello-{language}"));
            let beside = beside(language).into_iter().filter(|source| *source != ADAPTER);
            let ours: BTreeSet<_> = of(language)
                .iter()
                .copied()
                .chain(beside)
                .map(|(path, _)| PathBuf::from(path))
                .collect();
            assert_eq!(ours, paths(&folder), "{}", folder.display());
        }
    }

    #[test]
    fn the_profile_is_one() {
        let profile = rust_profile();
        assert!(
            profile.contains("opt-level") && profile.contains("strip") && !profile.contains("[workspace"),
            "{profile}"
        );
    }
}
