//! `lattice key issuer`

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use lattice_core::{
    IssuerId,
    scope::{Glob, Scope},
    trust::{self, Role},
};
use serde::Serialize;

use crate::{
    app::App,
    args::duration,
    bundle,
    failure::Failure,
    output::Document,
    session::{Session, now},
};

/// Says which keys may sign for the lattice, in a new trust bundle
#[derive(Args, Debug)]
pub(super) struct Issuer {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
    /// Takes a key all its rights; what it signed is dead at once
    Remove {
        /// The issuer (A…)
        key: IssuerId,
    },
}

/// Lets a key sign
#[derive(Args, Debug)]
struct Add {
    /// The issuer (A…)
    key: IssuerId,
    /// What it may sign; may be repeated
    #[arg(long = "role", value_enum, required = true)]
    roles: Vec<RoleArg>,
    /// Only links of sources such as `actor/shop-*`; may be repeated
    #[arg(long = "source", value_name = "PATTERN")]
    sources: Vec<Glob>,
    /// Only links to targets such as `provider/kv`; may be repeated
    #[arg(long = "target", value_name = "PATTERN")]
    targets: Vec<Glob>,
    /// Only links for interfaces such as `wasi:*`; may be repeated
    #[arg(long = "interface", value_name = "PATTERN")]
    interfaces: Vec<Glob>,
    /// Only commands such as `actor-*`; may be repeated
    #[arg(long = "verb", value_name = "PATTERN")]
    verbs: Vec<Glob>,
    /// For how long; without it as long as the bundle
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expires: Option<Duration>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// Links and their ends.
    Link,
    /// Enrolments of hosts and providers.
    Host,
    /// Commands.
    Control,
    /// Components.
    Image,
    /// Code compiled elsewhere.
    Aot,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Link => Self::Link,
            RoleArg::Host => Self::Host,
            RoleArg::Control => Self::Control,
            RoleArg::Image => Self::Image,
            RoleArg::Aot => Self::Aot,
        }
    }
}

#[derive(Serialize)]
struct Changed {
    key: IssuerId,
    serial: u64,
}

impl Issuer {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect(app.context()?).await?;
        let (key, what, serial) = match self.action {
            Action::Add(add) => {
                let entry = add.entry();
                let key = entry.key.clone();
                let serial = bundle::change(&session, |bundle| {
                    bundle.issuers.push(entry);
                    Ok(())
                });
                (key, "may sign", serial.await?)
            }
            Action::Remove { key } => {
                let serial = bundle::change(&session, |bundle| {
                    let before = bundle.issuers.len();
                    bundle.issuers.retain(|issuer| issuer.key != key);
                    if bundle.issuers.len() == before {
                        return Err(Failure::not_found(format!("the trust bundle does not name {key}")).into());
                    }
                    Ok(())
                });
                let serial = serial.await?;
                (key, "may sign nothing", serial)
            }
        };
        let text = format!("{key} {what} as of trust bundle {serial}");
        app.print(&Document::single(
            "TrustBundle",
            format!("issuer/{key}"),
            &Changed { key, serial },
            text,
        )?)
    }
}

impl Add {
    fn entry(self) -> trust::Issuer {
        let restriction = |globs: Vec<Glob>| (!globs.is_empty()).then_some(globs);
        let roles: BTreeSet<Role> = self.roles.into_iter().map(Role::from).collect();
        let scope = Scope {
            sources: restriction(self.sources),
            targets: restriction(self.targets),
            interfaces: restriction(self.interfaces),
            verbs: restriction(self.verbs),
            ..Scope::default()
        };
        let expires_at = self.expires.map(|expires| now().after(expires));
        trust::Issuer {
            key: self.key,
            roles,
            scope,
            not_before: None,
            expires_at,
        }
    }
}
