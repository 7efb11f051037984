//! How a component is made of a folder.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cargo;
use crate::failure::Failure;

/// How a component is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Recipe {
    /// What builds it. None: somebody else does, and only the outcome is watched.
    pub(crate) build: Option<Build>,
    /// The file that comes of it. None when only a manifest names it.
    pub(crate) component: Option<PathBuf>,
    /// What the thing is called.
    pub(crate) name: String,
}

/// What builds a component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Build {
    /// A command for `sh -c`.
    Shell(String),
    /// Cargo.
    Cargo,
}

impl Recipe {
    /// Takes what was said, and finds out the rest: a Cargo package says by itself what comes of it.
    ///
    /// # Errors
    /// When there is nothing to go by, or Cargo's package makes no component.
    pub(crate) async fn find(
        folder: &Path,
        build: Option<String>,
        component: Option<PathBuf>,
        has_manifest: bool,
    ) -> Result<Self> {
        let is_cargo = folder.join("Cargo.toml").is_file();
        let package = match &component {
            None if is_cargo => cargo::package(folder).await?,
            _ => None,
        };
        let name = match &package {
            Some(package) => package.name.clone(),
            None => folder
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        let component = match (component, package) {
            (Some(file), _) => Some(folder.join(file)),
            // Whatever the package makes, the manifest says which files it wants.
            (None, _) if has_manifest => None,
            (None, Some(package)) => Some(package.component()?),
            (None, None) => return Err(nothing_to_go_by(folder, build.is_some(), is_cargo).into()),
        };
        let build = match build {
            Some(command) => Some(Build::Shell(command)),
            None => is_cargo.then_some(Build::Cargo),
        };
        Ok(Self { build, component, name })
    }
}

fn nothing_to_go_by(folder: &Path, has_build: bool, is_cargo: bool) -> Failure {
    let folder = folder.display();
    match (has_build, is_cargo) {
        (_, true) => Failure::usage(format!("{folder} is a Cargo workspace without a package of its own"))
            .help("give the folder of one of its packages, or say what builds it and what comes of it: --build COMMAND --component FILE"),
        (true, false) => Failure::usage("what the build makes is not known").help("name the file: --component FILE"),
        (false, false) => Failure::usage(format!("what builds the component in {folder} is not known"))
            .because("it is no Cargo package, and has no lattice.yaml")
            .help("say what builds it and what comes of it: --build COMMAND --component FILE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn find(build: Option<&str>, component: Option<&str>, has_manifest: bool) -> Result<Recipe, Failure> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let found = Recipe::find(
            folder.path(),
            build.map(str::to_owned),
            component.map(PathBuf::from),
            has_manifest,
        );
        found.await.map_err(|error| error.downcast().expect("a failure"))
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let error = find(None, None, false).await.expect_err("nothing");
        assert!(error.help.expect("help").contains("--build COMMAND --component FILE"));
        let error = find(Some("make"), None, false).await.expect_err("no file");
        assert!(error.help.expect("help").contains("--component"));
    }

    #[tokio::test]
    async fn somebody_else_may_build_and_a_manifest_may_name_the_file() {
        let recipe = find(None, Some("x.wasm"), false).await.expect("a file to watch");
        assert_eq!(recipe.build, None);
        let recipe = find(Some("make"), None, true).await.expect("the manifest says");
        assert_eq!(
            (recipe.build, recipe.component),
            (Some(Build::Shell("make".to_owned())), None)
        );
    }
}
