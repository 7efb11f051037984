//! Writing down what makes a machine a host.

use anyhow::{Context as _, Result};
use lattice_core::{
    OperatorId,
    invitation::{Admitted, Invitation},
    token::nats,
};
use nkeys::KeyPair;
use serde_json::Value;
use zeroize::Zeroizing;

use super::layout::Layout;
use crate::{
    enrolment,
    files::{self, Privacy},
};

/// What a machine got, and from whom.
pub(crate) struct Enrolled<'a> {
    /// What it was invited by.
    pub(crate) invitation: &'a Invitation,
    /// What it was told, checked.
    pub(crate) admitted: &'a Admitted,
    /// The key it made for NATS.
    pub(crate) user: &'a KeyPair,
    /// The NATS servers to use, when they are others than those it was invited by.
    pub(crate) servers: &'a [String],
    /// Credentials that the machine was given beforehand, for where the issuer makes none.
    pub(crate) own_creds: Option<&'a str>,
    /// Certificates that NATS is trusted by.
    pub(crate) tls_ca: Option<&'a std::path::Path>,
}

impl Enrolled<'_> {
    /// Writes everything, the token last: a host that finds it finds all else.
    pub(crate) fn write(&self, layout: &Layout) -> Result<()> {
        files::create_private_dir(&layout.secrets())?;
        let creds = self.creds()?;
        if let Some(creds) = &creds {
            files::write_atomically(&layout.creds(), creds.as_bytes(), Privacy::Secret)?;
        }
        let bundle = format!("{}\n", self.admitted.welcome.bundle);
        files::write_atomically(&layout.bundle(), bundle.as_bytes(), Privacy::Readable)?;
        let settings = self.settings(layout, creds.is_some());
        files::write_atomically(&layout.settings(), settings.as_bytes(), Privacy::Readable)?;
        let token = format!("{}\n", self.admitted.welcome.token);
        files::write_atomically(&layout.token(), token.as_bytes(), Privacy::Secret)
    }

    fn creds(&self) -> Result<Option<Zeroizing<String>>> {
        let Some(token) = &self.admitted.welcome.nats_user else {
            return Ok(self.own_creds.map(|creds| Zeroizing::new(creds.to_owned())));
        };
        let seed = Zeroizing::new(self.user.seed().context("a user's key that cannot sign")?);
        Ok(Some(nats::creds_text(token, &seed)))
    }

    fn settings(&self, layout: &Layout, with_creds: bool) -> String {
        let told = &self.admitted.welcome.settings;
        let path = |path: &std::path::Path| Value::from(path.to_string_lossy().as_ref());
        let operators: Vec<&str> = self.invitation.operators.iter().map(OperatorId::as_str).collect();
        let settings = [
            ("lattice", Some(self.invitation.lattice.as_str().into())),
            ("nats-url", Some(Value::from(self.servers))),
            ("nats-creds", with_creds.then(|| path(&layout.creds_setting()))),
            ("tls-ca", self.tls_ca.map(path)),
            ("jetstream-domain", told.jetstream_domain.clone().map(Value::from)),
            ("operators", Some(operators.into())),
            ("name", Some(told.name.as_str().into())),
            ("data-dir", layout.data_setting().as_deref().map(path)),
        ];
        let settings: Vec<(&str, Value)> = settings
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        let mut text = format!(
            "# Written by `lattice host enroll`, and again by the next one.\n{}",
            enrolment::to_toml(&settings)
        );
        if !told.labels.is_empty() {
            text.push_str(&format!("\n{}", enrolment::labels_to_toml(&told.labels)));
        }
        text
    }
}
