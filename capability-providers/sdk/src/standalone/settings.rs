//! From what the user typed to what the process takes. Tells every mistake at once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lattice_core::text::parse_duration;
use lattice_core::{LatticeId, OperatorId, ProviderName};
use lattice_process::{DEFAULT_LOG, LogFormat};

use super::args::Settings;

const LATTICE_DEFAULT: &str = "default";
/// As long as the default deadline of an invocation.
const GRACE_DEFAULT: Duration = Duration::from_secs(30);
const GRACE_MAX: Duration = Duration::from_secs(86_400);

/// Everything the process needs to know, checked.
#[derive(Debug, Clone)]
pub(super) struct ProcessConfig {
    pub(super) lattice: LatticeId,
    pub(super) name: Option<ProviderName>,
    pub(super) provider: BTreeMap<String, String>,
    pub(super) nats_url: Vec<String>,
    pub(super) nats_creds: Option<PathBuf>,
    pub(super) tls_ca: Option<PathBuf>,
    pub(super) jetstream_domain: Option<String>,
    pub(super) data_dir: PathBuf,
    pub(super) token_file: PathBuf,
    pub(super) trust_bundle: PathBuf,
    pub(super) operators: Vec<OperatorId>,
    pub(super) grace: Duration,
    pub(super) metrics_address: Option<SocketAddr>,
    pub(super) log_format: LogFormat,
    pub(super) log: String,
}

/// Every mistake in the settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistakes(Vec<String>);

/// What lies in the data folder, passed in so that deciding needs no I/O.
pub(super) struct Folder {
    /// The text of `operators`, if it is there.
    pub(super) operators: Option<String>,
    /// Whether `nats.creds` is there.
    pub(super) has_nats_creds: bool,
}

impl ProcessConfig {
    /// Checks `settings` and fills in defaults.
    pub(super) fn resolve(settings: Settings, look: impl FnOnce(&PathBuf) -> Folder) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let lattice = settings.lattice.as_deref().unwrap_or(LATTICE_DEFAULT);
        let lattice: Option<LatticeId> = parse("lattice", lattice, &mut mistakes);
        let name = settings
            .name
            .as_deref()
            .and_then(|name| parse::<ProviderName>("name", name, &mut mistakes));
        let mut provider = settings.provider;
        for pair in &settings.set {
            match pair.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    provider.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                // What was typed may be a password.
                _ => mistakes.push("`set` needs `key=value`".to_owned()),
            }
        }
        let grace = grace(settings.grace.as_deref(), &mut mistakes);
        let metrics_address = settings
            .metrics_address
            .as_deref()
            .and_then(|address| parse::<SocketAddr>("metrics-address", address, &mut mistakes));
        let log_format = settings
            .log_format
            .as_deref()
            .map_or(Ok(LogFormat::default()), str::parse);
        let log_format = log_format.unwrap_or_else(|mistake: String| {
            mistakes.push(format!("`log-format` {mistake}"));
            LogFormat::default()
        });
        let Some(data_dir) = settings.data_dir else {
            mistakes.push("`data-dir` is not set: name the folder that `lattice key provider-creds` made".to_owned());
            return Err(Mistakes(mistakes));
        };
        let folder = look(&data_dir);
        let typed = if settings.operators.is_empty() {
            folder
                .operators
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect()
        } else {
            settings.operators
        };
        let operators = operators(&typed, &mut mistakes);
        let own_creds = || folder.has_nats_creds.then(|| data_dir.join("nats.creds"));
        match lattice {
            Some(lattice) if mistakes.is_empty() => Ok(Self {
                lattice,
                name,
                provider,
                nats_url: settings.nats_url,
                nats_creds: settings.nats_creds.or_else(own_creds),
                tls_ca: settings.tls_ca,
                jetstream_domain: settings.jetstream_domain,
                token_file: settings.token_file.unwrap_or_else(|| data_dir.join("provider.jwt")),
                trust_bundle: settings.trust_bundle.unwrap_or_else(|| data_dir.join("trust.jwt")),
                data_dir,
                operators,
                grace,
                metrics_address,
                log_format,
                log: settings.log.unwrap_or_else(|| DEFAULT_LOG.to_owned()),
            }),
            _ => Err(Mistakes(mistakes)),
        }
    }
}

fn parse<T: FromStr>(key: &str, text: &str, mistakes: &mut Vec<String>) -> Option<T>
where
    T::Err: fmt::Display,
{
    text.parse()
        .map_err(|error| mistakes.push(format!("`{key}` is wrong: {error}")))
        .ok()
}

fn grace(text: Option<&str>, mistakes: &mut Vec<String>) -> Duration {
    match text.map(parse_duration) {
        None => GRACE_DEFAULT,
        Some(Ok(grace)) if grace <= GRACE_MAX => grace,
        Some(Ok(_)) => {
            mistakes.push("`grace` is more than a day".to_owned());
            GRACE_DEFAULT
        }
        Some(Err(error)) => {
            mistakes.push(format!("`grace` is wrong: {error}"));
            GRACE_DEFAULT
        }
    }
}

fn operators(texts: &[String], mistakes: &mut Vec<String>) -> Vec<OperatorId> {
    let texts: Vec<&str> = texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty() && !text.starts_with('#'))
        .collect();
    if texts.is_empty() {
        mistakes.push(
            "`operators` are not set: name your operator's key (`O…`), which `lattice key show` shows".to_owned(),
        );
    }
    texts
        .into_iter()
        .filter_map(|text| parse("operators", text, mistakes))
        .collect()
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} mistake{} in the configuration:",
            if count == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    fn resolve(toml: &str, operators: Option<String>) -> Result<ProcessConfig, Mistakes> {
        let settings = toml::from_str(toml).expect("parses");
        ProcessConfig::resolve(settings, |_| Folder {
            operators,
            has_nats_creds: true,
        })
    }

    #[test]
    fn a_folder_and_an_operator_are_all_that_has_to_be_said() {
        let operator = KeyPair::new_operator().public_key();
        let config = resolve("data-dir = '/data'", Some(format!("# ours\n{operator}\n"))).expect("is good");
        assert_eq!((config.lattice.as_str(), config.operators.len()), ("default", 1));
        assert_eq!(config.token_file, PathBuf::from("/data/provider.jwt"));
        assert_eq!(config.nats_creds, Some(PathBuf::from("/data/nats.creds")));
    }

    #[test]
    fn flags_set_over_the_file() {
        let operator = KeyPair::new_operator().public_key();
        let toml = format!("data-dir = '/data'\noperators = ['{operator}']\n[provider]\nurl = 'a'\ntimeout = '1s'");
        let file: Settings = toml::from_str(&toml).expect("parses");
        let flags = Settings {
            set: vec!["url = b=c".to_owned()],
            ..Settings::default()
        };
        let look = |_: &PathBuf| Folder {
            operators: None,
            has_nats_creds: false,
        };
        let config = ProcessConfig::resolve(flags.or(file), look).expect("is good");
        assert_eq!(
            (config.provider["url"].as_str(), config.provider["timeout"].as_str()),
            ("b=c", "1s")
        );
        assert_eq!(config.nats_creds, None);
    }

    #[test]
    fn every_mistake_is_told() {
        let toml =
            "data-dir = '/d'\nlattice = 'a.b'\nname = 'X'\ngrace = 'soon'\nlog-format = 'xml'\noperators = ['A']";
        let mistakes = resolve(toml, None).expect_err("five mistakes");
        assert_eq!(mistakes.0.len(), 5, "{mistakes}");
        assert!(
            toml::from_str::<Settings>("natsurl = 'x'").is_err(),
            "unknown keys are refused"
        );
    }
}
