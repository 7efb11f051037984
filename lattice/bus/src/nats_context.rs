//! The contexts that the `nats` command-line tool stores: named ways to reach a NATS system.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::{BusConfig, Credentials, TlsConfig};
use crate::{LOCAL_SERVER, Secret};

/// The folder in which the `nats` tool keeps its contexts: `context/<name>.json`, and `context.txt` for the selected one.
#[derive(Clone, Debug)]
pub struct NatsContexts {
    folder: PathBuf,
    home: PathBuf,
}

impl NatsContexts {
    /// Looks where the `nats` tool looks: `$XDG_CONFIG_HOME/nats`, else `~/.config/nats`.
    /// The binary passes both, since a library does not read the environment.
    pub fn of_user(home: &Path, xdg_config_home: Option<&Path>) -> Self {
        let config = xdg_config_home.map_or_else(|| home.join(".config"), Path::to_path_buf);
        Self {
            folder: config.join("nats"),
            home: home.to_owned(),
        }
    }

    /// Returns the name of the context that `nats context select` chose, if any.
    ///
    /// # Errors
    ///
    /// When the selection cannot be read.
    pub fn selected(&self) -> Result<Option<String>, ContextError> {
        let path = self.folder.join("context.txt");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|name| !name.is_empty())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ContextError::Read { path, source }),
        }
    }

    /// Returns the names of all contexts, sorted.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read; a folder that is not there has no contexts.
    pub fn names(&self) -> Result<Vec<String>, ContextError> {
        let path = self.folder.join("context");
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ContextError::Read { path, source }),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".json")
                    .map(str::to_owned)
            })
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Loads a context by name.
    ///
    /// # Errors
    ///
    /// When there is no such context, or it is damaged, or asks for something only the `nats` tool can do.
    pub fn load(&self, name: &str) -> Result<NatsContext, ContextError> {
        if name.is_empty() || name.contains(['/', '\\']) || name.contains("..") {
            return Err(ContextError::BadName(name.to_owned()));
        }
        let path = self.folder.join("context").join(format!("{name}.json"));
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(ContextError::Unknown {
                    name: name.to_owned(),
                    known: self.names().unwrap_or_default(),
                });
            }
            Err(source) => return Err(ContextError::Read { path, source }),
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(|source| ContextError::Parse { path, source })?;
        if !stored.nsc.is_empty() {
            return Err(ContextError::NeedsNsc {
                name: name.to_owned(),
                lookup: stored.nsc,
            });
        }
        Ok(NatsContext {
            name: name.to_owned(),
            stored,
            home: self.home.clone(),
        })
    }
}

/// One stored way to reach a NATS system.
#[derive(Clone, Debug)]
pub struct NatsContext {
    name: String,
    stored: Stored,
    home: PathBuf,
}

impl NatsContext {
    /// Returns the context's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Turns the context into a configuration for a client called `client_name`.
    pub fn into_config(self, client_name: impl Into<String>) -> BusConfig {
        let credentials = self.credentials();
        let path = |text: &str| (!text.is_empty()).then(|| self.expand(text));
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut config = BusConfig::new(client_name).server(if self.stored.url.is_empty() {
            LOCAL_SERVER
        } else {
            &self.stored.url
        });
        config.credentials = credentials;
        config.tls = TlsConfig {
            ca: path(&self.stored.ca),
            cert: path(&self.stored.cert),
            key: path(&self.stored.key),
            required: false,
            first: self.stored.tls_first,
        };
        config.jetstream_domain = some(&self.stored.jetstream_domain);
        config.inbox_prefix = some(&self.stored.inbox_prefix);
        config
    }

    /// The `nats` tool's own order of preference.
    fn credentials(&self) -> Option<Credentials> {
        let stored = &self.stored;
        if !stored.creds.is_empty() {
            Some(Credentials::File(self.expand(&stored.creds)))
        } else if let (Some(jwt), Some(seed)) = (&stored.user_jwt, &stored.user_seed) {
            Some(Credentials::Jwt {
                jwt: jwt.clone(),
                seed: seed.clone(),
            })
        } else if !stored.nkey.is_empty() {
            Some(Credentials::SeedFile(self.expand(&stored.nkey)))
        } else if !stored.user.is_empty() {
            let password = stored.password.clone().unwrap_or_else(|| Secret::from(""));
            Some(Credentials::UserPassword {
                user: stored.user.clone(),
                password,
            })
        } else {
            stored
                .token
                .clone()
                .filter(|token| !token.expose().is_empty())
                .map(Credentials::Token)
        }
    }

    fn expand(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => PathBuf::from(path),
        }
    }
}

/// The file as the `nats` tool writes it. It adds fields over time and fills unused ones with empty text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Stored {
    url: String,
    token: Option<Secret>,
    user: String,
    password: Option<Secret>,
    creds: String,
    nkey: String,
    cert: String,
    key: String,
    ca: String,
    nsc: String,
    jetstream_domain: String,
    inbox_prefix: String,
    user_jwt: Option<Secret>,
    user_seed: Option<Secret>,
    tls_first: bool,
}

/// A context that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Context names are file names.
    #[error("`{0}` cannot be the name of a NATS context")]
    BadName(String),
    /// No context of that name.
    #[error("there is no NATS context `{name}`{}", known_names(known))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a context.
    #[error("{} is not a NATS context", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The context refers to the store of the `nsc` tool.
    #[error(
        "NATS context `{name}` looks its credentials up with nsc ({lookup}), which we do not; \
         write them to a file with `nsc generate creds` and name that file in the context"
    )]
    NeedsNsc {
        /// The context.
        name: String,
        /// What it looks up.
        lookup: String,
    },
}

fn known_names(known: &[String]) -> String {
    match known {
        [] => "; `nats context ls` shows none".to_owned(),
        known => format!("; there are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(files: &[(&str, &str)]) -> (tempfile::TempDir, NatsContexts) {
        let home = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = home.path().join(".config/nats").join(path);
            std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a writable folder");
            std::fs::write(path, text).expect("a writable folder");
        }
        let contexts = NatsContexts::of_user(home.path(), None);
        (home, contexts)
    }

    #[test]
    fn the_selected_context_becomes_a_configuration() {
        let (home, contexts) = contexts(&[
            ("context.txt", "edge\n"),
            (
                "context/edge.json",
                r#"{"description":"x","url":"nats://a:4222,nats://b:4222","creds":"~/edge.creds","ca":"/etc/ca.pem",
                   "nsc":"","jetstream_domain":"hub","inbox_prefix":"_IN","tls_first":true,"color_scheme":"blue"}"#,
            ),
        ]);
        let name = contexts.selected().expect("readable").expect("a selection");
        let config = contexts.load(&name).expect("a good context").into_config("host");
        assert_eq!(config.servers, ["nats://a:4222", "nats://b:4222"]);
        assert!(matches!(config.credentials, Some(Credentials::File(path)) if path == home.path().join("edge.creds")));
        assert_eq!(config.tls.ca.as_deref(), Some(Path::new("/etc/ca.pem")));
        assert!(config.tls.first);
        assert_eq!(config.jetstream_domain.as_deref(), Some("hub"));
        assert_eq!(config.inbox_prefix.as_deref(), Some("_IN"));
    }

    #[test]
    fn a_missing_context_names_those_there_are() {
        let (_home, contexts) = contexts(&[("context/one.json", "{}"), ("context/two.json", "{}")]);
        let err = contexts.load("three").expect_err("no such context");
        assert_eq!(err.to_string(), "there is no NATS context `three`; there are: one, two");
        assert!(matches!(contexts.load("../one"), Err(ContextError::BadName(_))));
        assert_eq!(contexts.selected().expect("readable"), None);
    }

    #[test]
    fn a_context_that_needs_nsc_says_what_to_do() {
        let (_home, contexts) = contexts(&[("context/a.json", r#"{"nsc":"nsc://op/acc/user"}"#)]);
        let err = contexts.load("a").expect_err("nsc look-ups are refused");
        assert!(err.to_string().contains("nsc generate creds"), "{err}");
    }

    #[test]
    fn xdg_config_home_wins() {
        let contexts = NatsContexts::of_user(Path::new("/home/me"), Some(Path::new("/xdg")));
        assert_eq!(contexts.folder, Path::new("/xdg/nats"));
    }
}
