//! Builds the actors: every folder of `actors/` becomes one component in `actors/target/components`, but for libraries.

mod project;
mod rust;

use crate::setup::Setup;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use lattice_scaffold::Language;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which actors; all of them if none is named
    actors: Vec<String>,
}

/// What builds an actor, told by its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builder {
    /// Cargo, all of them at once.
    Cargo,
    /// The command that comes with the example in this language.
    Project(Language),
}

/// `cargo xtask guests`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let actors: Vec<&str> = args.actors.iter().map(String::as_str).collect();
    build(workspace, &setup, &actors)
}

/// Builds the named actors, or all of them if none is named.
pub(crate) fn build(workspace: &Workspace, setup: &Setup<'_>, wanted: &[&str]) -> Result<()> {
    let started = Instant::now();
    let all = actors(&workspace.actors())?;
    let chosen = choose(&all, wanted)?;
    let rust: Vec<&str> = chosen
        .iter()
        .filter(|(_, builder)| **builder == Builder::Cargo)
        .map(|(name, _)| name.as_str())
        .collect();

    let mut changed = 0;
    if !rust.is_empty() {
        let extent = if wanted.is_empty() {
            rust::Extent::All
        } else {
            rust::Extent::Named
        };
        for (name, wasm) in rust::build(workspace, &setup.guest_rust()?, &rust, extent)? {
            changed += usize::from(publish(workspace, &name, &wasm)?);
        }
    }
    for builder in chosen.values() {
        if let Builder::Project(language) = builder {
            changed += usize::from(project::build(workspace, setup, *language)?);
        }
    }
    if wanted.is_empty() {
        remove_stale(&workspace.components(), &all)?;
    }
    let summary = format!(
        "{} components in {}, {changed} of them new, {}",
        chosen.len(),
        workspace.shown(&workspace.components()),
        shell::seconds(started.elapsed())
    );
    shell::say("guests", &summary);
    Ok(())
}

/// Every actor there is, by the name of its folder.
fn actors(folder: &Path) -> Result<BTreeMap<String, Builder>> {
    let mut actors = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("look into {}", folder.display()))? {
        let path = entry.context("look into the actors' folder")?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let manifest = path.join("Cargo.toml");
        if manifest.exists() {
            if makes_component(&manifest)? {
                actors.insert(name.to_owned(), Builder::Cargo);
            }
        } else if let Some(language) = Language::ALL.into_iter().find(|one| project::name(*one) == name) {
            actors.insert(name.to_owned(), Builder::Project(language));
        }
    }
    Ok(actors)
}

/// Whether a crate is an actor and not a library that actors are written with.
fn makes_component(manifest: &Path) -> Result<bool> {
    let text = fs::read_to_string(manifest).with_context(|| format!("read {}", manifest.display()))?;
    Ok(text.contains("\"cdylib\""))
}

fn choose(all: &BTreeMap<String, Builder>, wanted: &[&str]) -> Result<BTreeMap<String, Builder>> {
    if wanted.is_empty() {
        return Ok(all.clone());
    }
    let unknown: Vec<_> = wanted
        .iter()
        .filter(|name| !all.contains_key(**name))
        .copied()
        .collect();
    if !unknown.is_empty() {
        let known: Vec<_> = all.keys().map(String::as_str).collect();
        bail!(
            "no actor is called {} (one in Rust has `crate-type = [\"cdylib\"]`); there are {}",
            unknown.join(", "),
            known.join(", ")
        );
    }
    Ok(all
        .iter()
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .map(|(name, one)| (name.clone(), *one))
        .collect())
}

/// Copies a component into place if it differs from the one there, so that a program reading it never sees half a file and
/// one that watches it sees real changes only. Tells whether it did.
fn publish(workspace: &Workspace, name: &str, wasm: &Path) -> Result<bool> {
    let folder = workspace.components();
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let bytes = fs::read(wasm).with_context(|| format!("read {}", wasm.display()))?;
    let target = folder.join(format!("{name}.wasm"));
    match fs::read(&target) {
        Ok(old) if old == bytes => return Ok(false),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("read {}", target.display()));
        }
        _ => {}
    }
    let new = tempfile::NamedTempFile::new_in(&folder).context("create a temporary file")?;
    fs::write(new.path(), &bytes).with_context(|| format!("write {}", new.path().display()))?;
    make_readable(new.path())?;
    new.persist(&target)
        .with_context(|| format!("put {} into place", target.display()))?;
    Ok(true)
}

/// Temporary files are private; components are for everybody.
fn make_readable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).with_context(|| format!("share {}", path.display()))
}

/// Removes the components of actors that are gone: a test that still wants one should fail here as it would elsewhere.
fn remove_stale(components: &Path, all: &BTreeMap<String, Builder>) -> Result<()> {
    for entry in fs::read_dir(components).with_context(|| format!("look into {}", components.display()))? {
        let path: PathBuf = entry.context("look into the components' folder")?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "wasm") && !all.contains_key(stem) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> BTreeMap<String, Builder> {
        [
            ("a", Builder::Cargo),
            ("b", Builder::Project(Language::Go)),
            ("c", Builder::Cargo),
        ]
        .map(|(name, language)| (name.to_owned(), language))
        .into()
    }

    #[test]
    fn all_actors_are_chosen_when_none_is_named() {
        assert_eq!(choose(&some(), &[]).expect("all"), some());
    }

    #[test]
    fn named_actors_are_chosen_and_unknown_ones_are_told() {
        let chosen = choose(&some(), &["b", "a"]).expect("known");
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["a", "b"]);
        let error = choose(&some(), &["a", "x", "y"]).expect_err("unknown").to_string();
        assert!(error.contains("x, y") && error.contains("a, b, c"), "{error}");
    }

    #[test]
    fn the_builder_is_told_by_the_folder() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, file, text) in [
            ("hello-rust", "Cargo.toml", "[lib]\ncrate-type = [\"cdylib\"]"),
            ("library", "Cargo.toml", "[lib]"),
            ("hello-js", "app.js", ""),
            ("target", "nothing.txt", ""),
        ] {
            fs::create_dir(folder.path().join(name)).expect("create folder");
            fs::write(folder.path().join(name).join(file), text).expect("write file");
        }
        fs::write(folder.path().join("Cargo.toml"), "").expect("write file");
        let found = actors(folder.path()).expect("look");
        let js = Builder::Project(Language::JavaScript);
        assert_eq!(
            found,
            [("hello-js".to_owned(), js), ("hello-rust".to_owned(), Builder::Cargo)].into()
        );
    }
}
