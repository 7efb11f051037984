//! Where one signal is sent.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::CaFile;
use super::reader::Reader;

/// Where spans or metrics are sent, and how.
#[derive(Clone, PartialEq)]
pub struct OtlpSettings {
    /// The whole address, with the path of the signal in it for HTTP.
    pub endpoint: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// What else to send, often a key.
    pub headers: Vec<(String, String)>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether to compress with gzip.
    pub gzip: bool,
    /// More authorities to check its certificate against, in PEM.
    pub ca_file: Option<CaFile>,
}

/// How OTLP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol buffers over gRPC.
    Grpc,
    /// Protocol buffers in HTTP requests.
    Http,
}

impl fmt::Debug for OtlpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("OtlpSettings")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &format_args!("{names:?} [redacted]"))
            .field("timeout", &self.timeout)
            .field("gzip", &self.gzip)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

/// What differs between signals.
#[derive(Clone, Copy)]
pub(super) struct Signal {
    name: &'static str,
    path: &'static str,
    exporter: &'static str,
    exporters: &'static [&'static str],
}

pub(super) const TRACES: Signal = Signal {
    name: "TRACES",
    path: "v1/traces",
    exporter: "OTEL_TRACES_EXPORTER",
    exporters: &["otlp", "none"],
};

pub(super) const METRICS: Signal = Signal {
    name: "METRICS",
    path: "v1/metrics",
    exporter: "OTEL_METRICS_EXPORTER",
    exporters: &["otlp", "prometheus", "none"],
};

/// What the specification gives an attempt.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads where a signal is sent; `None` when nowhere.
pub(super) fn read(reader: &mut Reader<impl Fn(&str) -> Option<String>>, signal: Signal) -> Option<OtlpSettings> {
    let allowed = signal.exporters.join(", ");
    let exporters = reader.check_list(signal.exporter, signal.exporters, &allowed);
    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name);
    let protocol = protocol(reader, signal);
    let insecure = name_of(reader, signal, "INSECURE").is_some_and(|name| reader.flag(&name));
    let endpoint = [own.as_str(), "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .into_iter()
        .find_map(|variable| {
            let address = reader.text(variable)?;
            let whole = variable == own;
            let endpoint = resolve(&address, protocol, insecure, (!whole).then_some(signal.path));
            if endpoint.is_none() {
                let allowed = "an address such as http://localhost:4318 (or https)";
                reader.mistake(variable, &address, allowed);
            }
            Some(endpoint)
        });
    let settings = OtlpSettings {
        endpoint: endpoint
            .clone()
            .flatten()
            .unwrap_or_else(|| usual_endpoint(protocol, signal)),
        protocol,
        headers: headers(reader, signal),
        timeout: name_of(reader, signal, "TIMEOUT")
            .and_then(|name| reader.millis(&name))
            .unwrap_or(TIMEOUT),
        gzip: name_of(reader, signal, "COMPRESSION").is_some_and(|name| {
            let read = reader.parse(&name, "gzip or none", |text| match text {
                "gzip" => Some(true),
                "none" => Some(false),
                _ => None,
            });
            read.unwrap_or(false)
        }),
        ca_file: name_of(reader, signal, "CERTIFICATE").and_then(|name| reader.text(&name).map(CaFile::from)),
    };
    let wanted = match exporters {
        Some(exporters) => exporters.iter().any(|exporter| exporter == "otlp"),
        None => endpoint.is_some(),
    };
    wanted.then_some(settings)
}

/// The variable of the signal if it is set, else the one of all signals if that is.
fn name_of(reader: &Reader<impl Fn(&str) -> Option<String>>, signal: Signal, what: &str) -> Option<String> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name);
    let general = format!("OTEL_EXPORTER_OTLP_{what}");
    [own, general].into_iter().find(|name| reader.text(name).is_some())
}

fn protocol(reader: &mut Reader<impl Fn(&str) -> Option<String>>, signal: Signal) -> Protocol {
    let read = name_of(reader, signal, "PROTOCOL").and_then(|name| {
        reader.parse(&name, "http/protobuf or grpc", |text| match text {
            "http/protobuf" => Some(Protocol::Http),
            "grpc" => Some(Protocol::Grpc),
            _ => None,
        })
    });
    read.unwrap_or(Protocol::Http)
}

fn headers(reader: &mut Reader<impl Fn(&str) -> Option<String>>, signal: Signal) -> Vec<(String, String)> {
    let Some(name) = name_of(reader, signal, "HEADERS") else {
        return Vec::new();
    };
    let headers = reader.pairs(&name);
    let fits = |(name, value): &(String, String)| {
        HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok()
    };
    if !headers.iter().all(fits) {
        reader.secret_mistake(&name, "names and values that HTTP headers can have");
    }
    headers
}

/// The whole address: with a scheme, which only gRPC may leave out, and with the path, which only HTTP has.
fn resolve(address: &str, protocol: Protocol, insecure: bool, path: Option<&str>) -> Option<String> {
    let address = match protocol {
        Protocol::Grpc if !address.contains("://") => {
            let scheme = if insecure { "http" } else { "https" };
            format!("{scheme}://{address}")
        }
        _ => address.to_owned(),
    };
    let uri: Uri = address.parse().ok()?;
    uri.authority()?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return None;
    }
    Some(match (protocol, path) {
        (Protocol::Http, Some(path)) => format!("{}/{path}", address.trim_end_matches('/')),
        _ => address,
    })
}

fn usual_endpoint(protocol: Protocol, signal: Signal) -> String {
    match protocol {
        Protocol::Grpc => "http://localhost:4317".to_owned(),
        Protocol::Http => format!("http://localhost:4318/{}", signal.path),
    }
}
