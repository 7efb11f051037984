//! Messaging.

use super::{Config, Direction, ProviderSettings, broker};
use crate::read::Reader;
use crate::source::Span;
use crate::wadm::config::Settings;

const KEYS: [&str; 4] = ["cluster_uri", "cluster_uris", "js_domain", "subscriptions"];

pub(super) fn provider(mut settings: Settings, provider: &mut ProviderSettings, reader: &mut Reader) {
    broker::take(&mut settings, Some(provider), reader);
    provider.subscriptions = settings.take("subscriptions").map(|setting| setting.value);
    settings.refuse_rest("a messaging-nats", &KEYS, reader);
}

pub(super) fn link(
    direction: Direction,
    mut settings: Settings,
    mut provider: Option<&mut ProviderSettings>,
    link: Span,
    reader: &mut Reader,
) -> Config {
    broker::take(&mut settings, provider.as_deref_mut(), reader);
    match direction {
        // Ours opens no subject unless the link names it; wasmCloud's opens all. `>` leaves out only those of the lattice itself.
        Direction::Serves => {
            settings.refuse_rest("a link to a messaging-nats", &broker::KEYS, reader);
            Config::from([("publish".to_owned(), ">".to_owned())])
        }
        Direction::Drives => {
            let own = settings.take("subscriptions").map(|setting| setting.value);
            let subscriptions = own.or_else(|| provider.and_then(|provider| provider.subscriptions.clone()));
            settings.refuse_rest("a link from a messaging-nats", &KEYS, reader);
            if subscriptions.is_none() {
                let help = "write `subscriptions` with the subjects in the link's source config";
                reader.error_with(link, "this link hears no subject", help);
            }
            subscriptions
                .into_iter()
                .map(|subjects| ("subscriptions".to_owned(), subjects))
                .collect()
        }
    }
}
