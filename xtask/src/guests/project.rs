//! Builds the example in the languages other than Rust: writes the project that `lattice new` makes of it, and runs the command that
//! the project names. That takes up to a minute each, so it is done only when something has changed.

use super::publish;
use crate::setup::{COMPONENTIZE_PY, GO, MAKE, NODE, NPM, Setup, Tool, WASM_TOOLS, WIT_BINDGEN};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use lattice_scaffold::{File, Language, Project};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What the example in a language is called, as a folder and as a component.
pub(super) fn name(language: Language) -> String {
    format!("hello-{language}")
}

/// Builds one, unless the component there was made of the same files by the same tools. Tells whether it is new.
pub(super) fn build(workspace: &Workspace, setup: &Setup<'_>, language: Language) -> Result<bool> {
    let name = name(language);
    let project = Project::new(name.parse().context("name the project")?, language);
    let tools = setup.tools(tools(language))?;
    let mut versions = tools.versions();
    if language == Language::C {
        versions.push(setup.guest_c()?);
    }
    let folder = workspace.actors_target.join("projects").join(&name);
    let stamp = folder.with_extension("stamp");
    let wasm = folder.join(project.component());

    let files = project.files();
    let inputs = fingerprint(&files, &versions);
    if !wasm.exists() || fs::read_to_string(&stamp).ok().as_deref() != Some(inputs.as_str()) {
        for file in &files {
            write_if_changed(&folder.join(file.path), &file.contents)?;
        }
        // A build that finds its outcome there already, from other tools, would do nothing.
        remove_if_there(&wasm)?;
        shell::say(
            "run",
            &format!("{} in {}", language.build_command(), workspace.shown(&folder)),
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", language.build_command()])
            .current_dir(&folder)
            .envs(tools.environment(workspace))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        // componentize-py would look for packages there, and an actor gets only what is in its own folder; the others are flags for
        // this machine's own builds.
        for variable in ["VIRTUAL_ENV", "MAKEFLAGS", "CFLAGS", "GOFLAGS"] {
            command.env_remove(variable);
        }
        shell::run_quietly(&mut command, &workspace.logs().join(format!("build-{name}.log")), LIMIT)?;
        fs::write(&stamp, &inputs).with_context(|| format!("write {}", stamp.display()))?;
    }
    publish(workspace, &name, &wasm)
}

/// What the command uses.
fn tools(language: Language) -> &'static [Tool] {
    match language {
        // Built otherwise: see `GuestRust`.
        Language::Rust => &[],
        Language::Go => &[GO, WIT_BINDGEN, WASM_TOOLS, MAKE],
        Language::JavaScript => &[NODE, NPM],
        Language::Python => &[COMPONENTIZE_PY],
        Language::C => &[WIT_BINDGEN, WASM_TOOLS, MAKE],
    }
}

/// A text that differs when any file, or any tool, does.
fn fingerprint(files: &[File], versions: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    versions.hash(&mut hasher);
    for file in files {
        file.path.hash(&mut hasher);
        file.contents.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Leaves a file alone that is as it shall be: `make` goes by its time.
fn write_if_changed(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    fs::write(path, contents).with_context(|| format!("write {}", path.display()))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_contents_names_and_tools_only() {
        let file = |path, contents: &'static str| File {
            path,
            contents: contents.as_bytes().into(),
        };
        let tool = |version: &str| vec![version.to_owned()];
        let first = fingerprint(&[file("app.py", "1")], &tool("1"));
        assert_eq!(fingerprint(&[file("app.py", "1")], &tool("1")), first);
        assert_ne!(fingerprint(&[file("app.py", "2")], &tool("1")), first);
        assert_ne!(fingerprint(&[file("app.pyc", "1")], &tool("1")), first);
        assert_ne!(fingerprint(&[file("app.py", "1")], &tool("2")), first);
    }
}
