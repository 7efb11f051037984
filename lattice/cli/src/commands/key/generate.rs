//! `lattice key gen`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nkeys::KeyPair;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    app::App,
    failure::Failure,
    files::{self, Privacy},
    output::{Document, note},
};

/// Makes a key: its public part is printed, its seed goes to a file for your eyes only
#[derive(Args, Debug)]
pub(super) struct Generate {
    /// What it is for
    #[arg(value_enum)]
    kind: Kind,
    /// Where to put the seed [default: <public key>.seed]
    #[arg(long, value_name = "FILE", conflicts_with = "show_seed")]
    out: Option<PathBuf>,
    /// Prints the seed instead of writing it to a file
    #[arg(long)]
    show_seed: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Signs trust bundles (O…). Keep it offline.
    Operator,
    /// Signs links, enrolments and commands, as its roles allow (A…).
    Issuer,
    /// Is a host (N…).
    Host,
    /// Is a provider that runs alone (V…).
    Provider,
    /// Is a user of NATS (U…).
    User,
}

#[derive(Serialize)]
struct Made {
    public: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

impl Generate {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let key = match self.kind {
            Kind::Operator => KeyPair::new_operator(),
            Kind::Issuer => KeyPair::new_account(),
            Kind::Host => KeyPair::new_server(),
            Kind::Provider => KeyPair::new_service(),
            Kind::User => KeyPair::new_user(),
        };
        let public = key.public_key();
        let seed = Zeroizing::new(key.seed().context("a new key without a seed")?);
        let made = if self.show_seed {
            Made {
                seed: Some(seed.to_string()),
                public: public.clone(),
                file: None,
            }
        } else {
            let file = self.out.unwrap_or_else(|| PathBuf::from(format!("{public}.seed")));
            if file.exists() {
                return Err(Failure::failed(format!("{} exists", file.display()))
                    .because("a seed that is overwritten is lost")
                    .help("name another file with --out")
                    .into());
            }
            let line = Zeroizing::new(format!("{}\n", *seed));
            files::write_atomically(&file, line.as_bytes(), Privacy::Secret)?;
            note(format_args!("the seed is in {}", file.display()));
            Made {
                seed: None,
                public: public.clone(),
                file: Some(file),
            }
        };
        let text = match &made.seed {
            Some(seed) => format!("{public}\n{seed}"),
            None => public.clone(),
        };
        app.print(&Document::single("Key", format!("key/{public}"), &made, text)?)
    }
}
