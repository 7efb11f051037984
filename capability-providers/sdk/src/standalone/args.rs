//! What the user typed: flags, their environment variables, and the settings file that has the same words.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use serde::Deserialize;

/// Runs one capability provider as a process of its own: joins the lattice over NATS and serves its links until it is told to
/// stop.
#[derive(Debug, Default, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub(super) struct Args {
    /// Reads settings from this TOML file; flags and environment win over it.
    #[arg(long, env = "LATTICE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) settings: Settings,
}

const EXIT_CODES: &str = "Exit codes: 0 stopped and drained, 1 failed, 2 bad configuration, 4 not enrolled or not trusted, \
5 stopped, but work in flight was cut off.";

/// The settings themselves, the same in flags, environment and file; their words are those of `lattice-host`.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Settings {
    /// The folder that `lattice key provider-creds` made: key, token and NATS credentials. This process keeps its state there.
    #[arg(long, env = "LATTICE_DATA_DIR", value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,

    /// What links call the provider [default: the name that its token allows].
    #[arg(long, env = "LATTICE_PROVIDER_NAME", value_name = "NAME")]
    pub(super) name: Option<String>,

    /// A setting of the provider itself, `key=value`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    #[serde(skip)]
    pub(super) set: Vec<String>,

    /// The same in a file: the table `[provider]`.
    #[arg(skip)]
    pub(super) provider: BTreeMap<String, String>,

    /// Which lattice to join [default: default].
    #[arg(long, env = "LATTICE_ID", value_name = "ID")]
    pub(super) lattice: Option<String>,

    /// NATS servers, `nats://` or `tls://`; several for a cluster [default: nats://127.0.0.1:4222].
    #[arg(long, env = "LATTICE_NATS_URL", value_name = "URL", value_delimiter = ',')]
    pub(super) nats_url: Vec<String>,

    /// NATS credentials file [default: <data-dir>/nats.creds, if it is there].
    #[arg(long, env = "LATTICE_NATS_CREDS", value_name = "FILE")]
    pub(super) nats_creds: Option<PathBuf>,

    /// Certificates that NATS servers are trusted by (PEM), instead of the system's.
    #[arg(long, env = "LATTICE_TLS_CA", value_name = "FILE")]
    pub(super) tls_ca: Option<PathBuf>,

    /// JetStream domain that holds the lattice's state, when it is not the server's own.
    #[arg(long, env = "LATTICE_JS_DOMAIN", value_name = "DOMAIN")]
    pub(super) jetstream_domain: Option<String>,

    /// File with the enrolment token [default: <data-dir>/provider.jwt].
    #[arg(long, env = "LATTICE_TOKEN_FILE", value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,

    /// File with the lattice's trust bundle [default: <data-dir>/trust.jwt, if it is there, else from NATS].
    #[arg(long, env = "LATTICE_TRUST_BUNDLE", value_name = "FILE")]
    pub(super) trust_bundle: Option<PathBuf>,

    /// Operator keys (`O…`) to trust [default: those in <data-dir>/operators].
    #[arg(
        long = "operator",
        env = "LATTICE_OPERATORS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub(super) operators: Vec<String>,

    /// How long work in flight may take to finish when this process stops [default: 30s].
    #[arg(long, env = "LATTICE_GRACE", value_name = "DURATION")]
    pub(super) grace: Option<String>,

    /// Serves metrics for Prometheus (`/metrics`) and probes (`/livez`, `/readyz`) over HTTP on this address [default: not at all].
    #[arg(long, env = "LATTICE_METRICS_ADDRESS", value_name = "IP:PORT")]
    pub(super) metrics_address: Option<String>,

    /// Form of the log on stderr: `text` or `json` [default: text].
    #[arg(long, env = "LATTICE_LOG_FORMAT", value_name = "FORM")]
    pub(super) log_format: Option<String>,

    /// What to log, `info` or `info,lattice_mesh=debug` [default: info,async_nats=warn].
    #[arg(long, env = "LATTICE_LOG", value_name = "FILTER")]
    pub(super) log: Option<String>,
}

impl Settings {
    /// Fills what is not set here from `file`.
    pub(super) fn or(self, file: Self) -> Self {
        let either = |first: Vec<String>, second: Vec<String>| if first.is_empty() { second } else { first };
        Self {
            data_dir: self.data_dir.or(file.data_dir),
            name: self.name.or(file.name),
            set: self.set,
            provider: file.provider,
            lattice: self.lattice.or(file.lattice),
            nats_url: either(self.nats_url, file.nats_url),
            nats_creds: self.nats_creds.or(file.nats_creds),
            tls_ca: self.tls_ca.or(file.tls_ca),
            jetstream_domain: self.jetstream_domain.or(file.jetstream_domain),
            token_file: self.token_file.or(file.token_file),
            trust_bundle: self.trust_bundle.or(file.trust_bundle),
            operators: either(self.operators, file.operators),
            grace: self.grace.or(file.grace),
            metrics_address: self.metrics_address.or(file.metrics_address),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
        }
    }
}
