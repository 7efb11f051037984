//! Which NATS a provider works on. In wasmCloud each link may say so; here the provider does.

use super::ProviderSettings;
use crate::read::Reader;
use crate::wadm::config::{Setting, Settings};

/// The keys of this, for messages.
pub(super) const KEYS: [&str; 3] = ["cluster_uri", "cluster_uris", "js_domain"];

/// Takes the settings about the NATS system. `provider` is none where another application declares it.
pub(super) fn take(settings: &mut Settings, mut provider: Option<&mut ProviderSettings>, reader: &mut Reader) {
    for key in ["cluster_uris", "cluster_uri"] {
        if let Some(setting) = settings.take(key) {
            take_servers(&setting, provider.as_deref_mut(), reader);
        }
    }
    if let Some(setting) = settings.take("js_domain") {
        match provider {
            None => setting.refuse("the application that declares the provider says it", reader),
            Some(provider) => match &provider.domain {
                Some((other, _)) if *other != setting.value => {
                    setting.refuse(&format!("the provider works in the domain `{other}` already"), reader);
                }
                _ => provider.domain = Some((setting.value, setting.span)),
            },
        }
    }
}

fn take_servers(setting: &Setting, provider: Option<&mut ProviderSettings>, reader: &mut Reader) {
    let is_own = setting.value.split(',').map(str::trim).all(is_usual);
    if is_own {
        let message = format!("`{}` is taken for the lattice's own NATS", setting.value);
        reader.warn_with(
            setting.span,
            message,
            "leave it out, or name another NATS by another address",
        );
    }
    let servers = if is_own { String::new() } else { setting.value.clone() };
    match provider {
        None if is_own => {}
        None => setting.refuse(
            "the application that declares the provider says which NATS it works on",
            reader,
        ),
        Some(provider) => match &provider.servers {
            Some(other) if *other != servers => {
                setting.refuse(
                    "the provider works on another NATS already; declare a second provider",
                    reader,
                );
            }
            _ => provider.servers = Some(servers),
        },
    }
}

/// Whether an address is what everybody writes for "the NATS that is there".
fn is_usual(server: &str) -> bool {
    let address = server.strip_prefix("nats://").unwrap_or(server).trim_end_matches('/');
    let host = address.strip_suffix(":4222").unwrap_or(address);
    matches!(host, "" | "127.0.0.1" | "localhost" | "0.0.0.0" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_are_known() {
        for server in [
            "nats://127.0.0.1:4222",
            "localhost",
            "0.0.0.0:4222",
            "nats://[::1]:4222/",
        ] {
            assert!(is_usual(server), "{server}");
        }
        for server in [
            "nats://nats:4222",
            "127.0.0.1:4333",
            "tls://127.0.0.1:4222",
            "nats://user@localhost",
        ] {
            assert!(!is_usual(server), "{server}");
        }
    }
}
