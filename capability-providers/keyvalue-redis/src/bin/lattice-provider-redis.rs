//! The key-value provider on Redis as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use provider_keyvalue_redis::{KIND, RedisKeyValue};
use provider_sdk::Provider;

fn main() -> ExitCode {
    provider_sdk::run("lattice-provider-redis", KIND, |setup| async {
        RedisKeyValue::start(setup)
            .await
            .map(|provider| provider as Arc<dyn Provider>)
    })
}
