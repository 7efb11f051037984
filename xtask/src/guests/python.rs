//! Builds the actors written in Python. That takes some seconds each, so it is done only when something has changed.

use super::publish;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Builds one actor, unless the component there was made from the same files. Tells whether it is new.
pub(super) fn build(workspace: &Workspace, componentize: &Path, name: &str) -> Result<bool> {
    let folder = workspace.actors().join(name);
    let work = workspace.actors_target.join("python");
    fs::create_dir_all(&work).with_context(|| format!("create {}", work.display()))?;
    let wasm = work.join(format!("{name}.wasm"));
    let stamp = work.join(format!("{name}.stamp"));

    let inputs = fingerprint(&folder, &version(componentize)?)?;
    if !wasm.exists() || fs::read_to_string(&stamp).ok().as_deref() != Some(inputs.as_str()) {
        let mut command = Command::new(componentize);
        command
            .args(["--wit-path", "wit", "componentize", "app", "--output"])
            .arg(&wasm)
            .current_dir(&folder)
            // It would look for packages there, and an actor gets only what is in its own folder.
            .env_remove("VIRTUAL_ENV")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        shell::say("run", &format!("componentize-py for {name}"));
        shell::run_quietly(
            &mut command,
            &workspace.logs().join(format!("componentize-{name}.log")),
            LIMIT,
        )?;
        fs::write(&stamp, &inputs).with_context(|| format!("write {}", stamp.display()))?;
    }
    publish(workspace, name, &wasm)
}

fn version(componentize: &Path) -> Result<String> {
    shell::stdout_of(Command::new(componentize).arg("--version"))
}

/// A text that differs when any file of the actor, or the tool, does.
fn fingerprint(folder: &Path, tool: &str) -> Result<String> {
    let mut files = BTreeMap::new();
    collect(folder, &mut files)?;
    let mut hasher = DefaultHasher::new();
    tool.hash(&mut hasher);
    for (path, bytes) in &files {
        path.strip_prefix(folder).unwrap_or(path).hash(&mut hasher);
        bytes.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("look into {}", folder.display()))? {
        let path = entry.with_context(|| format!("look into {}", folder.display()))?.path();
        if path.ends_with("__pycache__") {
            continue;
        }
        // Follows the links that `wit/deps` consists of.
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            files.insert(path, bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_contents_names_and_tool_only() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::create_dir(folder.path().join("wit")).expect("create folder");
        fs::write(folder.path().join("app.py"), "1").expect("write file");
        fs::write(folder.path().join("wit/world.wit"), "w").expect("write file");
        let first = fingerprint(folder.path(), "tool 1").expect("fingerprint");
        fs::write(folder.path().join("app.py"), "1").expect("write file");
        assert_eq!(fingerprint(folder.path(), "tool 1").expect("fingerprint"), first);
        assert_ne!(fingerprint(folder.path(), "tool 2").expect("fingerprint"), first);
        fs::write(folder.path().join("wit/world.wit"), "W").expect("write file");
        assert_ne!(fingerprint(folder.path(), "tool 1").expect("fingerprint"), first);
    }
}
