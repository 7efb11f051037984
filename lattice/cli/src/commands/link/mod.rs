//! `lattice link`

mod del;
mod get;
mod parties;
mod put;
mod verdicts;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};
use lattice_core::LinkId;

use crate::app::App;

/// Makes, shows, checks and ends links: signed grants that let an actor or provider use another
#[derive(Args, Debug)]
pub(crate) struct Link {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Put(put::Put),
    Get(get::Get),
    Del(del::Del),
    Verify(verify::Verify),
}

impl Link {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self.action {
            Action::Put(put) => put.run(app).await,
            Action::Get(get) => get.run(app).await,
            Action::Del(del) => del.run(app).await,
            Action::Verify(verify) => verify.run(app).await,
        }
    }
}

/// Whether the link called `id` is the one that was asked for: by its id, or by its source, with or without its kind.
fn is_about(id: &str, asked: &str) -> bool {
    let source = id.parse::<LinkId>().ok().map(|id| id.parts().source);
    id == asked || source.is_some_and(|source| source.name() == asked || source.to_string() == asked)
}

#[cfg(test)]
mod tests {
    use super::is_about;

    #[test]
    fn a_link_is_asked_for_by_its_id_or_its_source() {
        let id = "lnk:default/actor/ping/wasi:http/nope/default";
        for asked in [id, "ping", "actor/ping"] {
            assert!(is_about(id, asked), "{asked}");
        }
        for asked in ["nope", "actor", "default", "wasi:http", "pin"] {
            assert!(!is_about(id, asked), "{asked}");
        }
    }
}
