//! What Cargo knows about a package.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tokio::process::Command;

use crate::failure::{Exit, Failure};

/// What components are compiled for.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// How long Cargo may take to say what a package is. It asks nobody else.
const METADATA_WITHIN: Duration = Duration::from_secs(60);

/// A package, as far as it matters here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CargoPackage {
    /// What it is called.
    pub(super) name: String,
    component: Option<PathBuf>,
}

impl CargoPackage {
    /// The file that building it makes.
    ///
    /// # Errors
    /// When it is a library for other Rust code, and makes none.
    pub(super) fn component(self) -> Result<PathBuf> {
        let name = self.name;
        self.component.ok_or_else(|| {
            Failure::failed(format!("the package `{name}` makes no component"))
                .because("it has neither a library of the type `cdylib` nor a program")
                .help("add to its Cargo.toml: [lib] crate-type = [\"cdylib\"]")
                .into()
        })
    }
}

/// The package that lies in a folder itself; None for a workspace whose packages lie below it.
pub(super) async fn package(folder: &Path) -> Result<Option<CargoPackage>> {
    let mut command = Command::new("cargo");
    command
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(METADATA_WITHIN, command.output()).await {
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::not_found("cargo is not installed")
                .because(format!("{} holds a Cargo package", folder.display()))
                .help("install Rust (https://rustup.rs), or say what builds it: --build COMMAND --component FILE")
                .into());
        }
        Ok(output) => output.context("cargo metadata cannot be run")?,
        Err(_) => return Err(Failure::new(Exit::Timeout, "cargo metadata does not answer").into()),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::failed("cargo cannot read the package")
            .because(said.trim())
            .into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata answers oddly")?;
    Ok(metadata.package_in(folder))
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    /// What it is to Cargo. A build script has the crate type of a program, and is none.
    kind: Vec<String>,
}

impl Metadata {
    fn package_in(&self, folder: &Path) -> Option<CargoPackage> {
        let is_there = |package: &&Package| {
            let parent = package.manifest_path.parent();
            parent.is_some_and(|parent| parent == folder || parent.canonicalize().is_ok_and(|parent| parent == folder))
        };
        let package = self.packages.iter().find(is_there)?;
        let release = self.target_directory.join(TARGET).join("release");
        Some(CargoPackage {
            name: package.name.clone(),
            component: package.file().map(|file| release.join(file)),
        })
    }
}

impl Package {
    /// The name of the component's file: the library's, else the program's.
    fn file(&self) -> Option<String> {
        let of_type = |kind: &str| {
            let is_it = |target: &&Target| target.kind.iter().any(|each| each == kind);
            self.targets.iter().find(is_it)
        };
        let library = of_type("cdylib").map(|target| format!("{}.wasm", target.name.replace('-', "_")));
        library.or_else(|| of_type("bin").map(|target| format!("{}.wasm", target.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_in_the_folder_is_found_among_its_siblings() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"target_directory": "/w/target", "workspace_root": "/w", "packages": [
                {"name": "one", "manifest_path": "/w/one/Cargo.toml", "targets": [{"name": "one", "kind": ["lib"]}]},
                {"name": "hello-http", "manifest_path": "/w/hello/Cargo.toml", "targets": [
                    {"name": "build-script-build", "kind": ["custom-build"]},
                    {"name": "hello-http", "kind": ["cdylib", "rlib"]}]},
                {"name": "my-tool", "manifest_path": "/w/tool/Cargo.toml", "targets": [{"name": "my-tool", "kind": ["bin"]}]}]}"#,
        )
        .expect("as cargo writes it");
        let component = |folder: &str| {
            let package = metadata.package_in(Path::new(folder)).expect("a package");
            package.component().ok().map(|path| path.display().to_string())
        };
        let release = "/w/target/wasm32-wasip2/release";
        assert_eq!(component("/w/hello"), Some(format!("{release}/hello_http.wasm")));
        assert_eq!(component("/w/tool"), Some(format!("{release}/my-tool.wasm")));
        assert_eq!(component("/w/one"), None);
        assert_eq!(metadata.package_in(Path::new("/w")), None);
    }
}
