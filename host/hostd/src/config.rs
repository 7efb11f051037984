//! From what the user typed to what the host takes. Tells every mistake at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lattice_bus::{Credentials, TlsConfig};
use lattice_core::text::{parse_bytes, parse_duration};
use lattice_core::{Labels, LatticeId, OperatorId, SITE_LABEL, SiteName};
use lattice_engine::{Compilation, ProfileChoice};
use lattice_node::BlobLimits;
use lattice_oci::Registries;
use lattice_process::{DEFAULT_LOG, LogFormat};
use serde_json::json;

use crate::args::Settings;

/// The lattice of those who name none.
const DEFAULT_LATTICE: &str = "default";
/// Often enough that a dead host is missed within seconds, seldom enough that a thousand hosts are no load.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(2);
/// Two heartbeats and a half: one lost message is not a lost host, and a lost host is noticed within six seconds.
const DEFAULT_LOST_AFTER: Duration = Duration::from_secs(5);
/// As long as the default deadline of an invocation.
const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// Everything the host needs to know, checked.
#[derive(Debug, Clone)]
pub(crate) struct HostConfig {
    pub(crate) lattice: LatticeId,
    pub(crate) nats: NatsSource,
    pub(crate) jetstream_domain: Option<String>,
    pub(crate) site: Option<SiteName>,
    pub(crate) tls: TlsConfig,
    pub(crate) data_dir: PathBuf,
    /// None for the one in the data folder.
    pub(crate) seed_file: Option<PathBuf>,
    pub(crate) token_file: PathBuf,
    pub(crate) trust_bundle: PathBuf,
    pub(crate) operators: Vec<OperatorId>,
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) engine_profile: ProfileChoice,
    pub(crate) compilation: Compilation,
    pub(crate) heartbeat: Duration,
    pub(crate) lost_after: Duration,
    pub(crate) grace: Duration,
    pub(crate) replicas_max: Option<u32>,
    /// None for what the machine's size says.
    pub(crate) stateful_memory: Option<u64>,
    pub(crate) secrets: PathBuf,
    /// None: registries are never asked.
    pub(crate) registries: Option<Registries>,
    pub(crate) blobs: BlobLimits,
    pub(crate) controller_seed: Option<PathBuf>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: String,
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) ready_file: Option<PathBuf>,
}

/// Where NATS is, and who to be there.
#[derive(Debug, Clone)]
pub(crate) enum NatsSource {
    /// These servers.
    Servers {
        urls: Vec<String>,
        credentials: Option<Credentials>,
    },
    /// A context of the `nats` CLI; the selected one when unnamed.
    Context(Option<String>),
}

/// Every mistake in a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(
            f,
            "{count} mistake{} in the configuration:",
            if count == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|mistake| writeln!(f, "  - {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// What the machine says about itself, passed in so that deciding needs no I/O.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    /// Where Docker keeps credentials.
    pub(crate) docker_config: Option<PathBuf>,
}

impl HostConfig {
    /// Checks `settings` and fills in defaults. `operators_file` is the text of `<data-dir>/operators`, if there is one.
    pub(crate) fn resolve(
        settings: Settings,
        machine: &Machine,
        operators_file: impl FnOnce(&PathBuf) -> Option<String>,
    ) -> Result<Self, Mistakes> {
        let mut check = Checker::default();
        let nats = check.nats(&settings);
        let tls = check.tls(&settings);
        let lattice = settings.lattice.as_deref().unwrap_or(DEFAULT_LATTICE);
        let lattice = check.parse::<LatticeId>("lattice", lattice);
        let site = check.site(&settings);
        let data_dir = settings.data_dir.or_else(|| machine.data_dir.clone());
        if data_dir.is_none() {
            check.mistake("data-dir", "is not set, and this user has no home folder to put it in");
        }
        let data_dir = data_dir.unwrap_or_default();
        let operators = check.operators(settings.operators, || operators_file(&data_dir));
        let compilation = check.compilation(settings.compile.as_deref());
        let labels = check.labels(&settings.labels, compilation, site.as_ref());
        let profile = settings.engine_profile.as_deref().unwrap_or("auto");
        let engine_profile = check.parse::<ProfileChoice>("engine-profile", profile);
        let heartbeat = check.duration("heartbeat", settings.heartbeat.as_deref(), DEFAULT_HEARTBEAT);
        let lost_after = check.duration("lost-after", settings.lost_after.as_deref(), DEFAULT_LOST_AFTER);
        if lost_after < heartbeat * 2 {
            check.mistake(
                "lost-after",
                "must be at least two heartbeats, or one late message loses a host",
            );
        }
        let stateful_memory = settings
            .stateful_memory
            .as_deref()
            .and_then(|text| check.bytes("stateful-memory", text));
        let metrics_address = settings
            .metrics_address
            .as_deref()
            .and_then(|text| check.parse::<SocketAddr>("metrics-address", text));
        let grace = check.duration("grace", settings.grace.as_deref(), DEFAULT_GRACE);
        let blobs = BlobLimits {
            bytes_max: settings
                .blobs_max_size
                .as_deref()
                .and_then(|text| check.bytes("blobs-max-size", text))
                .unwrap_or(BlobLimits::default().bytes_max),
            age_max: check.age(
                "blobs-max-age",
                settings.blobs_max_age.as_deref(),
                BlobLimits::default().age_max,
            ),
        };
        let registries = (settings.no_registries != Some(true)).then(|| Registries {
            insecure: settings.insecure_registries.into_iter().collect(),
            docker_config: settings.registry_config.or_else(|| machine.docker_config.clone()),
        });
        let log_format = settings
            .log_format
            .as_deref()
            .map_or(Ok(LogFormat::default()), str::parse);
        let log_format = log_format.unwrap_or_else(|mistake: String| {
            check.mistake("log-format", &mistake);
            LogFormat::default()
        });
        let name = settings.name.unwrap_or_else(|| machine.name.clone());
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            check.mistake("name", "must be 1 to 128 printable characters");
        }
        match (lattice, engine_profile) {
            (Some(lattice), Some(engine_profile)) if check.0.is_empty() => Ok(Self {
                lattice,
                nats,
                jetstream_domain: settings.jetstream_domain,
                site,
                tls,
                seed_file: settings.seed_file,
                token_file: settings.token_file.unwrap_or_else(|| data_dir.join("host.jwt")),
                trust_bundle: settings.trust_bundle.unwrap_or_else(|| data_dir.join("trust.jwt")),
                secrets: settings.secrets.unwrap_or_else(|| data_dir.join("secrets")),
                replicas_max: settings.replicas_max,
                stateful_memory,
                registries,
                blobs,
                controller_seed: settings.controller_seed,
                data_dir,
                operators,
                name,
                labels,
                engine_profile,
                compilation,
                heartbeat,
                lost_after,
                grace,
                log_format,
                log: settings.log.unwrap_or_else(|| DEFAULT_LOG.to_owned()),
                metrics_address,
                ready_file: settings.ready_file,
            }),
            _ => Err(Mistakes(check.0)),
        }
    }

    /// Puts what was said of TLS over what a `nats` context says.
    pub(crate) fn tls_over(&self, tls: &mut TlsConfig) {
        let own = &self.tls;
        tls.ca = own.ca.clone().or(tls.ca.take());
        tls.cert = own.cert.clone().or(tls.cert.take());
        tls.key = own.key.clone().or(tls.key.take());
        tls.required |= own.required;
    }

    /// The labels that the user gave, which enrolment has to grant.
    pub(crate) fn own_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels
            .iter()
            .filter(|(key, _)| !matches!(*key, "arch" | "compile" | "os"))
    }

    /// The configuration as JSON, for `--print-config`. Credentials are named, not shown.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let nats = match &self.nats {
            NatsSource::Servers { urls, credentials } => json!({
                "servers": urls,
                "credentials": match credentials {
                    None => json!(null),
                    Some(Credentials::File(path) | Credentials::SeedFile(path)) => json!(path),
                    Some(_) => json!("[redacted]"),
                },
            }),
            NatsSource::Context(name) => json!({ "context": name }),
        };
        json!({
            "lattice": self.lattice,
            "nats": nats,
            "jetstream-domain": self.jetstream_domain,
            "site": self.site,
            "data-dir": self.data_dir,
            "seed-file": self.seed_file,
            "token-file": self.token_file,
            "trust-bundle": self.trust_bundle,
            "operators": self.operators,
            "name": self.name,
            "labels": self.labels,
            "engine-profile": self.engine_profile.to_string(),
            "compile": self.compilation.to_string(),
            "heartbeat-ms": u64::try_from(self.heartbeat.as_millis()).unwrap_or(u64::MAX),
            "lost-after-ms": u64::try_from(self.lost_after.as_millis()).unwrap_or(u64::MAX),
            "grace-ms": u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
            "replicas-max": self.replicas_max,
            "stateful-memory-bytes": self.stateful_memory,
            "secrets": self.secrets,
            "registries": self.registries.is_some(),
            "insecure-registries": self.registries.as_ref().map(|registries| &registries.insecure),
            "registry-config": self.registries.as_ref().and_then(|registries| registries.docker_config.as_ref()),
            "blobs-max-size-bytes": self.blobs.bytes_max,
            "blobs-max-age-ms": u64::try_from(self.blobs.age_max.as_millis()).unwrap_or(u64::MAX),
            "controller-seed": self.controller_seed,
            "log-format": self.log_format.to_string(),
            "log": self.log,
            "metrics-address": self.metrics_address,
            "ready-file": self.ready_file,
        })
    }
}

/// Collects mistakes.
#[derive(Default)]
struct Checker(Vec<String>);

impl Checker {
    fn mistake(&mut self, key: &str, what: &str) {
        self.0.push(format!("`{key}` {what}"));
    }

    fn parse<T: FromStr>(&mut self, key: &str, text: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        text.parse()
            .map_err(|error| self.mistake(key, &format!("is wrong: {error}")))
            .ok()
    }

    fn compilation(&mut self, text: Option<&str>) -> Compilation {
        match text {
            None => Compilation::default(),
            Some("elsewhere") => Compilation::Elsewhere,
            Some("here") if cfg!(feature = "compiler") => Compilation::Here,
            Some("here") => {
                self.mistake("compile", "is `here`, and this program was built without a compiler");
                Compilation::default()
            }
            Some(_) => {
                self.mistake("compile", "is neither `here` nor `elsewhere`");
                Compilation::default()
            }
        }
    }

    fn bytes(&mut self, key: &str, text: &str) -> Option<u64> {
        match parse_bytes(text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.mistake(key, &format!("is not a size: {error}"));
                None
            }
        }
    }

    fn duration(&mut self, key: &str, text: Option<&str>, default: Duration) -> Duration {
        match self.age(key, text, default) {
            duration if duration > Duration::from_secs(86_400) => {
                self.mistake(key, "must be at most a day");
                default
            }
            duration => duration,
        }
    }

    /// A duration that may be as long as anybody likes.
    fn age(&mut self, key: &str, text: Option<&str>, default: Duration) -> Duration {
        let Some(text) = text else { return default };
        match parse_duration(text) {
            Ok(Duration::ZERO) => {
                self.mistake(key, "must be longer than nothing");
                default
            }
            Ok(duration) => duration,
            Err(error) => {
                self.mistake(key, &format!("is wrong: {error}"));
                default
            }
        }
    }

    fn nats(&mut self, settings: &Settings) -> NatsSource {
        let credentials = match (&settings.nats_creds, &settings.nats_nkey) {
            (Some(_), Some(_)) => {
                self.mistake("nats-nkey", "cannot stand beside `nats-creds`: choose one");
                None
            }
            (Some(creds), None) => Some(Credentials::File(creds.clone())),
            (None, Some(nkey)) => Some(Credentials::SeedFile(nkey.clone())),
            (None, None) => None,
        };
        if let Some(context) = &settings.nats_context {
            if !settings.nats_url.is_empty() || credentials.is_some() {
                self.mistake(
                    "nats-context",
                    "cannot stand beside `nats-url`, `nats-creds` or `nats-nkey`: it has its own",
                );
            }
            return NatsSource::Context((context != "-").then(|| context.clone()));
        }
        let urls = match settings.nats_url.as_slice() {
            [] => vec![lattice_bus::LOCAL_SERVER.to_owned()],
            urls => urls.to_vec(),
        };
        NatsSource::Servers { urls, credentials }
    }

    fn tls(&mut self, settings: &Settings) -> TlsConfig {
        if settings.tls_cert.is_some() != settings.tls_key.is_some() {
            self.mistake("tls-cert", "and `tls-key` need each other");
        }
        TlsConfig {
            ca: settings.tls_ca.clone(),
            cert: settings.tls_cert.clone(),
            key: settings.tls_key.clone(),
            required: settings.tls_required.unwrap_or(false),
            ..TlsConfig::default()
        }
    }

    fn operators(&mut self, typed: Vec<String>, file: impl FnOnce() -> Option<String>) -> Vec<OperatorId> {
        let texts = if typed.is_empty() {
            file()
                .unwrap_or_default()
                .lines()
                .map(str::trim)
                .map(str::to_owned)
                .collect()
        } else {
            typed
        };
        let operators: Vec<_> = texts
            .iter()
            .filter(|text| !text.is_empty() && !text.starts_with('#'))
            .filter_map(|text| self.parse::<OperatorId>("operators", text))
            .collect();
        if operators.is_empty() && self.0.is_empty() {
            self.mistake(
                "operators",
                "are not set: a host trusts nobody by itself; `lattice key show` shows your operator's key (`O…`)",
            );
        }
        operators
    }

    fn site(&mut self, settings: &Settings) -> Option<SiteName> {
        let site = self.parse::<SiteName>("site", settings.site.as_deref()?);
        match &settings.jetstream_domain {
            None => self.mistake(
                "site",
                "needs `jetstream-domain`, the domain of the hub with the lattice's state",
            ),
            Some(hub) if Some(hub) == settings.site.as_ref() => {
                self.mistake("site", "has a JetStream domain of its own: another than the hub's");
            }
            Some(_) => {}
        }
        site
    }

    fn labels(&mut self, texts: &[String], compilation: Compilation, site: Option<&SiteName>) -> Labels {
        let mut own = vec![
            format!("arch={}", std::env::consts::ARCH),
            // So that what nobody has compiled for such hosts can be kept away from them: `compile=here`.
            format!("compile={compilation}"),
            format!("os={}", std::env::consts::OS),
        ];
        own.extend(site.map(|site| format!("{SITE_LABEL}={site}")));
        let mut labels = Labels::default();
        // What the site is called is said once.
        for text in texts.iter().chain(&own) {
            let Some((key, value)) = text.split_once('=') else {
                self.mistake("label", &format!("`{text}` is not `key=value`"));
                continue;
            };
            if let Err(error) = labels.insert(key.trim(), value.trim()) {
                self.mistake("label", &format!("`{text}` is wrong: {error}"));
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nkeys::KeyPair;

    fn machine() -> Machine {
        Machine {
            name: "box".to_owned(),
            data_dir: Some(PathBuf::from("/data")),
            docker_config: None,
        }
    }

    fn settings(toml: &str) -> Settings {
        toml::from_str(toml).expect("parses")
    }

    #[test]
    fn an_operator_is_all_that_has_to_be_said() {
        let operator = KeyPair::new_operator().public_key();
        let config = HostConfig::resolve(Settings::default(), &machine(), |dir| {
            assert_eq!(dir, &PathBuf::from("/data"));
            Some(format!("# ours\n{operator}\n\n"))
        })
        .expect("is good");
        assert_eq!(config.lattice.as_str(), "default");
        assert_eq!(config.operators.len(), 1);
        assert_eq!(config.name, "box");
        assert_eq!(config.labels.get("arch"), Some(std::env::consts::ARCH));
        assert_eq!(
            config.labels.get("compile"),
            Some(Compilation::default().to_string().as_str())
        );
        assert_eq!(config.token_file, PathBuf::from("/data/host.jwt"));
        assert_eq!(config.to_json()["grace-ms"], 30_000);
    }

    #[test]
    fn registries_are_asked_unless_somebody_says_no() {
        let operator = KeyPair::new_operator().public_key();
        let resolve = |toml: &str| {
            let operators = |_: &PathBuf| Some(operator.clone());
            HostConfig::resolve(settings(toml), &machine(), operators).expect("is good")
        };
        let config = resolve("insecure-registries = ['10.0.0.5:5000']\nblobs-max-age = '90d'\nblobs-max-size = '1GiB'");
        assert!(config.registries.expect("asked").insecure.contains("10.0.0.5:5000"));
        assert_eq!(config.blobs.age_max, Duration::from_secs(90 * 86_400));
        assert_eq!(config.blobs.bytes_max, 1 << 30);
        assert!(resolve("no-registries = true").registries.is_none());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let settings = settings(
            "lattice = 'No Good'\noperators = ['OABC']\nlabels = ['zone']\nheartbeat = '5'\ngrace = '0s'\nlog-format = 'xml'\n\
             engine-profile = 'turbo'\ntls-cert = 'c.pem'\nnats-creds = 'a'\nnats-nkey = 'b'\nnats-context = 'prod'\nname = ''\n\
             lost-after = '3s'\nmetrics-address = 'localhost'\nblobs-max-size = 'big'\nblobs-max-age = '0s'",
        );
        let mistakes = HostConfig::resolve(settings, &machine(), |_| None).expect_err("many mistakes");
        for key in [
            "lattice",
            "operators",
            "label",
            "heartbeat",
            "grace",
            "log-format",
            "metrics-address",
            "blobs-max-size",
            "blobs-max-age",
            "engine-profile",
            "tls-cert",
            "nats-nkey",
            "name",
        ] {
            assert!(
                mistakes
                    .0
                    .iter()
                    .any(|mistake| mistake.starts_with(&format!("`{key}`"))),
                "{key}: {mistakes}"
            );
        }
    }

    #[test]
    fn a_host_that_trusts_nobody_is_told_what_to_set() {
        let mistakes = HostConfig::resolve(Settings::default(), &machine(), |_| None).expect_err("no operator");
        assert_eq!(mistakes.0.len(), 1);
        assert!(mistakes.0[0].contains("O…"), "{mistakes}");
    }
}
