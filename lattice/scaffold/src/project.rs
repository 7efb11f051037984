//! A project: which files it has, and writing them.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Language, ProjectName, readme, sources};

/// What runs the component, put in with the project's names.
const MANIFEST: &str = include_str!("app.yaml");

/// A project that can be written to a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    name: ProjectName,
    language: Language,
}

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the project, with `/` between folders.
    pub path: &'static str,
    /// What is in it.
    pub contents: Cow<'static, [u8]>,
}

/// Why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is something in the folder.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// There is something else where the folder should be.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Nobody can tell whether there is something in the folder.
    #[error("cannot look into {}", .folder.display())]
    Look {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file was not written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Project {
    /// The example in a language, under a name.
    pub fn new(name: ProjectName, language: Language) -> Self {
        Self { name, language }
    }

    /// Every file of the project.
    pub fn files(&self) -> Vec<File> {
        let taken = sources::of(self.language).iter().map(|(path, bytes)| File {
            path,
            contents: self.named(path, bytes),
        });
        let beside = sources::beside(self.language).into_iter().map(|(path, bytes)| File {
            path,
            contents: bytes.into(),
        });
        let made = [("app.yaml", self.manifest()), ("README.md", readme::readme(self))].map(|(path, text)| File {
            path,
            contents: text.into_bytes().into(),
        });
        taken.chain(beside).chain(made).collect()
    }

    /// Writes the project into a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If the folder has anything in it already, or cannot be written. What was written before that stays.
    pub fn create(&self, folder: &Path) -> Result<(), CreateError> {
        match fs::read_dir(folder).and_then(|mut entries| entries.next().transpose()) {
            Ok(Some(_)) => return Err(CreateError::NotEmpty(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(CreateError::NotAFolder(folder.to_owned()));
            }
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(CreateError::Look {
                    folder: folder.to_owned(),
                    source,
                });
            }
            Ok(None) | Err(_) => {}
        }
        for file in self.files() {
            let path = folder.join(file.path);
            write(&path, &file.contents).map_err(|source| CreateError::Write { path, source })?;
        }
        Ok(())
    }

    /// What it is called.
    pub fn name(&self) -> &ProjectName {
        &self.name
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Where the build puts the component, within the project.
    pub fn component(&self) -> String {
        match self.language {
            Language::Rust => format!(
                "target/wasm32-wasip2/release/{}.wasm",
                self.name.as_str().replace('-', "_")
            ),
            _ => "actor.wasm".to_owned(),
        }
    }

    /// A file of the example, with the project's name where that of the example is.
    fn named(&self, path: &str, bytes: &'static [u8]) -> Cow<'static, [u8]> {
        if !matches!(path, "Cargo.toml" | "package.json") {
            return bytes.into();
        }
        let text = std::str::from_utf8(bytes).expect("manifests are text");
        let mut text = text.replace(&format!("hello-{}", self.language), self.name.as_str());
        if self.language == Language::Rust {
            text.push_str(&format!(
                "\n# A workspace of its own, whatever is in the folders above.\n[workspace]\n\n{}\n",
                sources::rust_profile().trim_end()
            ));
        }
        text.into_bytes().into()
    }

    fn manifest(&self) -> String {
        MANIFEST
            .replace("NAME", self.name.as_str())
            .replace("COMPONENT", &self.component())
    }
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(language: Language) -> Project {
        Project::new("greeter".parse().expect("a name"), language)
    }

    fn text(project: &Project, path: &str) -> String {
        let file = project.files().into_iter().find(|file| file.path == path);
        let contents = file.unwrap_or_else(|| panic!("no {path}")).contents;
        String::from_utf8(contents.into_owned()).expect("text")
    }

    #[test]
    fn manifests_carry_the_name_of_the_project_and_nothing_else_is_changed() {
        for language in Language::ALL {
            let project = project(language);
            for (path, bytes) in sources::of(language) {
                let file = text(&project, path);
                match *path {
                    "Cargo.toml" | "package.json" => {
                        assert!(file.contains("greeter") && !file.contains("hello-"), "{path}: {file}");
                    }
                    _ => assert_eq!(file.as_bytes(), *bytes, "{path}"),
                }
            }
            let manifest = text(&project, "app.yaml");
            assert!(
                manifest.contains(&project.component()) && !manifest.contains("NAME"),
                "{manifest}"
            );
            let readme = text(&project, "README.md");
            assert!(readme.contains(language.build_command()), "{readme}");
            let main = project.files().iter().any(|file| file.path == language.main_file());
            assert!(main, "{language} has no {}", language.main_file());
        }
    }

    #[test]
    fn a_crate_stands_by_itself() {
        let manifest = text(&project(Language::Rust), "Cargo.toml");
        assert!(!manifest.contains(".workspace = true"), "{manifest}");
        assert!(
            manifest.contains("\n[workspace]\n") && manifest.contains("\n[profile.release]\n"),
            "{manifest}"
        );
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = project(Language::Python);
        project.create(&folder.path().join("new/deep")).expect("is made");
        let again = project.create(&folder.path().join("new/deep"));
        assert!(matches!(again, Err(CreateError::NotEmpty(_))), "{again:?}");
        let file = project.create(&folder.path().join("new/deep/app.py"));
        assert!(matches!(file, Err(CreateError::NotAFolder(_))), "{file:?}");
    }
}
