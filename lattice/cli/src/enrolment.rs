//! What it takes to let a new process join: who may enrol it, its NATS user, its settings as a file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lattice_core::{Labels, UnixSeconds, UserId, token::nats::Permissions};
use nkeys::KeyPair;
use serde_json::Value;

use crate::{
    context::ContextFile,
    failure::{Exit, Failure},
    output::warn,
    session::{now, read_seed},
    trust_root::write_credentials,
};

/// The keys that let others in.
pub(crate) struct Enrolment {
    /// Signs member tokens.
    pub(crate) issuer: KeyPair,
    /// Signs NATS users, when this context runs the NATS account.
    pub(crate) nats_account: Option<KeyPair>,
}

impl Enrolment {
    /// Reads the keys of a context.
    pub(crate) fn open(context: &ContextFile) -> Result<Self> {
        let issuer = context.keys.issuer.as_ref().ok_or_else(|| {
            Failure::new(
                Exit::Denied,
                "members must be enrolled by an issuer, and this context has no issuer's key",
            )
            .help("use a context with `keys.issuer`, the seed of an issuer with the role `host`: `lattice context ls`")
        })?;
        let nats_account = context
            .keys
            .nats_account
            .as_ref()
            .map(|path| read_seed(path))
            .transpose()?;
        if nats_account.is_none() {
            warn("this context cannot make NATS users: give the member credentials from whoever runs NATS");
        }
        Ok(Self {
            issuer: read_seed(issuer)?,
            nats_account,
        })
    }

    /// Makes a NATS user for the member, if that is ours to do.
    pub(crate) fn write_nats_user(
        &self,
        path: &Path,
        name: &str,
        permissions: Permissions,
        until: UnixSeconds,
    ) -> Result<Option<UserId>> {
        let Some(account) = &self.nats_account else {
            return Ok(None);
        };
        write_credentials(account, path, name, |_| permissions, now(), Some(until)).map(Some)
    }
}

/// How a member of this context's lattice connects, in the words of `lattice-host`'s settings.
pub(crate) fn connection_settings(context: &ContextFile, creds: Option<PathBuf>) -> Vec<(&'static str, Value)> {
    let nats = &context.nats;
    let text = |path: PathBuf| Value::from(path.to_string_lossy().as_ref());
    let operators: Vec<&str> = context
        .trusted_operators
        .iter()
        .map(lattice_core::OperatorId::as_str)
        .collect();
    let settings = [
        ("lattice", Some(context.lattice.as_str().into())),
        (
            "nats-url",
            nats.url
                .as_ref()
                .map(|urls| urls.split(',').map(str::trim).collect::<Vec<_>>().into()),
        ),
        ("nats-creds", creds.map(text)),
        ("tls-ca", nats.tls_ca.clone().map(text)),
        ("jetstream-domain", nats.jetstream_domain.clone().map(Value::from)),
        ("operators", (!operators.is_empty()).then(|| operators.into())),
    ];
    settings
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

/// Settings as TOML. Texts and lists of texts are written the same as in JSON.
pub(crate) fn to_toml(settings: &[(&str, Value)]) -> String {
    settings
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect()
}

/// Labels as a table of TOML.
pub(crate) fn labels_to_toml(labels: &Labels) -> String {
    let lines = labels
        .iter()
        .map(|(key, value)| format!("{} = {}\n", Value::from(key), Value::from(value)));
    std::iter::once("[labels]\n".to_owned()).chain(lines).collect()
}
