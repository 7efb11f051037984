//! The HTTP server.
//!
//! In wasmCloud a link says at which address its actor is reached; here the server says where it listens, and a link which of that is
//! its own. So the server listens at all addresses that its links name.

use std::net::SocketAddr;

use super::{Config, ProviderSettings};
use crate::read::Reader;
use crate::source::Span;
use crate::wadm::config::{Setting, Settings};

/// Where wasmCloud's server listens when nobody says.
const ADDRESS_DEFAULT: &str = "0.0.0.0:8000";

const SERVER_KEYS: [&str; 6] = [
    "default_address",
    "address",
    "port",
    "routing_mode",
    "readonly_mode",
    "timeout_ms",
];
const LINK_KEYS: [&str; 6] = ["address", "host", "path", "port", "readonly_mode", "timeout_ms"];

/// What the server says, and what its links have asked for so far.
#[derive(Debug, Default)]
pub(in crate::wadm) struct Server {
    routing: Routing,
    default_address: Option<String>,
    is_readonly: bool,
    timeout: Option<String>,
    addresses: Vec<String>,
    /// Address, host and path of each route, and where its link stands.
    routes: Vec<([String; 3], Span)>,
}

/// How requests find their actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Routing {
    #[default]
    Address,
    Path,
    Host,
}

impl Server {
    pub(super) fn read(mut settings: Settings, reader: &mut Reader) -> Self {
        let routing = settings.take("routing_mode").and_then(|setting| {
            let routing = match setting.value.as_str() {
                "address" => Routing::Address,
                "path" => Routing::Path,
                "host" => Routing::Host,
                _ => {
                    setting.refuse("the modes are address, path and host", reader);
                    return None;
                }
            };
            Some(routing)
        });
        let default_address = settings
            .take("default_address")
            .and_then(|setting| address(&setting, reader));
        let server = Self {
            routing: routing.unwrap_or_default(),
            default_address: default_address.or(take_address(&mut settings, reader)),
            is_readonly: take_readonly(&mut settings, reader),
            timeout: take_timeout(&mut settings, reader),
            ..Self::default()
        };
        refuse_known(&mut settings, reader);
        settings.refuse_rest("an http-server", &SERVER_KEYS, reader);
        server
    }

    fn default_address(&self) -> String {
        self.default_address.clone().unwrap_or(ADDRESS_DEFAULT.to_owned())
    }

    /// The address of a route that names `own`.
    fn listen(&mut self, own: Option<String>) -> String {
        let address = own.unwrap_or_else(|| self.default_address());
        if !self.addresses.contains(&address) {
            self.addresses.push(address.clone());
        }
        address
    }

    /// Takes up a route: an address, a host and a path. Two for the same are told.
    fn claim(&mut self, route: [String; 3], link: Span, reader: &mut Reader) {
        if let Some((_, first)) = self.routes.iter().find(|(other, _)| *other == route) {
            let line = reader.text().position(first.start).0;
            let [address, ..] = &route;
            let message = format!("this link asks for the same requests at {address} as the one on line {line}");
            let help = "give it another `address`, or a `path` in the routing mode `path`";
            reader.error_with(link, message, help);
        }
        self.routes.push((route, link));
    }

    /// Whether its routes must say which address they are for.
    pub(in crate::wadm) fn has_several_addresses(&self) -> bool {
        self.addresses.len() > 1
    }

    /// Its own settings, once all links are known.
    pub(super) fn config(&self) -> Config {
        let mut addresses = self.addresses.clone();
        let default = self.default_address();
        // Where links choose by path or host it listens at one address, whether there are links or not.
        if addresses.is_empty() || (self.routing != Routing::Address && !addresses.contains(&default)) {
            addresses.push(default);
        }
        Config::from([("address".to_owned(), addresses.join(","))])
    }
}

/// Reads the settings of a link from a server to an actor. It names its address; where that goes without saying, it is taken out again.
pub(super) fn link(
    mut settings: Settings,
    provider: Option<&mut ProviderSettings>,
    link: Span,
    reader: &mut Reader,
) -> Config {
    let own_address = take_address(&mut settings, reader);
    let mut config = Config::new();
    let mut set = |key: &str, value: Option<String>| config.extend(value.map(|value| (key.to_owned(), value)));
    let path = settings.take("path");
    if let Some((path, is_exact)) = path.as_ref().and_then(|setting| read_path(setting, reader)) {
        set("path", Some(path));
        set("match", is_exact.then(|| "exact".to_owned()));
    }
    let host = settings.take("host");
    if let Some(setting) = host.as_ref().filter(|setting| setting.value.contains(':')) {
        setting.refuse("a route is for a host on any port", reader);
    }
    set("host", host.as_ref().map(|setting| setting.value.clone()));
    let own_timeout = take_timeout(&mut settings, reader);
    let own_readonly = take_readonly(&mut settings, reader);
    refuse_known(&mut settings, reader);
    settings.refuse_rest("a link from an http-server", &LINK_KEYS, reader);

    let Some(server) = provider.map(|provider| &mut provider.server) else {
        set("timeout", own_timeout);
        set("method", own_readonly.then(|| "GET,HEAD".to_owned()));
        set("address", own_address);
        return config;
    };
    set("timeout", own_timeout.or(server.timeout.clone()));
    set(
        "method",
        (own_readonly || server.is_readonly).then(|| "GET,HEAD".to_owned()),
    );
    let missing = match server.routing {
        Routing::Path if path.is_none() => Some("path"),
        Routing::Host if host.is_none() => Some("host"),
        _ => None,
    };
    let address = server.listen(own_address);
    if let Some(key) = missing {
        let help = format!("write `{key}` in the link's source config");
        let message = format!("in the routing mode of its server this link needs `{key}`");
        reader.error_with(link, message, help);
    } else if path.is_none() || config.contains_key("path") {
        let said = |key: &str| config.get(key).cloned().unwrap_or_default();
        server.claim([address.clone(), said("host"), said("path")], link, reader);
    }
    config.insert("address".to_owned(), address);
    config
}

fn take_address(settings: &mut Settings, reader: &mut Reader) -> Option<String> {
    let port = settings
        .take("port")
        .and_then(|setting| match setting.value.parse::<u16>() {
            Ok(port) => Some(format!("127.0.0.1:{port}")),
            Err(_) => {
                reader.error(setting.span, format!("`{}` is no port", setting.value));
                None
            }
        });
    settings
        .take("address")
        .and_then(|setting| address(&setting, reader))
        .or(port)
}

fn address(setting: &Setting, reader: &mut Reader) -> Option<String> {
    match setting.value.parse::<SocketAddr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => {
            let message = format!("`{}` is not an address such as 0.0.0.0:8000", setting.value);
            reader.error(setting.span, message);
            None
        }
    }
}

/// A path of wasmCloud's router, and whether it is only that: a path is exact there unless it ends in `{*name}`.
fn read_path(setting: &Setting, reader: &mut Reader) -> Option<(String, bool)> {
    let path = setting.value.as_str();
    if !path.starts_with('/') {
        reader.error(setting.span, format!("`{path}` is no path: it must begin with `/`"));
        return None;
    }
    let (prefix, is_exact) = match path.split_once("{*") {
        Some((prefix, rest)) if rest.find('}') == Some(rest.len() - 1) && prefix.ends_with('/') => (prefix, false),
        _ => (path, true),
    };
    if prefix.contains(['{', '}', '*']) {
        setting.refuse("a path has no variables here, but for `/{*rest}` at its end", reader);
        return None;
    }
    if is_exact {
        return Some((path.to_owned(), true));
    }
    let short = prefix.trim_end_matches('/');
    let short = if short.is_empty() { "/" } else { short };
    reader.warn_with(
        setting.span,
        format!("`{path}` takes {short} too"),
        "nothing is to be done if that is well",
    );
    Some((short.to_owned(), false))
}

fn take_timeout(settings: &mut Settings, reader: &mut Reader) -> Option<String> {
    let setting = settings.take("timeout_ms")?;
    match setting.value.parse::<u64>() {
        Ok(millis @ 1..) => Some(format!("{millis}ms")),
        _ => {
            reader.error(
                setting.span,
                format!("`{}` is no number of milliseconds", setting.value),
            );
            None
        }
    }
}

fn take_readonly(settings: &mut Settings, reader: &mut Reader) -> bool {
    settings
        .take("readonly_mode")
        .is_some_and(|setting| setting.is_true(reader))
}

/// Settings that wasmCloud knows and ours does not, and why.
fn refuse_known(settings: &mut Settings, reader: &mut Reader) {
    const HEADERS: &str = "the server adds no headers; let the component do it";
    const TLS: &str = "the server speaks plain HTTP; put a proxy before it";
    const FILES: &str = "write the settings one by one";
    const REFUSED: [(&str, &str); 12] = [
        ("cache_control", HEADERS),
        ("cors_allowed_origins", HEADERS),
        ("cors_allowed_headers", HEADERS),
        ("cors_allowed_methods", HEADERS),
        ("cors_exposed_headers", HEADERS),
        ("cors_max_age_secs", HEADERS),
        ("tls_cert_file", TLS),
        ("tls_priv_key_file", TLS),
        ("config_file", FILES),
        ("config_b64", FILES),
        ("config_json", FILES),
        ("header", "routes are chosen by address, host and path"),
    ];
    for (key, why) in REFUSED {
        if let Some(setting) = settings.take(key) {
            setting.refuse(why, reader);
        }
    }
    if let Some(setting) = settings.take("disable_keepalive")
        && setting.is_true(reader)
    {
        setting.refuse("connections are kept alive", reader);
    }
}
