//! `lattice new`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, builder::PossibleValue};
use lattice_scaffold::{CreateError, Language, Project, ProjectName};
use serde::Serialize;

use crate::{app::App, failure::Failure, output::Document};

/// Makes a folder with an actor to begin with: its source, how it is built, and a manifest that runs it
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What to call it
    name: ProjectName,
    /// The language to write it in
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Lang,
    /// The folder to make; one that is there must be empty [default: the name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// A language, as it is typed.
#[derive(Clone, Copy, Debug)]
struct Lang(Language);

impl clap::ValueEnum for Lang {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(Language::Rust),
            Self(Language::Go),
            Self(Language::JavaScript),
            Self(Language::Python),
            Self(Language::C),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.0.as_str());
        Some(match self.0 {
            Language::JavaScript => value.alias("javascript"),
            Language::Rust | Language::Go | Language::Python | Language::C => value,
        })
    }
}

#[derive(Serialize)]
struct Made {
    name: String,
    language: &'static str,
    folder: PathBuf,
    build: &'static str,
    component: String,
    needs: Vec<String>,
}

impl New {
    pub(crate) fn run(self, app: &App) -> Result<()> {
        let folder = self.out.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let project = Project::new(self.name, self.lang.0);
        project.create(&folder).map_err(failure)?;
        let language = project.language();
        let needs = language.needs();
        let made = Made {
            name: project.name().to_string(),
            language: language.as_str(),
            build: language.build_command(),
            component: project.component(),
            needs: needs.iter().map(|need| need.what.to_owned()).collect(),
            folder,
        };
        let needs: String = needs
            .iter()
            .map(|need| format!("  {}: {}\n", need.what, need.get))
            .collect();
        let text = format!(
            "{name}: an actor in {title}, in {folder}\n\nit takes\n{needs}\nthen\n  cd {folder}\n  {build}\n  lattice up --detached\n  \
             lattice apply -f app.yaml --wait\n  curl 'localhost:8000/?name=Ada'\n",
            name = made.name,
            title = language.title(),
            folder = made.folder.display(),
            build = made.build,
        );
        app.print(&Document::single(
            "Project",
            format!("project/{}", made.name),
            &made,
            text,
        )?)
    }
}

fn failure(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::NotEmpty(_) | CreateError::NotAFolder(_) => {
            Failure::new(crate::failure::Exit::Conflict, error.to_string())
                .help("give a folder that is not there yet: --out FOLDER")
                .into()
        }
        CreateError::Look { .. } | CreateError::Write { .. } => error.into(),
    }
}
