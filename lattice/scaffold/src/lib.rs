//! Projects to begin with: the example actor in five languages, each with what it takes to build and run it.
//!
//! The sources are those of `actors/hello-*`, of which this crate carries a copy made when it is compiled. `cargo xtask guests`
//! builds these very projects with the commands they name, so that what a person is handed is what the tests have run.
//!
//! ```
//! use lattice_scaffold::{Language, Project};
//!
//! let project = Project::new("greeter".parse()?, Language::Go);
//! assert!(project.files().iter().any(|file| file.path == "main.go"));
//! # Ok::<(), lattice_scaffold::ParseNameError>(())
//! ```

mod language;
mod name;
mod project;
mod readme;
mod sources;

pub use language::{Language, Need};
pub use name::{ParseNameError, ProjectName};
pub use project::{CreateError, File, Project};
