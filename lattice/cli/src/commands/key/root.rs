//! `lattice key root`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::{LatticeId, OperatorId};
use serde::Serialize;

use crate::{
    app::App,
    context::{self, ContextFile, KeyFiles, NatsSettings},
    failure::Failure,
    files::{self, Privacy},
    kubernetes::{self, Api, RootSecrets},
    output::{Document, note},
    permissions,
    session::now,
    trust_root::{TrustRoot, user_of},
};

/// Makes the keys of a lattice in a folder: operator, issuers, trust bundle, and a NATS account with the server's settings.
/// What is there already stays
#[derive(Args, Debug)]
pub(super) struct Root {
    /// The folder; for your eyes only
    folder: PathBuf,
    /// Keeps the keys in Kubernetes Secrets of this name's making (`NAME-root`, `NAME-trust`, …) in the namespace this runs in
    #[arg(long, value_name = "NAME")]
    kubernetes_secrets: Option<String>,
    /// Where the token, the authority and the namespace of the Kubernetes service account are
    #[arg(long, value_name = "FOLDER", default_value = kubernetes::SERVICE_ACCOUNT, requires = "kubernetes_secrets")]
    service_account: PathBuf,
}

#[derive(Serialize)]
struct Made {
    operator: OperatorId,
    folder: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

impl Root {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let folder =
            std::path::absolute(&self.folder).with_context(|| format!("{} is no path", self.folder.display()))?;
        let lattice = app.overrides.lattice.clone().unwrap_or_else(context::default_lattice);
        let Some(prefix) = &self.kubernetes_secrets else {
            let root = fill(&folder, &lattice)?;
            let context = save_context(app, &folder, &lattice, &root)?;
            return print(app, &root, folder, Some(context));
        };
        let secrets = RootSecrets::new(Api::in_cluster(&self.service_account)?, prefix);
        files::create_private_dir(&folder)?;
        if !secrets.fetch(&folder).await? {
            note(format_args!(
                "Secret {prefix}-trust is there and {prefix}-root is not: the keys are kept elsewhere, and left alone"
            ));
            return Ok(());
        }
        let root = fill(&folder, &lattice)?;
        secrets.store(&folder).await?;
        print(app, &root, folder, None)
    }
}

/// Makes what is missing in the folder.
fn fill(folder: &Path, lattice: &LatticeId) -> Result<TrustRoot> {
    let (root, _) = TrustRoot::with_enroller(folder, lattice, now())?;
    // Without a line's end: it becomes the value of LATTICE_OPERATORS.
    files::write_atomically(
        &folder.join("operators"),
        root.operator()?.as_str().as_bytes(),
        Privacy::Plain,
    )?;
    // Signed anew they would differ each time, and servers would be told of a change that is none.
    let server = folder.join("nats.conf");
    if !server.exists() {
        let text = root.server_trust(now())?.config();
        files::write_atomically(&server, text.as_bytes(), Privacy::Plain)?;
    }
    let creds = folder.join("cli.creds");
    if !creds.exists() {
        root.write_credentials(&creds, "cli", |user| permissions::cli(lattice, user), now())?;
    }
    Ok(root)
}

/// Makes the context that uses these keys; one that exists is not replaced by another.
fn save_context(app: &App, folder: &Path, lattice: &LatticeId, root: &TrustRoot) -> Result<String> {
    let name = app.overrides.context.clone().unwrap_or_else(|| lattice.to_string());
    let creds = folder.join("cli.creds");
    let context = ContextFile {
        lattice: lattice.clone(),
        nats: NatsSettings {
            url: app.overrides.nats_url.clone(),
            inbox_prefix: Some(permissions::inbox_prefix(&user_of(&creds)?)),
            creds: Some(creds),
            ..NatsSettings::default()
        },
        trusted_operators: vec![root.operator()?],
        keys: KeyFiles {
            operator: Some(root.seed_file("operator")),
            issuer: Some(root.seed_file("issuer")),
            control: Some(root.seed_file("user")),
            nats_account: Some(root.seed_file("nats-account")),
        },
        made_by_up: false,
    };
    if context::names(&app.home)?.contains(&name) {
        let known = context::load(&app.home, &name)?;
        if known.made_by_up || known.keys != context.keys {
            return Err(
                Failure::failed(format!("the context `{name}` is there already and has other keys"))
                    .help("choose another name with --context")
                    .into(),
            );
        }
    }
    context::save(&app.home, &name, &context)?;
    note(format_args!(
        "use it with `lattice context use {name}` or --context {name}"
    ));
    Ok(name)
}

fn print(app: &App, root: &TrustRoot, folder: PathBuf, context: Option<String>) -> Result<()> {
    let operator = root.operator()?;
    let text = format!("operator {operator}\nfolder   {}", folder.display());
    let made = Made {
        operator: operator.clone(),
        folder,
        context,
    };
    app.print(&Document::single(
        "TrustRoot",
        format!("operator/{operator}"),
        &made,
        text,
    )?)
}
