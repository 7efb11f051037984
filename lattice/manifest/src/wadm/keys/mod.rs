//! What the settings of wasmCloud's providers are called here.
//!
//! Every setting becomes one of ours that means the same, is dropped where ours does so anyway, or is refused by name.

mod broker;
mod http_client;
mod http_server;
mod keyvalue;
mod messaging;

use std::collections::BTreeMap;

pub(super) use self::http_server::Server;
use super::config::Settings;
use crate::read::Reader;
use crate::source::Span;

/// Settings as they are stored.
pub(super) type Config = BTreeMap<String, String>;

/// A provider in the making: links may add to it.
#[derive(Debug, Default)]
pub(super) struct ProviderSettings {
    pub(super) config: Config,
    /// Of an HTTP server: what its routes need to know of it.
    pub(super) server: Server,
    /// Of one on NATS: which servers; empty for the lattice's own.
    pub(super) servers: Option<String>,
    /// Of one on NATS: the JetStream domain, which only other servers can have.
    pub(super) domain: Option<(String, Span)>,
    /// Of a messaging provider: what a link hears that says nothing.
    pub(super) subscriptions: Option<String>,
}

/// Which way a link goes, seen from the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// An actor calls the provider.
    Serves,
    /// The provider calls an actor.
    Drives,
}

/// Reads the settings of a provider itself.
pub(super) fn provider(kind: &str, settings: Settings, reader: &mut Reader) -> ProviderSettings {
    let mut provider = ProviderSettings::default();
    match kind {
        "http-server" => provider.server = Server::read(settings, reader),
        "http-client" => http_client::provider(settings, &mut provider, reader),
        "keyvalue-nats" => keyvalue::nats_provider(settings, &mut provider, reader),
        "keyvalue-redis" => keyvalue::redis_provider(settings, &mut provider, reader),
        "messaging-nats" => messaging::provider(settings, &mut provider, reader),
        // A kind that is not ours has been told already.
        _ => {}
    }
    provider
}

/// Reads the settings of a link of a provider; `provider` is that, where it is declared in the same manifest.
pub(super) fn link(
    kind: &str,
    direction: Direction,
    settings: Settings,
    provider: Option<&mut ProviderSettings>,
    link: Span,
    reader: &mut Reader,
) -> Config {
    match (kind, direction) {
        ("http-server", Direction::Drives) => http_server::link(settings, provider, link, reader),
        ("http-client", Direction::Serves) => http_client::link(settings, reader),
        ("keyvalue-nats", Direction::Serves) => keyvalue::nats_link(settings, provider, reader),
        ("keyvalue-redis", Direction::Serves) => keyvalue::redis_link(settings, reader),
        ("messaging-nats", direction) => messaging::link(direction, settings, provider, link, reader),
        // The link goes the wrong way, which is told elsewhere.
        _ => Config::new(),
    }
}

/// Ends a provider: what its links added to it becomes its config.
pub(super) fn finish(kind: &str, mut provider: ProviderSettings, reader: &mut Reader) -> Config {
    if kind == "http-server" {
        provider.config.extend(provider.server.config());
    }
    let servers = provider.servers.filter(|servers| !servers.is_empty());
    if let Some((domain, span)) = provider.domain {
        if servers.is_none() {
            reader.error_with(
                span,
                format!(
                    "the JetStream domain `{domain}` cannot be honoured: on the lattice's NATS the hosts choose it"
                ),
                "name the servers of another NATS in `cluster_uris`, or leave it out",
            );
        }
        provider.config.insert("domain".to_owned(), domain);
    }
    provider
        .config
        .extend(servers.map(|servers| ("url".to_owned(), servers)));
    provider.config
}
