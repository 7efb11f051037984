//! `lattice link verify`

use std::io::Read;

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::{LinkId, Refusal, Trust, UnixSeconds, link_table::LinkTable, token::Unverified};
use serde::Serialize;

use crate::{
    app::App,
    failure::{Exit, Failure},
    output::{Column, Document, Table},
    session::{Session, now},
};

/// Verifies link tokens here, as every member does: all that are stored, or those in a file
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// A file with a token, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// Only this link: its id, or the name of its source
    link: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::always("LINK"),
    Column::always("RESULT"),
    Column::always("WHY"),
    Column::wide("KEY"),
];

/// A token and whether it holds.
#[derive(Serialize)]
struct Checked {
    link: String,
    key: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Verify {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect(app.context()?).await?;
        let trust = session.trust().await?.ok_or_else(|| {
            Failure::new(Exit::Denied, "there is nobody to trust")
                .because("this context names no operator whose trust bundle to believe")
                .help("use a context with `trustedOperators`: `lattice context ls`")
        })?;
        let mut checked: Vec<Checked> = match &self.file {
            Some(file) => vec![check_file(file, &trust)?],
            None => {
                let stored = session.client.stored_links().await?;
                stored
                    .iter()
                    .map(|stored| check(&stored.key, &stored.token, &trust, now()))
                    .collect()
            }
        };
        if let Some(link) = &self.link {
            let id = link.strip_prefix("link/").unwrap_or(link);
            checked.retain(|checked| super::is_about(&checked.link, id));
            if checked.is_empty() {
                return Err(Failure::not_found(format!("no stored token is of `{link}`")).into());
            }
        }
        checked.sort_by(|a, b| a.link.cmp(&b.link));
        let mut table = Table::new(COLUMNS);
        for one in &checked {
            let result = if one.valid {
                "valid"
            } else {
                one.code.unwrap_or("refused")
            };
            table.row([
                one.link.clone(),
                result.to_owned(),
                one.why.clone().unwrap_or_default(),
                one.key.clone(),
            ]);
        }
        let names = checked.iter().map(|one| format!("link/{}", one.link)).collect();
        app.print(&Document::list(
            "LinkVerification",
            &checked,
            table,
            names,
            "no link tokens are stored",
        )?)?;
        match checked.iter().filter(|one| !one.valid).count() {
            0 => Ok(()),
            bad => Err(Failure::new(Exit::Denied, format!("{bad} of {} tokens do not hold", checked.len())).into()),
        }
    }
}

fn check_file(file: &str, trust: &Trust) -> Result<Checked> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    }
    let token = text.trim();
    // Where it would be stored; for what is not a link at all, any key shows the better reason.
    let key = Unverified::parse(token)
        .ok()
        .and_then(|token| token.head().subject.parse::<LinkId>().ok());
    let key = key.map(|link| link.link_key()).unwrap_or_default();
    Ok(check(&key, token.as_bytes(), trust, now()))
}

/// Checks one token alone, with nothing known of earlier generations.
fn check(key: &str, token: &[u8], trust: &Trust, now: UnixSeconds) -> Checked {
    let link = Unverified::parse_bytes(token).map(|token| token.head().subject.clone());
    let refusal: Option<Refusal> = LinkTable::new().admit(key, token, trust, now).err();
    Checked {
        link: link.unwrap_or_else(|_| format!("key {key}")),
        key: key.to_owned(),
        valid: refusal.is_none(),
        code: refusal.as_ref().map(Refusal::code),
        why: refusal.map(|refusal| refusal.to_string()),
    }
}
