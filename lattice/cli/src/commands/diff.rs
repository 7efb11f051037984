//! `lattice diff`

use anyhow::Result;
use clap::Args;
use lattice_core::Application;
use serde::Serialize;
use similar::TextDiff;

use crate::{
    app::App,
    applications::verified,
    failure::Failure,
    manifests::ManifestArgs,
    output::{Document, for_programs, to_yaml},
    session::Session,
};

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// Shows what applying manifests would change; exits with 7 when it would change anything
#[derive(Args, Debug)]
pub(crate) struct Diff {
    #[command(flatten)]
    manifests: ManifestArgs,
}

#[derive(Serialize)]
struct Difference {
    name: String,
    differs: bool,
    diff: String,
}

impl Diff {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let declared = self.manifests.load(Some(&session)).await?;
        let mut differences = Vec::new();
        for declared in &declared {
            let next = &declared.application;
            let at = session.client.app(&next.name).await?;
            let current = at.as_ref().map(verified).transpose()?;
            let current = current.filter(|current| !current.revision.is_deletion());
            let text = between(current.map(|current| &current.revision.application), next)?;
            differences.push(Difference {
                name: next.name.to_string(),
                differs: !text.is_empty(),
                diff: text,
            });
        }
        let text: String = differences.iter().map(|difference| difference.diff.as_str()).collect();
        let names = differences.iter().filter(|difference| difference.differs);
        let names = names.map(|difference| format!("app/{}", difference.name)).collect();
        let differs = differences.iter().any(|difference| difference.differs);
        app.print(&Document::plain_list("DifferenceList", &differences, names, text)?)?;
        match differs {
            true => Err(Failure::differs().into()),
            false => Ok(()),
        }
    }
}

/// What changes, as a unified diff; empty when nothing does.
pub(super) fn between(current: Option<&Application>, next: &Application) -> Result<String> {
    let text = |application: &Application| -> Result<String> { Ok(to_yaml(&for_programs(application)?)) };
    let old = current.map(text).transpose()?.unwrap_or_default();
    let new = text(next)?;
    if current == Some(next) {
        return Ok(String::new());
    }
    let diff = TextDiff::from_lines(&old, &new);
    let (from, to) = (format!("app/{} now", next.name), format!("app/{} applied", next.name));
    Ok(diff
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&from, &to)
        .to_string())
}
