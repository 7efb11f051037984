//! `lattice key revoke`

use anyhow::Result;
use clap::Args;
use lattice_core::{IssuerId, MemberId, UnixSeconds};
use serde::Serialize;

use crate::{
    app::App,
    bundle,
    failure::Failure,
    output::Document,
    resolve,
    session::{Session, now},
};

/// Kills tokens, in a new trust bundle: one by its id, or all that a key signed, or that are about a member, until now
#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// The id of a token, an issuer (A…), a host or provider (N…, V…), or a host's name
    what: String,
}

#[derive(Serialize)]
struct Revoked {
    revoked: String,
    serial: u64,
}

/// What is revoked.
enum What {
    /// All tokens signed by this key or about it, issued before now.
    Key(String),
    /// One token.
    Token(String),
}

impl Revoke {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect(app.context()?).await?;
        let what = self.what(&session).await?;
        let serial = bundle::change(&session, |bundle| {
            match &what {
                // Issued in this very second counts as before: the second after is the first good one.
                What::Key(key) => drop(
                    bundle
                        .revoked_before
                        .insert(key.clone(), UnixSeconds::new(now().get() + 1)),
                ),
                What::Token(id) => drop(bundle.revoked_ids.insert(id.clone())),
            }
            Ok(())
        })
        .await?;
        let (What::Key(revoked) | What::Token(revoked)) = what;
        let text = format!("{revoked} is revoked as of trust bundle {serial}");
        app.print(&Document::single(
            "TrustBundle",
            format!("revoked/{revoked}"),
            &Revoked { revoked, serial },
            text,
        )?)
    }

    async fn what(&self, session: &Session) -> Result<What> {
        let text = &self.what;
        if text.parse::<IssuerId>().is_ok() || text.parse::<MemberId>().is_ok() {
            return Ok(What::Key(text.clone()));
        }
        if is_token_id(text) {
            return Ok(What::Token(text.clone()));
        }
        let members = session.members().await?;
        match resolve::member(&members, text) {
            Ok(member) => Ok(What::Key(member.member.to_string())),
            Err(failure) => Err(Failure {
                what: format!("`{text}` is no key, no token's id and no host"),
                ..failure
            }
            .into()),
        }
    }
}

/// Token ids are base32 of 32 bytes, without padding.
fn is_token_id(text: &str) -> bool {
    text.len() == 52
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}
