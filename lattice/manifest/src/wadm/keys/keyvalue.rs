//! The key-value stores.

use super::{Config, ProviderSettings, broker};
use crate::read::Reader;
use crate::wadm::config::Settings;

const NATS_KEYS: [&str; 5] = [
    "bucket",
    "cluster_uri",
    "cluster_uris",
    "enable_bucket_auto_create",
    "js_domain",
];
const REDIS_KEYS: [&str; 1] = ["url"];

pub(super) fn nats_provider(mut settings: Settings, provider: &mut ProviderSettings, reader: &mut Reader) {
    broker::take(&mut settings, Some(provider), reader);
    take_auto_create(&mut settings, reader);
    if let Some(setting) = settings.take("bucket") {
        setting.refuse("a link names the bucket; write it in the link's target config", reader);
    }
    settings.refuse_rest("a keyvalue-nats", &NATS_KEYS, reader);
}

pub(super) fn nats_link(
    mut settings: Settings,
    provider: Option<&mut ProviderSettings>,
    reader: &mut Reader,
) -> Config {
    broker::take(&mut settings, provider, reader);
    take_auto_create(&mut settings, reader);
    let bucket = settings.take("bucket");
    settings.refuse_rest("a link to a keyvalue-nats", &NATS_KEYS, reader);
    bucket
        .into_iter()
        .map(|setting| ("bucket".to_owned(), setting.value))
        .collect()
}

/// Ours makes a bucket that is not there, always.
fn take_auto_create(settings: &mut Settings, reader: &mut Reader) {
    if let Some(setting) = settings.take("enable_bucket_auto_create")
        && !setting.is_true(reader)
    {
        setting.refuse("a bucket that is not there is always made", reader);
    }
}

pub(super) fn redis_provider(settings: Settings, provider: &mut ProviderSettings, reader: &mut Reader) {
    provider.config = redis_url(settings, "a keyvalue-redis", reader);
}

pub(super) fn redis_link(settings: Settings, reader: &mut Reader) -> Config {
    redis_url(settings, "a link to a keyvalue-redis", reader)
}

/// As in wasmCloud, a link may name another server than its provider does.
fn redis_url(mut settings: Settings, what: &str, reader: &mut Reader) -> Config {
    let url = settings.take("url");
    settings.refuse_rest(what, &REDIS_KEYS, reader);
    url.into_iter()
        .map(|setting| ("url".to_owned(), setting.value))
        .collect()
}
