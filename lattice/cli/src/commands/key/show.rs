//! `lattice key show`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use lattice_core::trust::Issuer;
use serde::Serialize;

use crate::{
    app::App,
    failure::Failure,
    output::{Column, Document, Table, warn},
    session::{Session, now, read_seed},
};

/// Shows the keys of this context, and what the lattice's trust bundle lets each sign; never a seed
#[derive(Args, Debug)]
pub(super) struct Show {}

const COLUMNS: &[Column] = &[
    Column::always("KEY"),
    Column::always("IS"),
    Column::always("MAY SIGN"),
    Column::always("SEED HERE"),
    Column::wide("FILE"),
    Column::wide("SCOPE"),
];

#[derive(Serialize)]
struct KeyView {
    key: String,
    is: String,
    may_sign: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<serde_json::Value>,
}

impl Show {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let mut keys = Vec::new();
        let files = [
            ("operator", &context.keys.operator),
            ("issuer", &context.keys.issuer),
            ("control", &context.keys.control),
            ("nats account", &context.keys.nats_account),
        ];
        for (is, file) in files {
            if let Some(file) = file {
                keys.push(view(is, file)?);
            }
        }
        for operator in &context.trusted_operators {
            if !keys.iter().any(|key| key.key == operator.as_str()) {
                keys.push(KeyView {
                    key: operator.to_string(),
                    is: "operator".into(),
                    may_sign: vec![],
                    file: None,
                    scope: None,
                });
            }
        }
        for key in keys.iter_mut().filter(|key| key.is == "operator") {
            key.may_sign = vec!["trust".to_owned()];
        }
        // Which keys there are can be told without the lattice; what they may do, only it knows.
        match issuers(Session::connect(context).await).await {
            Ok(issuers) => issuers.iter().for_each(|issuer| add(&mut keys, issuer)),
            Err(error) => warn(format_args!("what these keys may sign is not known: {error:#}")),
        }
        let mut table = Table::new(COLUMNS);
        for key in &keys {
            table.row([
                key.key.clone(),
                key.is.clone(),
                key.may_sign.join(", "),
                if key.file.is_some() { "yes" } else { "no" }.to_owned(),
                key.file
                    .as_ref()
                    .map(|file| file.display().to_string())
                    .unwrap_or_default(),
                key.scope.as_ref().map(ToString::to_string).unwrap_or_default(),
            ]);
        }
        let names = keys.iter().map(|key| format!("key/{}", key.key)).collect();
        app.print(&Document::list(
            "KeyList",
            &keys,
            table,
            names,
            "this context has no keys",
        )?)
    }
}

fn view(is: &str, file: &Path) -> Result<KeyView> {
    let key = read_seed(file)?.public_key();
    Ok(KeyView {
        key,
        is: is.to_owned(),
        may_sign: vec![],
        file: Some(file.to_owned()),
        scope: None,
    })
}

async fn issuers(session: Result<Session>) -> Result<Vec<Issuer>> {
    let trust = session?
        .trust()
        .await?
        .ok_or_else(|| Failure::failed("the context names no operator to believe"))?;
    Ok(trust.bundle().map(|bundle| bundle.issuers.clone()).unwrap_or_default())
}

fn add(keys: &mut Vec<KeyView>, issuer: &Issuer) {
    let is_over = issuer.expires_at.is_some_and(|end| end < now());
    let roles = issuer.roles.iter().map(|role| {
        if is_over {
            format!("{role} (over)")
        } else {
            role.to_string()
        }
    });
    let scope = serde_json::to_value(&issuer.scope)
        .ok()
        .filter(|scope| *scope != serde_json::json!({}));
    match keys.iter_mut().find(|key| key.key == issuer.key.as_str()) {
        Some(key) => {
            key.may_sign.extend(roles);
            key.scope = key.scope.take().or(scope);
        }
        None => keys.push(KeyView {
            key: issuer.key.to_string(),
            is: "issuer".to_owned(),
            may_sign: roles.collect(),
            file: None,
            scope,
        }),
    }
}
