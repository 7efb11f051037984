//! What stands behind the links of the actors under test, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use lattice_capability::http::full_body;
use lattice_capability::{
    BrokerMessage, CallContext, CasHandle, HttpBody, HttpError, KeyPage, KeyValue, KvError, Messaging, MessagingError,
    OutgoingHttp, RequestOptions, SwapError,
};
use lattice_core::{Fault, InterfaceId, LinkLabel, Party};
use lattice_engine::{
    Actor, Granted, Linked, LogLevel, LogLine, Need, OutgoingCall, PeerCall, Refusal, TurnRef, Values,
};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use crate::support::link_id;

/// Answers for all links that there are, which is every one unless a test says otherwise.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) stores: Mutex<HashMap<LinkLabel, Arc<Store>>>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) web: Arc<Web>,
    pub(crate) actors: Mutex<HashMap<LinkLabel, Actor>>,
    pub(crate) log: Mutex<Vec<(LogLevel, String, String)>>,
    /// Labels without a link.
    pub(crate) missing: Mutex<Vec<LinkLabel>>,
    /// When set, calls to actors wait here.
    pub(crate) hold: Mutex<Option<Arc<Hold>>>,
    /// Calls to actors with keys, and to peers, as they came: key or peer, and number.
    pub(crate) keyed: Mutex<Vec<(String, u32)>>,
    /// The turns that calls were made in, in the same order.
    pub(crate) turns: Mutex<Vec<Option<Arc<TurnRef>>>>,
    /// What peers answer, by operation. Others answer with what they were sent.
    pub(crate) peers: Mutex<HashMap<String, Result<Refusal, Fault>>>,
    /// Whether calls go through their wire form, as between hosts.
    pub(crate) over_the_wire: bool,
}

/// Where calls can be held, and counted.
pub(crate) struct Hold {
    pub(crate) arrived: watch::Sender<usize>,
    pub(crate) left: watch::Sender<usize>,
    pub(crate) go: Semaphore,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            arrived: watch::channel(0).0,
            left: watch::channel(0).0,
            go: Semaphore::new(0),
        }
    }
}

impl Hold {
    pub(crate) async fn pass(&self) {
        struct Left<'a>(&'a watch::Sender<usize>);
        impl Drop for Left<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|count| *count += 1);
            }
        }
        self.arrived.send_modify(|count| *count += 1);
        let _left = Left(&self.left);
        self.go.acquire().await.expect("is never closed").forget();
    }
}

impl World {
    fn check(&self, need: Need<'_>) -> Result<(), Fault> {
        if self.missing.lock().contains(need.label) {
            return Err(Fault::denied(format!(
                "no link `{}` for {}",
                need.label, need.interface
            )));
        }
        Ok(())
    }

    pub(crate) fn store(&self, label: &LinkLabel) -> Arc<Store> {
        Arc::clone(self.stores.lock().entry(label.clone()).or_default())
    }
}

fn granted<T: ?Sized>(capability: Arc<T>, need: Need<'_>) -> Granted<T> {
    Granted {
        capability,
        link: link_id(need.interface.as_str(), need.label),
    }
}

#[async_trait]
impl Linked for World {
    fn keyvalue(&self, need: Need<'_>) -> Result<Granted<dyn KeyValue>, Fault> {
        self.check(need)?;
        Ok(granted(self.store(need.label), need))
    }

    fn messaging(&self, need: Need<'_>) -> Result<Granted<dyn Messaging>, Fault> {
        self.check(need)?;
        Ok(granted(Arc::clone(&self.broker) as Arc<dyn Messaging>, need))
    }

    fn outgoing_http(&self, need: Need<'_>) -> Result<Granted<dyn OutgoingHttp>, Fault> {
        self.check(need)?;
        Ok(granted(Arc::clone(&self.web) as Arc<dyn OutgoingHttp>, need))
    }

    fn has_link(&self, _: &InterfaceId, label: &LinkLabel) -> bool {
        !self.missing.lock().contains(label)
    }

    async fn call(&self, call: OutgoingCall<'_>) -> Result<Values, Fault> {
        let hold = self.hold.lock().clone();
        if let Some(hold) = hold {
            hold.pass().await;
        }
        if let Some(key) = &call.key {
            self.keyed.lock().push((key.to_string(), call.nth));
            self.turns.lock().push(call.origin.turn.clone());
        }
        let actor = self.actors.lock().get(&call.label).cloned();
        let actor = actor.ok_or_else(|| Fault::denied(format!("no link `{}` for {}", call.label, call.interface)))?;
        let context = CallContext {
            deadline: call.origin.deadline,
            source: "actor/caller".parse::<Party>().expect("a party"),
            link: link_id(call.interface.id.as_str(), &call.label),
            invocation: call.origin.invocation,
            trace: call.origin.trace.clone(),
        };
        if !self.over_the_wire {
            let function = call.function().to_owned();
            return actor.call(&call.interface, &function, call.args, &context).await;
        }
        let args = call.args.encode().map_err(|error| Fault::internal(error.to_string()))?;
        let results = actor
            .call_encoded(&call.interface, call.function(), &args, &context)
            .await?;
        Values::decode_results(call.args.signature(), &results).map_err(|error| Fault::internal(error.to_string()))
    }

    async fn call_peer(&self, call: PeerCall) -> Result<Result<Bytes, Refusal>, Fault> {
        self.keyed.lock().push((call.to.to_string(), call.nth));
        self.turns.lock().push(call.origin.turn);
        match self.peers.lock().get(&call.operation).cloned() {
            None => Ok(Ok(call.body)),
            Some(answer) => answer.map(Err),
        }
    }

    fn log(&self, line: LogLine<'_>) {
        self.log
            .lock()
            .push((line.level, line.about().to_owned(), line.message.to_owned()));
    }
}

/// A key-value store with one bucket, `default`.
#[derive(Default)]
pub(crate) struct Store(Mutex<BTreeMap<String, (Bytes, u64)>>);

impl Store {
    #[expect(clippy::type_complexity, reason = "a guard over a small map, in a test")]
    fn bucket(&self, name: &str) -> Result<parking_lot::MutexGuard<'_, BTreeMap<String, (Bytes, u64)>>, KvError> {
        match name {
            "default" => Ok(self.0.lock()),
            "secret" => Err(KvError::AccessDenied),
            _ => Err(KvError::NoSuchStore),
        }
    }
}

#[async_trait]
impl KeyValue for Store {
    async fn open(&self, _: &CallContext, bucket: &str) -> Result<(), KvError> {
        self.bucket(bucket).map(drop)
    }

    async fn get(&self, _: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        Ok(self.bucket(bucket)?.get(key).map(|(value, _)| value.clone()))
    }

    async fn set(&self, _: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        let mut bucket = self.bucket(bucket)?;
        let version = bucket.get(key).map_or(0, |(_, version)| *version) + 1;
        bucket.insert(key.to_owned(), (value, version));
        Ok(())
    }

    async fn delete(&self, _: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        self.bucket(bucket)?.remove(key);
        Ok(())
    }

    async fn exists(&self, _: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        Ok(self.bucket(bucket)?.contains_key(key))
    }

    /// Pages of two.
    async fn list_keys(&self, _: &CallContext, bucket: &str, cursor: Option<u64>) -> Result<KeyPage, KvError> {
        let from = usize::try_from(cursor.unwrap_or_default()).expect("a small cursor");
        let keys: Vec<_> = self.bucket(bucket)?.keys().skip(from).cloned().collect();
        let cursor = (keys.len() > 2).then_some(from as u64 + 2);
        Ok(KeyPage {
            keys: keys.into_iter().take(2).collect(),
            cursor,
        })
    }

    async fn increment(&self, _: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let mut bucket = self.bucket(bucket)?;
        let old = bucket
            .get(key)
            .map_or("0".into(), |(value, _)| String::from_utf8_lossy(value).into_owned());
        let sum = old.parse::<i64>().map_err(|_| KvError::Other("not a number".into()))? + delta;
        bucket.insert(key.to_owned(), (sum.to_string().into(), 0));
        Ok(sum)
    }

    async fn compare(&self, _: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        let bucket = self.bucket(bucket)?;
        let (value, version) = bucket
            .get(key)
            .cloned()
            .map_or((None, 0), |(value, version)| (Some(value), version));
        Ok(CasHandle { value, version })
    }

    async fn swap(
        &self,
        ctx: &CallContext,
        bucket: &str,
        key: &str,
        expected: &CasHandle,
        value: Bytes,
    ) -> Result<(), SwapError> {
        let now = self.compare(ctx, bucket, key).await?;
        if now != *expected {
            return Err(SwapError::Changed(now));
        }
        Ok(self.set(ctx, bucket, key, value).await?)
    }

    async fn get_many(&self, _: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        let bucket = self.bucket(bucket)?;
        Ok(keys
            .iter()
            .map(|key| bucket.get(key).map(|(value, _)| value.clone()))
            .collect())
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        for (key, value) in entries {
            self.set(ctx, bucket, &key, value).await?;
        }
        Ok(())
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        for key in keys {
            self.delete(ctx, bucket, key).await?;
        }
        Ok(())
    }
}

/// Keeps what is published, and answers requests with their own body.
#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) published: Mutex<Vec<BrokerMessage>>,
}

#[async_trait]
impl Messaging for Broker {
    async fn publish(&self, _: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        self.published.lock().push(message);
        Ok(())
    }

    async fn request(
        &self,
        _: &CallContext,
        subject: &str,
        body: Bytes,
        _: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        match subject {
            "nobody" => Err(MessagingError::NoResponders(subject.to_owned())),
            _ => Ok(BrokerMessage {
                subject: subject.to_owned(),
                body,
                reply_to: None,
            }),
        }
    }
}

/// A web server that sends every request back, upper case.
#[derive(Default)]
pub(crate) struct Web {
    pub(crate) seen: Mutex<Vec<(http::Method, String)>>,
}

#[async_trait]
impl OutgoingHttp for Web {
    async fn send(
        &self,
        _: &CallContext,
        request: http::Request<HttpBody>,
        _: RequestOptions,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        let (head, body) = request.into_parts();
        self.seen.lock().push((head.method, head.uri.to_string()));
        if head.uri.host() == Some("denied.example") {
            return Err(HttpError::RequestDenied);
        }
        let body = body.collect().await?.to_bytes();
        Ok(http::Response::new(full_body(body.to_ascii_uppercase())))
    }
}
