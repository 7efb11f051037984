//! The providers that every host carries.

use std::sync::Arc;

use lattice_core::ProviderKind;
use lattice_core::provider::BUILT_IN_KINDS;
use provider_http_client::HttpClient;
use provider_http_server::HttpServer;
use provider_keyvalue_nats::NatsKeyValue;
use provider_keyvalue_redis::RedisKeyValue;
use provider_messaging_nats::NatsMessaging;
use provider_sdk::{Provider, ProviderSetup, StartError};

/// Builds a provider of `kind`. It is bound and connected when this returns.
pub(crate) async fn build(kind: &ProviderKind, setup: ProviderSetup) -> Result<Arc<dyn Provider>, StartError> {
    Ok(match kind.as_str() {
        "http-client" => HttpClient::start(setup).await?,
        "http-server" => HttpServer::start(setup).await?,
        "keyvalue-nats" => NatsKeyValue::start(setup).await?,
        "keyvalue-redis" => RedisKeyValue::start(setup).await?,
        "messaging-nats" => NatsMessaging::start(setup).await?,
        other => return Err(StartError::Config(vec![unknown(other)])),
    })
}

fn unknown(kind: &str) -> String {
    let known = BUILT_IN_KINDS.join(", ");
    match provider_sdk::config::nearest(kind, BUILT_IN_KINDS) {
        Some(near) => format!("this host has no provider of kind `{kind}`; did you mean `{near}`? (it has {known})"),
        None => format!("this host has no provider of kind `{kind}`; it has {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_names_the_nearest_one() {
        assert!(unknown("http-sever").contains("did you mean `http-server`"));
        assert!(unknown("blobstore").contains("it has http-client"));
    }
}
