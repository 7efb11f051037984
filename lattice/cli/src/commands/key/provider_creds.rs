//! `lattice key provider-creds`

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::{
    MemberId, ProviderKey, ProviderName,
    token::{self, Draft, ProviderGrant, Validity},
};
use nkeys::KeyPair;
use serde::Serialize;

use crate::{
    app::App,
    args::duration,
    enrolment::{self, Enrolment},
    files::{self, Privacy},
    output::{Document, note},
    permissions,
    session::now,
    trust_root::load_or_create_key,
};

/// Enrols a provider that runs as its own process: makes a folder with its key, token and NATS credentials, scoped to it
#[derive(Args, Debug)]
pub(super) struct ProviderCreds {
    /// What links call it
    name: ProviderName,
    /// The provider's own key (V…); without it a key is made here, and its seed is in the folder
    #[arg(long, value_name = "KEY")]
    key: Option<ProviderKey>,
    /// How long the enrolment lasts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    expires: Duration,
    /// The folder to make [default: the name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Enrolled {
    name: ProviderName,
    provider: ProviderKey,
    folder: PathBuf,
    config: PathBuf,
}

impl ProviderCreds {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let enrolment = Enrolment::open(&context)?;
        let folder = self.out.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let folder = std::path::absolute(&folder).with_context(|| format!("{} is no path", folder.display()))?;
        files::create_private_dir(&folder)?;
        let provider: ProviderKey = match self.key {
            Some(key) => key,
            None => load_or_create_key(&folder.join("provider.seed"), KeyPair::new_service)?
                .public_key()
                .parse()?,
        };
        let member = MemberId::from(&provider);
        let until = now().after(self.expires);
        let allowed = permissions::provider(&context.lattice, &member);
        let user = enrolment.write_nats_user(
            &folder.join("nats.creds"),
            &format!("provider {}", self.name),
            allowed,
            until,
        )?;
        let body = ProviderGrant {
            provides: [self.name.clone()].into(),
            labels: Default::default(),
            user,
        };
        let validity = Validity::lasting(now(), self.expires);
        let draft = Draft {
            subject: provider.to_string(),
            lattice: context.lattice.clone(),
            validity,
            body,
        };
        let token = token::sign(&enrolment.issuer, &draft)?;
        files::write_atomically(&folder.join("provider.jwt"), token.as_bytes(), Privacy::Secret)?;

        let creds = enrolment.nats_account.is_some().then(|| folder.join("nats.creds"));
        let mut settings = enrolment::connection_settings(&context, creds);
        settings.push(("name", self.name.as_str().into()));
        settings.push(("data-dir", folder.to_string_lossy().as_ref().into()));
        let config = folder.join("provider.toml");
        files::write_atomically(&config, enrolment::to_toml(&settings).as_bytes(), Privacy::Plain)?;
        note(format_args!(
            "start it with: lattice-provider-KIND --config {}",
            config.display()
        ));
        let text = format!("provider/{} enrolled as {provider} until {until}", self.name);
        let name = format!("provider/{}", self.name);
        app.print(&Document::single(
            "Enrolment",
            name,
            &Enrolled {
                name: self.name,
                provider,
                folder,
                config,
            },
            text,
        )?)
    }
}
