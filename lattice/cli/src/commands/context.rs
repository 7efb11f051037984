//! `lattice context`

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    app::App,
    context::{self, ContextFile},
    output::{Column, Document, Table, note},
};

/// Shows or selects the lattice that commands talk to
#[derive(Args, Debug)]
pub(crate) struct Context {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists contexts
    #[command(alias = "list")]
    Ls,
    /// Selects a context
    Use {
        /// Its name
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    Column::always("NAME"),
    Column::always("LATTICE"),
    Column::always("NATS"),
    Column::always("SELECTED"),
    Column::wide("OPERATORS"),
];

#[derive(Serialize)]
struct Named {
    name: String,
    selected: bool,
    #[serde(flatten)]
    context: ContextFile,
}

impl Context {
    pub(crate) fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Ls => list(app),
            Action::Use { name } => {
                context::select(&app.home, &name)?;
                note(format_args!("commands talk to `{name}` now"));
                Ok(())
            }
        }
    }
}

fn list(app: &App) -> Result<()> {
    let selected = context::current(&app.home)?;
    let mut contexts = Vec::new();
    for name in context::names(&app.home)? {
        let context = context::load(&app.home, &name)?;
        contexts.push(Named {
            selected: selected.as_ref() == Some(&name),
            name,
            context,
        });
    }
    let mut table = Table::new(COLUMNS);
    for named in &contexts {
        let nats = &named.context.nats;
        let operators: Vec<&str> = named
            .context
            .trusted_operators
            .iter()
            .map(lattice_core::OperatorId::as_str)
            .collect();
        table.row([
            named.name.clone(),
            named.context.lattice.to_string(),
            nats.url.clone().or_else(|| nats.context.clone()).unwrap_or_default(),
            if named.selected { "*" } else { "" }.to_owned(),
            operators.join(" "),
        ]);
    }
    let names = contexts.iter().map(|named| format!("context/{}", named.name)).collect();
    app.print(&Document::list(
        "ContextList",
        &contexts,
        table,
        names,
        "no contexts: `lattice up` makes one",
    )?)
}
