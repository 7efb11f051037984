//! The HTTP client.

use super::{Config, ProviderSettings};
use crate::read::Reader;
use crate::wadm::config::Settings;

const KEYS: [&str; 3] = ["load_native_certs", "load_webpki_certs", "ssl_certs_file"];

pub(super) fn provider(mut settings: Settings, provider: &mut ProviderSettings, reader: &mut Reader) {
    for key in ["load_native_certs", "load_webpki_certs"] {
        if let Some(setting) = settings.take(key)
            && !setting.is_true(reader)
        {
            setting.refuse("the client always knows these certificates", reader);
        }
    }
    if let Some(setting) = settings.take("ssl_certs_file") {
        provider.config.insert("ca-file".to_owned(), setting.value);
    }
    settings.refuse_rest("an http-client", &KEYS, reader);
}

/// Ours opens no host unless the link names it; wasmCloud's opens all.
pub(super) fn link(settings: Settings, reader: &mut Reader) -> Config {
    settings.refuse_rest("a link to an http-client", &[], reader);
    Config::from([("hosts".to_owned(), "*:*".to_owned())])
}
