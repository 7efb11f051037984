//! The key-value operations of one link.

use std::sync::LazyLock;

use async_trait::async_trait;
use bytes::Bytes;
use provider_sdk::buckets::Buckets;
use provider_sdk::capability::{CallContext, CasHandle, KeyPage, KeyValue, KvError, SwapError};
use redis::{Cmd, Script, cmd};
use tokio::time::Instant;

use crate::server::Server;

/// How many keys the server looks at per step of a listing.
const SCAN_COUNT: usize = 1000;
/// How many keys a page holds before it is handed out. A step may find none, and then listing goes on.
const PAGE_KEYS_MIN: usize = 1;

/// Sets KEYS[1] to ARGV[3] if it is what the caller saw: absent (ARGV[1] is `0`) or ARGV[2]. Returns whether, and what it is.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = redis.call('GET', KEYS[1])
         local seen = (now and ARGV[1] == '1' and now == ARGV[2]) or (not now and ARGV[1] == '0')
         if seen then redis.call('SET', KEYS[1], ARGV[3]) end
         return { seen and 1 or 0, now }",
    )
});

/// A link's view of a server: the buckets it opens and nothing else.
pub(crate) struct Store {
    pub(crate) server: Server,
    pub(crate) buckets: Buckets,
}

impl Store {
    /// Returns the prefix of all of a bucket's keys.
    fn prefix(&self, bucket: &str) -> Result<String, KvError> {
        Ok(format!("{}:", self.buckets.resolve(bucket)?))
    }

    fn key(&self, bucket: &str, key: &str) -> Result<String, KvError> {
        Ok(format!("{}:{key}", self.buckets.resolve(bucket)?))
    }

    fn keys(&self, bucket: &str, keys: &[String]) -> Result<Vec<String>, KvError> {
        let prefix = self.prefix(bucket)?;
        Ok(keys.iter().map(|key| format!("{prefix}{key}")).collect())
    }

    async fn write<T: redis::FromRedisValue>(&self, ctx: &CallContext, command: &Cmd) -> Result<T, KvError> {
        self.server.write(deadline(ctx), command).await
    }

    async fn read<T: redis::FromRedisValue>(&self, ctx: &CallContext, command: &Cmd) -> Result<T, KvError> {
        self.server.read(deadline(ctx), command).await
    }
}

#[async_trait]
impl KeyValue for Store {
    async fn open(&self, _ctx: &CallContext, bucket: &str) -> Result<(), KvError> {
        self.buckets.resolve(bucket).map(drop)
    }

    async fn get(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        self.read(ctx, cmd("GET").arg(self.key(bucket, key)?)).await
    }

    async fn set(&self, ctx: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        self.write(ctx, cmd("SET").arg(self.key(bucket, key)?).arg(&*value))
            .await
    }

    async fn delete(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        self.write::<u64>(ctx, cmd("DEL").arg(self.key(bucket, key)?))
            .await
            .map(drop)
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        self.read(ctx, cmd("EXISTS").arg(self.key(bucket, key)?)).await
    }

    async fn list_keys(&self, ctx: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        let prefix = self.prefix(bucket)?;
        let pattern = format!("{}*", escape_glob(&prefix));
        let mut cursor = cursor.unwrap_or(0);
        let mut keys = Vec::new();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCAN_COUNT);
            let (next, found): (u64, Vec<Vec<u8>>) = self.read(ctx, &scan).await?;
            // Another program may have put keys there that are no text; no actor could name them.
            let found = found.into_iter().filter_map(|key| String::from_utf8(key).ok());
            keys.extend(found.filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)));
            cursor = next;
            if cursor == 0 {
                return Ok(KeyPage { keys, cursor: None });
            }
            if keys.len() >= PAGE_KEYS_MIN {
                return Ok(KeyPage {
                    keys,
                    cursor: Some(cursor),
                });
            }
            if ctx.remaining().is_zero() {
                return Err(KvError::Other(
                    "listing the keys took longer than the call may".to_owned(),
                ));
            }
        }
    }

    async fn increment(&self, ctx: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        self.write(ctx, cmd("INCRBY").arg(self.key(bucket, key)?).arg(delta))
            .await
    }

    async fn compare(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        Ok(handle(self.get(ctx, bucket, key).await?))
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        let mut swap = SWAP.prepare_invoke();
        swap.key(self.key(bucket, key)?)
            .arg(if expected.value.is_some() { "1" } else { "0" })
            .arg(expected.value.as_deref().unwrap_or_default())
            .arg(&*value);
        let (swapped, now): (bool, Option<Bytes>) = self.server.script(deadline(ctx), &swap).await?;
        if swapped {
            Ok(())
        } else {
            Err(SwapError::Changed(handle(now)))
        }
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        let keys = self.keys(bucket, keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.read(ctx, cmd("MGET").arg(keys)).await
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        let prefix = self.prefix(bucket)?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut set = cmd("MSET");
        for (key, value) in entries {
            set.arg(format!("{prefix}{key}")).arg(&*value);
        }
        self.write(ctx, &set).await
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        let keys = self.keys(bucket, keys)?;
        if keys.is_empty() {
            return Ok(());
        }
        self.write::<u64>(ctx, cmd("DEL").arg(keys)).await.map(drop)
    }
}

fn deadline(ctx: &CallContext) -> Instant {
    Instant::from_std(ctx.deadline)
}

/// Redis has no versions; the script compares the value.
fn handle(value: Option<Bytes>) -> CasHandle {
    CasHandle { value, version: 0 }
}

fn escape_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_only_itself() {
        assert_eq!(escape_glob("a*b[c]?\\d"), "a\\*b\\[c\\]\\?\\\\d");
    }
}
