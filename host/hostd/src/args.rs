//! What the user typed: flags, their environment variables, and the config file that has the same words.
//!
//! Everything here is text. [`crate::config`] turns it into types and tells every mistake at once, which a parser that
//! stops at the first cannot.

use std::path::PathBuf;

use clap::Parser;
use serde::Deserialize;

/// Runs one host of a lattice: joins over NATS, runs actors and providers, until it is told to stop.
#[derive(Debug, Default, Parser)]
#[command(name = "lattice-host", version, about, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Reads settings from this file (`.toml` or `.json`); flags and environment win over it. May be given several times: the first
    /// file that says something wins.
    #[arg(long, env = "LATTICE_CONFIG", value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,

    /// Prints the resolved configuration as JSON and exits. Secrets are not in it.
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Exits with code 4 when this host is not enrolled, instead of waiting for its token.
    #[arg(long)]
    pub(crate) no_wait: bool,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

const EXIT_CODES: &str = "Exit codes: 0 stopped and drained, 1 failed, 2 bad configuration, 4 not enrolled or not trusted, \
5 stopped, but work in flight was cut off.";

/// The settings themselves, the same in flags, environment and file.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Which lattice to join [default: default].
    #[arg(long, env = "LATTICE_ID", value_name = "ID")]
    pub(crate) lattice: Option<String>,

    /// NATS servers, `nats://` or `tls://`; several for a cluster [default: nats://127.0.0.1:4222].
    #[arg(long, env = "LATTICE_NATS_URL", value_name = "URL", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) nats_url: Vec<String>,

    /// Takes NATS servers and credentials from this context of the `nats` CLI; `-` for the selected one.
    #[arg(long, env = "LATTICE_NATS_CONTEXT", value_name = "NAME")]
    pub(crate) nats_context: Option<String>,

    /// NATS credentials file (`.creds`).
    #[arg(long, env = "LATTICE_NATS_CREDS", value_name = "FILE")]
    pub(crate) nats_creds: Option<PathBuf>,

    /// File with an NATS user seed (`SU…`), for servers that know the user's nkey.
    #[arg(long, env = "LATTICE_NATS_NKEY", value_name = "FILE")]
    pub(crate) nats_nkey: Option<PathBuf>,

    /// Certificates that NATS servers are trusted by (PEM), instead of the system's.
    #[arg(long, env = "LATTICE_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// This host's TLS certificate for NATS (PEM); needs `--tls-key`.
    #[arg(long, env = "LATTICE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key of `--tls-cert` (PEM).
    #[arg(long, env = "LATTICE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Refuses NATS servers that do not speak TLS.
    #[arg(long, env = "LATTICE_TLS_REQUIRED", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) tls_required: Option<bool>,

    /// JetStream domain that holds the lattice's state, when it is not the server's own.
    #[arg(long, env = "LATTICE_JS_DOMAIN", value_name = "DOMAIN")]
    pub(crate) jetstream_domain: Option<String>,

    /// The site this host is at, behind a link that may be cut: the JetStream domain of the leaf nats-server there. It is a label of the
    /// host too (`site=…`), which its token has to grant. Needs `--jetstream-domain`, the hub's.
    #[arg(long, env = "LATTICE_SITE", value_name = "NAME")]
    pub(crate) site: Option<String>,

    /// Where this host keeps its key, token, components and compiled code.
    #[arg(long, env = "LATTICE_DATA_DIR", value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,

    /// File with this host's key, which somebody else made [default: <data-dir>/host.seed, made on the first start].
    #[arg(long, env = "LATTICE_SEED_FILE", value_name = "FILE")]
    pub(crate) seed_file: Option<PathBuf>,

    /// File with this host's enrolment token [default: <data-dir>/host.jwt].
    #[arg(long, env = "LATTICE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// File with the lattice's trust bundle, for a first start without JetStream [default: <data-dir>/trust.jwt].
    #[arg(long, env = "LATTICE_TRUST_BUNDLE", value_name = "FILE")]
    pub(crate) trust_bundle: Option<PathBuf>,

    /// Operator keys (`O…`) this host trusts [default: those in <data-dir>/operators].
    #[arg(
        long = "operator",
        env = "LATTICE_OPERATORS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    #[serde(rename = "operators", deserialize_with = "one_or_many")]
    pub(crate) operators: Vec<String>,

    /// Name for people [default: the machine's name].
    #[arg(long, env = "LATTICE_HOST_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Label of this host, `key=value`; may be given several times. `arch`, `compile` and `os` are added by themselves.
    #[arg(
        long = "label",
        env = "LATTICE_LABELS",
        value_name = "KEY=VALUE",
        value_delimiter = ','
    )]
    #[serde(rename = "labels", deserialize_with = "table_or_list")]
    pub(crate) labels: Vec<String>,

    /// How to run components: `auto`, `server`, `edge64` or `pulley` [default: auto].
    #[arg(long, env = "LATTICE_ENGINE_PROFILE", value_name = "PROFILE")]
    pub(crate) engine_profile: Option<String>,

    /// Who compiles components: `here`, or `elsewhere`; then this host runs only what `lattice aot` has compiled and somebody has
    /// signed [default: here, by a program that has a compiler].
    #[arg(long, env = "LATTICE_COMPILE", value_name = "WHERE")]
    pub(crate) compile: Option<String>,

    /// How often this host says that it is alive [default: 2s].
    #[arg(long, env = "LATTICE_HEARTBEAT", value_name = "DURATION")]
    pub(crate) heartbeat: Option<String>,

    /// After how long without a word another member counts as lost [default: 5s].
    #[arg(long, env = "LATTICE_LOST_AFTER", value_name = "DURATION")]
    pub(crate) lost_after: Option<String>,

    /// How long work in flight may take to finish when this host stops [default: 30s].
    #[arg(long, env = "LATTICE_GRACE", value_name = "DURATION")]
    pub(crate) grace: Option<String>,

    /// The most replicas, over all actors, that applications may place on this host [default: no limit].
    #[arg(long, env = "LATTICE_REPLICAS_MAX", value_name = "COUNT")]
    pub(crate) replicas_max: Option<u32>,

    /// The most memory that stateful actors which are awake may have together [default: half of the machine's].
    #[arg(long, env = "LATTICE_STATEFUL_MEMORY", value_name = "SIZE")]
    pub(crate) stateful_memory: Option<String>,

    /// The folder with the secrets of actors, one file each [default: <data-dir>/secrets].
    #[arg(long, env = "LATTICE_SECRETS", value_name = "FOLDER")]
    pub(crate) secrets: Option<PathBuf>,

    /// Speaks plain HTTP to this registry, `host:port`; may be given several times. To those on this machine it does so anyway.
    #[arg(
        long = "insecure-registry",
        env = "LATTICE_INSECURE_REGISTRIES",
        value_name = "HOST",
        value_delimiter = ','
    )]
    #[serde(rename = "insecure-registries", deserialize_with = "one_or_many")]
    pub(crate) insecure_registries: Vec<String>,

    /// Never asks a registry: components come from the lattice's artifact store or not at all.
    #[arg(long, env = "LATTICE_NO_REGISTRIES", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) no_registries: Option<bool>,

    /// Credentials for registries, in the form of Docker's config.json [default: Docker's own].
    #[arg(long, env = "LATTICE_REGISTRY_CONFIG", value_name = "FILE")]
    pub(crate) registry_config: Option<PathBuf>,

    /// The most room that components may take on this host's disk, beside those that run here [default: 2GiB].
    #[arg(long, env = "LATTICE_BLOBS_MAX_SIZE", value_name = "SIZE")]
    pub(crate) blobs_max_size: Option<String>,

    /// How long a component is kept on this host's disk that nothing here needs [default: 30d].
    #[arg(long, env = "LATTICE_BLOBS_MAX_AGE", value_name = "DURATION")]
    pub(crate) blobs_max_age: Option<String>,

    /// The seed of the controller's key. With it this host may lead: place, heal and update what applications declare.
    #[arg(long, env = "LATTICE_CONTROLLER_SEED", value_name = "FILE")]
    pub(crate) controller_seed: Option<PathBuf>,

    /// Form of the log on stderr: `text` or `json` [default: text].
    #[arg(long, env = "LATTICE_LOG_FORMAT", value_name = "FORM")]
    pub(crate) log_format: Option<String>,

    /// What to log, `info` or `info,lattice_mesh=debug` [default: info,async_nats=warn].
    #[arg(long, env = "LATTICE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// Serves metrics for Prometheus (`/metrics`) and probes (`/livez`, `/readyz`) over HTTP on this address [default: not at all].
    #[arg(long, env = "LATTICE_METRICS_ADDRESS", value_name = "IP:PORT")]
    pub(crate) metrics_address: Option<String>,

    /// Writes a JSON line (`{"host": …, "pid": …}`) to this file as soon as this host serves, and removes it at the end.
    #[arg(long, env = "LATTICE_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

impl Settings {
    /// Fills what is not set here from `file`.
    pub(crate) fn or(self, file: Self) -> Self {
        Self {
            lattice: self.lattice.or(file.lattice),
            nats_url: either(self.nats_url, file.nats_url),
            nats_context: self.nats_context.or(file.nats_context),
            nats_creds: self.nats_creds.or(file.nats_creds),
            nats_nkey: self.nats_nkey.or(file.nats_nkey),
            tls_ca: self.tls_ca.or(file.tls_ca),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            tls_required: self.tls_required.or(file.tls_required),
            jetstream_domain: self.jetstream_domain.or(file.jetstream_domain),
            site: self.site.or(file.site),
            data_dir: self.data_dir.or(file.data_dir),
            seed_file: self.seed_file.or(file.seed_file),
            token_file: self.token_file.or(file.token_file),
            trust_bundle: self.trust_bundle.or(file.trust_bundle),
            operators: either(self.operators, file.operators),
            name: self.name.or(file.name),
            // Labels add up: the file says what the machine is, a flag adds to it (and wins, being last).
            labels: file.labels.into_iter().chain(self.labels).collect(),
            engine_profile: self.engine_profile.or(file.engine_profile),
            compile: self.compile.or(file.compile),
            heartbeat: self.heartbeat.or(file.heartbeat),
            lost_after: self.lost_after.or(file.lost_after),
            grace: self.grace.or(file.grace),
            replicas_max: self.replicas_max.or(file.replicas_max),
            stateful_memory: self.stateful_memory.or(file.stateful_memory),
            secrets: self.secrets.or(file.secrets),
            insecure_registries: either(self.insecure_registries, file.insecure_registries),
            no_registries: self.no_registries.or(file.no_registries),
            registry_config: self.registry_config.or(file.registry_config),
            blobs_max_size: self.blobs_max_size.or(file.blobs_max_size),
            blobs_max_age: self.blobs_max_age.or(file.blobs_max_age),
            controller_seed: self.controller_seed.or(file.controller_seed),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
            metrics_address: self.metrics_address.or(file.metrics_address),
            ready_file: self.ready_file.or(file.ready_file),
        }
    }
}

fn either(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    if first.is_empty() { second } else { first }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
    Table(std::collections::BTreeMap<String, String>),
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Texts::deserialize(deserializer)? {
        Texts::One(text) => Ok(vec![text]),
        Texts::Many(texts) => Ok(texts),
        Texts::Table(_) => Err(serde::de::Error::custom("expected text or a list of texts")),
    }
}

fn table_or_list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Texts::deserialize(deserializer)? {
        Texts::One(text) => Ok(vec![text]),
        Texts::Many(texts) => Ok(texts),
        Texts::Table(table) => Ok(table.into_iter().map(|(key, value)| format!("{key}={value}")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_labels_add_up() {
        let file: Settings = toml::from_str(
            "lattice = 'shop'\nnats-url = 'nats://a:1'\ngrace = '5s'\n[labels]\nzone = 'eu'\nrack = '7'\n",
        )
        .expect("is good");
        let args = Args::parse_from([
            "lattice-host",
            "--lattice",
            "edge",
            "--label",
            "rack=8",
            "--tls-required",
        ]);
        let settings = args.settings.or(file);
        assert_eq!(settings.lattice.as_deref(), Some("edge"));
        assert_eq!(settings.nats_url, ["nats://a:1"]);
        assert_eq!(settings.grace.as_deref(), Some("5s"));
        assert_eq!(settings.labels, ["rack=7", "zone=eu", "rack=8"]);
        assert_eq!(settings.tls_required, Some(true));
    }

    #[test]
    fn json_and_toml_say_the_same_and_unknown_keys_are_refused() {
        let json: Settings =
            serde_json::from_str(r#"{"nats-url": ["nats://a:1", "nats://b:2"], "labels": ["zone=eu"]}"#)
                .expect("is good");
        let toml: Settings =
            toml::from_str("nats-url = ['nats://a:1', 'nats://b:2']\nlabels = ['zone=eu']").expect("is good");
        assert_eq!(json.nats_url, toml.nats_url);
        assert_eq!(json.labels, toml.labels);
        assert!(
            toml::from_str::<Settings>("natsurl = 'x'")
                .expect_err("unknown")
                .to_string()
                .contains("natsurl")
        );
        assert!(serde_json::from_str::<Settings>(r#"{"natsurl": "x"}"#).is_err());
    }
}
