//! Contexts: which lattice to talk to, and who to be there.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use lattice_core::{LatticeId, OperatorId};
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    files::{self, Privacy},
    home::Home,
};

/// A context as it is kept: `contexts/<name>.json`. It names files that hold secrets, and holds none itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ContextFile {
    /// Which lattice.
    pub(crate) lattice: LatticeId,
    /// How to reach its NATS.
    #[serde(default)]
    pub(crate) nats: NatsSettings,
    /// Whose trust bundles to believe.
    #[serde(default)]
    pub(crate) trusted_operators: Vec<OperatorId>,
    /// Seeds to sign with.
    #[serde(default)]
    pub(crate) keys: KeyFiles,
    /// Whether `lattice up` made it, and so may replace it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) made_by_up: bool,
}

/// How to reach NATS.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct NatsSettings {
    /// Server addresses, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// A `.creds` file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creds: Option<PathBuf>,
    /// A context of the `nats` CLI, used for whatever is not said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    /// Authorities that sign the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Our certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The JetStream domain with the lattice's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jetstream_domain: Option<String>,
    /// Where replies come back to, when the credentials allow only one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inbox_prefix: Option<String>,
}

/// Seeds to sign with. Each is a file of its own, readable to its owner only.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct KeyFiles {
    /// The operator (`SO…`): signs trust bundles. Keep it offline outside of development.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<PathBuf>,
    /// An issuer (`SA…`): signs links and enrolments, as its roles allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<PathBuf>,
    /// An issuer (`SA…`) with the role `control`: signs commands. The issuer above, when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<PathBuf>,
    /// The NATS account (`SA…`): signs NATS credentials for hosts and providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nats_account: Option<PathBuf>,
}

/// What the user said about the connection, on the command line or in the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) context: Option<String>,
    pub(crate) lattice: Option<LatticeId>,
    pub(crate) nats_url: Option<String>,
    pub(crate) creds: Option<PathBuf>,
    pub(crate) nats_context: Option<String>,
}

/// Decides which lattice to talk to: what was said now, over the context named or selected.
pub(crate) fn resolve(home: &Home, overrides: &Overrides) -> Result<ContextFile> {
    let base = match &overrides.context {
        Some(name) => Some(load(home, name)?),
        None => match current(home)? {
            // Whoever names a server means that one, not the selected lattice's keys on it.
            Some(_) if overrides.nats_url.is_some() || overrides.nats_context.is_some() => None,
            Some(name) => Some(load(home, &name)?),
            None => None,
        },
    };
    let nothing_said = base.is_none() && overrides.nats_url.is_none() && overrides.nats_context.is_none();
    if nothing_said {
        return Err(Failure::not_found("no lattice to talk to")
            .because("no context is selected and no NATS server was named")
            .help("start one here with `lattice up`, or name a server with --nats-url or --nats-context")
            .into());
    }
    let mut context = base.unwrap_or_else(|| ContextFile {
        lattice: default_lattice(),
        nats: NatsSettings::default(),
        trusted_operators: Vec::new(),
        keys: KeyFiles::default(),
        made_by_up: false,
    });
    if let Some(lattice) = &overrides.lattice {
        context.lattice = lattice.clone();
    }
    if let Some(name) = &overrides.nats_context {
        context.nats = NatsSettings {
            context: Some(name.clone()),
            ..NatsSettings::default()
        };
    }
    if let Some(url) = &overrides.nats_url {
        context.nats.url = Some(url.clone());
    }
    if let Some(creds) = &overrides.creds {
        context.nats.creds = Some(creds.clone());
    }
    Ok(context)
}

/// The lattice that is meant when nobody names one.
pub(crate) fn default_lattice() -> LatticeId {
    "default".parse().expect("`default` is a subject token")
}

/// Reads a context.
pub(crate) fn load(home: &Home, name: &str) -> Result<ContextFile> {
    let path = path_of(home, name)?;
    let Some(text) = files::read_if_there(&path)? else {
        return Err(Failure::not_found(format!("no context is called `{name}`"))
            .because(match names(home)?.as_slice() {
                [] => "there are none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            })
            .help("`lattice context ls` lists them; `lattice up` makes one")
            .into());
    };
    serde_json::from_str(&text).with_context(|| format!("{} is not a context", path.display()))
}

/// Writes a context.
pub(crate) fn save(home: &Home, name: &str, context: &ContextFile) -> Result<()> {
    let path = path_of(home, name)?;
    files::create_private_dir(&home.contexts())?;
    let mut text = serde_json::to_string_pretty(context)?;
    text.push('\n');
    files::write_atomically(&path, text.as_bytes(), Privacy::Secret)
}

/// The name of the selected context.
pub(crate) fn current(home: &Home) -> Result<Option<String>> {
    Ok(files::read_if_there(&home.current_context())?
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty()))
}

/// Selects a context.
pub(crate) fn select(home: &Home, name: &str) -> Result<()> {
    load(home, name)?;
    files::write_atomically(&home.current_context(), format!("{name}\n").as_bytes(), Privacy::Plain)
}

/// The names of all contexts, in order.
pub(crate) fn names(home: &Home) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(home.contexts()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", home.contexts().display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry?.file_name();
        names.extend(
            file.to_str()
                .and_then(|name| name.strip_suffix(".json"))
                .map(str::to_owned),
        );
    }
    names.sort();
    Ok(names)
}

/// A context's name becomes a file name, so it is held to what a lattice id may be.
fn path_of(home: &Home, name: &str) -> Result<PathBuf> {
    let checked: lattice_core::EntityName = name
        .parse()
        .map_err(|error| Failure::usage(format!("`{name}` cannot be a context")).because(error))?;
    Ok(home.contexts().join(format!("{checked}.json")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::find(Some(dir.path().into())).unwrap();
        (dir, home)
    }

    fn context(url: &str) -> ContextFile {
        ContextFile {
            lattice: "shop".parse().unwrap(),
            nats: NatsSettings {
                url: Some(url.into()),
                creds: Some("/c".into()),
                ..NatsSettings::default()
            },
            trusted_operators: vec![],
            keys: KeyFiles::default(),
            made_by_up: true,
        }
    }

    #[test]
    fn the_selected_context_is_used_and_flags_win() {
        let (_dir, home) = home();
        save(&home, "shop", &context("nats://a")).unwrap();
        select(&home, "shop").unwrap();
        assert_eq!(resolve(&home, &Overrides::default()).unwrap(), context("nats://a"));

        let creds = Overrides {
            creds: Some("/d".into()),
            ..Overrides::default()
        };
        assert_eq!(resolve(&home, &creds).unwrap().nats.creds, Some("/d".into()));

        let url = Overrides {
            nats_url: Some("nats://b".into()),
            ..Overrides::default()
        };
        let resolved = resolve(&home, &url).unwrap();
        assert_eq!(
            (resolved.lattice.as_str(), resolved.nats.creds),
            ("default", None),
            "another server, other keys"
        );

        let both = Overrides {
            context: Some("shop".into()),
            ..url
        };
        let resolved = resolve(&home, &both).unwrap();
        assert_eq!(
            (resolved.lattice.as_str(), resolved.nats.url.as_deref()),
            ("shop", Some("nats://b"))
        );
    }

    #[test]
    fn without_any_context_the_way_in_is_told() {
        let (_dir, home) = home();
        let error = resolve(&home, &Overrides::default()).unwrap_err();
        assert!(
            error
                .downcast_ref::<Failure>()
                .unwrap()
                .help
                .as_ref()
                .unwrap()
                .contains("lattice up")
        );
    }

    #[test]
    fn a_context_name_cannot_leave_its_folder() {
        let (_dir, home) = home();
        assert!(load(&home, "../../etc/passwd").is_err());
        assert!(save(&home, "a/b", &context("nats://a")).is_err());
    }
}
