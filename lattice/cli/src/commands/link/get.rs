//! `lattice link get`

use anyhow::Result;
use clap::Args;
use lattice_core::{LinkClaims, UnlinkClaims, token::Unverified};
use serde::Serialize;
use serde_json::Value;

use crate::{
    app::App,
    failure::Failure,
    output::{Column, Document, Table},
};

/// Shows link tokens as they are stored, unverified (`lattice get links` shows what members make of them)
#[derive(Args, Debug)]
pub(super) struct Get {
    /// Only this link: its id, or the name of its source
    link: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::always("LINK"),
    Column::always("TYPE"),
    Column::always("GENERATION"),
    Column::always("EXPIRES"),
    Column::wide("ISSUER"),
    Column::wide("KEY"),
];

/// A stored token, taken apart.
#[derive(Serialize)]
struct StoredToken {
    key: String,
    link: String,
    #[serde(rename = "type")]
    kind: String,
    generation: Option<u64>,
    issuer: String,
    expires: String,
    claims: Value,
    token: String,
}

impl Get {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = app.connect().await?;
        let stored = session.client.stored_links().await?;
        let mut tokens: Vec<StoredToken> = stored.iter().map(|stored| read(&stored.key, &stored.token)).collect();
        if let Some(link) = &self.link {
            let id = link.strip_prefix("link/").unwrap_or(link);
            tokens.retain(|token| super::is_about(&token.link, id));
            if tokens.is_empty() {
                return Err(Failure::not_found(format!("no stored token is of `{link}`"))
                    .help("`lattice link get -o name` lists them")
                    .into());
            }
        }
        tokens.sort_by(|a, b| a.link.cmp(&b.link));
        let mut table = Table::new(COLUMNS);
        for token in &tokens {
            table.row([
                token.link.clone(),
                token.kind.clone(),
                token
                    .generation
                    .map_or_else(String::new, |generation| generation.to_string()),
                token.expires.clone(),
                token.issuer.clone(),
                token.key.clone(),
            ]);
        }
        let names = tokens.iter().map(|token| format!("link/{}", token.link)).collect();
        let empty = "no link tokens are stored: make one with `lattice link put SOURCE INTERFACE TARGET`";
        app.print(&Document::list("LinkTokenList", &tokens, table, names, empty)?)
    }
}

fn read(key: &str, bytes: &[u8]) -> StoredToken {
    let token = String::from_utf8_lossy(bytes).into_owned();
    let Ok(parsed) = Unverified::parse_bytes(bytes) else {
        let (kind, link) = ("unreadable".to_owned(), format!("key {key}"));
        let (issuer, expires) = (String::new(), String::new());
        return StoredToken {
            key: key.to_owned(),
            link,
            kind,
            generation: None,
            issuer,
            expires,
            claims: Value::Null,
            token,
        };
    };
    let head = parsed.head();
    let link = parsed.claims::<LinkClaims>().ok();
    let generation = link.as_ref().map(|link| link.body.generation);
    let generation = generation.or_else(|| Some(parsed.claims::<UnlinkClaims>().ok()?.body.generation));
    StoredToken {
        key: key.to_owned(),
        link: head.subject.clone(),
        kind: head.kind.clone(),
        generation,
        issuer: head.issuer.clone(),
        expires: head.expires_at.to_string(),
        claims: link
            .and_then(|link| serde_json::to_value(link.body).ok())
            .unwrap_or_default(),
        token,
    }
}
