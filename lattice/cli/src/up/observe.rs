//! `lattice up --observe`: where hosts send their telemetry, and where they show their metrics.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{net::TcpStream, process::Command, time::timeout};

/// How long somebody on this machine may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_millis(300);

/// The variable that says where to send to.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where OpenTelemetry's protocol is spoken over HTTP, and over gRPC.
const HTTP_PORT: u16 = 4318;
const GRPC_PORT: u16 = 4317;

/// A back end on this machine that takes telemetry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Collector {
    /// Over HTTP.
    Http,
    /// Over gRPC.
    Grpc,
}

impl Collector {
    /// Finds the one that listens now.
    async fn find() -> Option<Self> {
        for collector in [Self::Http, Self::Grpc] {
            let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, collector.port()));
            if let Ok(Ok(_)) = timeout(ANSWERS_WITHIN, connecting).await {
                return Some(collector);
            }
        }
        None
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => HTTP_PORT,
            Self::Grpc => GRPC_PORT,
        }
    }

    /// Its address, for people and for hosts.
    pub(crate) fn url(self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Has a program send there. What whoever runs us has said of it counts more.
    pub(crate) fn tell(self, command: &mut Command) {
        let protocol = match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        };
        if chosen_endpoint().is_none() {
            command.env(ENDPOINT, self.url());
            command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
            if std::env::var_os("OTEL_METRICS_EXPORTER").is_none() {
                // Jaeger, which it mostly is, takes none; and Prometheus fetches them.
                command.env("OTEL_METRICS_EXPORTER", "none");
            }
        }
    }
}

/// Where whoever runs us wants spans to be sent.
pub(crate) fn chosen_endpoint() -> Option<OsString> {
    std::env::var_os(ENDPOINT).filter(|endpoint| !endpoint.is_empty())
}

/// How one host is observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    /// Where its spans go, if anybody takes them.
    pub(crate) collector: Option<Collector>,
    /// Where it shows its metrics.
    pub(crate) metrics: SocketAddr,
}

/// Decides how each of so many hosts is observed.
pub(crate) async fn observe(hosts: usize) -> Result<Vec<Observed>> {
    let collector = Collector::find().await;
    let addresses = free_addresses(hosts)?.into_iter();
    Ok(addresses.map(|metrics| Observed { collector, metrics }).collect())
}

/// Addresses that nobody listens on, one for each host. Another program may take one before its host does; that host says so then.
fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let listen = |_| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    // All held until the last is known, or the same might be given twice.
    let held: std::io::Result<Vec<_>> = (0..count).map(listen).collect();
    let held = held.context("no free port for the metrics of a host")?;
    Ok(held.into_iter().map(|(_, address)| address).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own() {
        let addresses = free_addresses(5).expect("there are ports");
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 5);
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() != 0)
        );
    }

    #[test]
    fn hosts_are_told_address_and_protocol() {
        let mut command = Command::new("lattice-host");
        Collector::Grpc.tell(&mut command);
        let told: Vec<_> = command.as_std().get_envs().collect();
        assert!(told.contains(&(
            "OTEL_EXPORTER_OTLP_ENDPOINT".as_ref(),
            Some("http://127.0.0.1:4317".as_ref())
        )));
        assert!(told.contains(&("OTEL_EXPORTER_OTLP_PROTOCOL".as_ref(), Some("grpc".as_ref()))));
    }
}
