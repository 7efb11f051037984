//! A provider of the tests' own, on a member of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use lattice_core::{InterfacePattern, LinkId, ProviderSpec};
use parking_lot::Mutex;
use provider_sdk::capability::{
    BrokerMessage, CallContext, CasHandle, HttpBody, HttpError, KeyPage, KeyValue, KvError, Messaging, MessagingError,
    OutgoingHttp, RequestOptions, SwapError,
};
use provider_sdk::standalone::Standalone;
use provider_sdk::testing::lattice::{LIMIT, TestLattice, TestMember};
use provider_sdk::{ActorInvoker, LinkBinding, LinkError, Provider, ShutdownReport};
use tempfile::TempDir;

/// A provider that serves everything, from memory.
pub(crate) struct Memory {
    serves: Vec<InterfacePattern>,
    links: Mutex<BTreeSet<LinkId>>,
    store: Arc<MemoryStore>,
    pub(crate) invoker: Arc<dyn ActorInvoker>,
}

/// The lattice, a host with the actor `shop`, and the provider `memory` by itself.
pub(crate) struct World {
    pub(crate) lattice: TestLattice,
    pub(crate) host: TestMember,
    pub(crate) provider: Arc<Memory>,
    pub(crate) standalone: Standalone,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let lattice = TestLattice::start().await;
        let host = lattice.host("host", &["shop"]).await;
        let (config, bus, folder) = lattice.provider("memory").await;
        let spec = ProviderSpec::new("memory".parse().unwrap(), "memory".parse().unwrap());
        let mut built = None;
        let standalone = Standalone::start(spec, config, bus, |setup| {
            let provider = Arc::new(Memory {
                serves: vec!["wasi:keyvalue".parse().unwrap()],
                links: Mutex::default(),
                store: Arc::default(),
                invoker: setup.invoker,
            });
            built = Some(Arc::clone(&provider));
            async { Ok(provider as Arc<dyn Provider>) }
        })
        .await
        .expect("it starts");
        host.sees("provider/memory").await;
        Self {
            lattice,
            host,
            provider: built.unwrap(),
            standalone,
            _folder: folder,
        }
    }

    /// Links `shop` to the provider, and waits until both have taken the link up.
    pub(crate) async fn link(&self, interface: &str) -> (Arc<lattice_core::ActiveLink>, CallContext) {
        let id = self.lattice.link("actor/shop", interface, "provider/memory", &[]).await;
        let link = self.host.knows(&id).await;
        lattice_testkit::eventually("the provider to take the link", LIMIT, || async {
            self.provider.links.lock().contains(&id).then_some(())
        })
        .await;
        let ctx = provider_sdk::testing::lattice::context_of(&link);
        (link, ctx)
    }

    pub(crate) fn has(&self, link: &LinkId) -> bool {
        self.provider.links.lock().contains(link)
    }
}

#[async_trait]
impl Provider for Memory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn serves(&self) -> &[InterfacePattern] {
        &self.serves
    }

    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError> {
        if binding.config.contains_key("refuse") {
            return Err(LinkError::Config(vec!["`refuse` is set".to_owned()]));
        }
        self.links.lock().insert(binding.link.id.clone());
        Ok(())
    }

    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError> {
        self.links.lock().remove(link);
        Ok(())
    }

    fn keyvalue(&self, link: &LinkId) -> Option<Arc<dyn KeyValue>> {
        self.links
            .lock()
            .contains(link)
            .then(|| Arc::clone(&self.store) as Arc<dyn KeyValue>)
    }

    fn messaging(&self, link: &LinkId) -> Option<Arc<dyn Messaging>> {
        self.links
            .lock()
            .contains(link)
            .then(|| Arc::new(Echo) as Arc<dyn Messaging>)
    }

    fn outgoing_http(&self, link: &LinkId) -> Option<Arc<dyn OutgoingHttp>> {
        self.links
            .lock()
            .contains(link)
            .then(|| Arc::new(Echo) as Arc<dyn OutgoingHttp>)
    }

    async fn shutdown(&self, _: Duration) -> ShutdownReport {
        ShutdownReport::Drained
    }
}

/// Sends back what it gets.
struct Echo;

#[async_trait]
impl Messaging for Echo {
    async fn publish(&self, _: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        match &*message.subject {
            "forbidden" => Err(MessagingError::Denied {
                subject: message.subject,
                reason: "no".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        let reply_to = Some(format!("{} {timeout:?} {:?}", ctx.source, ctx.trace));
        Ok(BrokerMessage {
            subject: subject.to_owned(),
            body,
            reply_to,
        })
    }
}

#[async_trait]
impl OutgoingHttp for Echo {
    async fn send(
        &self,
        _: &CallContext,
        request: Request<HttpBody>,
        options: RequestOptions,
    ) -> Result<Response<HttpBody>, HttpError> {
        if request.uri().path() == "/denied" {
            return Err(HttpError::RequestDenied);
        }
        let asked = format!(
            "{} {} {:?}",
            request.method(),
            request.uri(),
            options.first_byte_timeout
        );
        Ok(Response::builder()
            .status(201)
            .header("x-asked", asked)
            .body(request.into_body())
            .unwrap())
    }
}

/// A key-value store in memory. One lock makes every operation atomic.
#[derive(Default)]
struct MemoryStore(Mutex<BTreeMap<String, (u64, Bytes)>>);

impl MemoryStore {
    fn check(bucket: &str) -> Result<(), KvError> {
        if matches!(bucket, "" | "default") {
            Ok(())
        } else {
            Err(KvError::AccessDenied)
        }
    }
}

#[async_trait]
impl KeyValue for MemoryStore {
    async fn open(&self, _: &CallContext, bucket: &str) -> Result<(), KvError> {
        Self::check(bucket)
    }

    async fn get(&self, _: &CallContext, bucket: &str, key: &str) -> Result<Option<Bytes>, KvError> {
        Self::check(bucket)?;
        Ok(self.0.lock().get(key).map(|(_, value)| value.clone()))
    }

    async fn set(&self, _: &CallContext, bucket: &str, key: &str, value: Bytes) -> Result<(), KvError> {
        Self::check(bucket)?;
        let mut all = self.0.lock();
        let version = all.get(key).map_or(1, |(version, _)| version + 1);
        all.insert(key.to_owned(), (version, value));
        Ok(())
    }

    async fn delete(&self, _: &CallContext, bucket: &str, key: &str) -> Result<(), KvError> {
        Self::check(bucket)?;
        self.0.lock().remove(key);
        Ok(())
    }

    async fn exists(&self, ctx: &CallContext, bucket: &str, key: &str) -> Result<bool, KvError> {
        self.get(ctx, bucket, key).await.map(|value| value.is_some())
    }

    async fn list_keys(&self, _: &CallContext, bucket: &str, _: Option<u64>) -> Result<KeyPage, KvError> {
        Self::check(bucket)?;
        Ok(KeyPage {
            keys: self.0.lock().keys().cloned().collect(),
            cursor: None,
        })
    }

    async fn increment(&self, _: &CallContext, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        Self::check(bucket)?;
        let mut all = self.0.lock();
        let (version, number) = match all.get(key) {
            None => (0, 0),
            Some((version, value)) => {
                let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                (
                    *version,
                    number.ok_or_else(|| KvError::Other("not a number".to_owned()))?,
                )
            }
        };
        let sum = i64::checked_add(number, delta).ok_or_else(|| KvError::Other("too large".to_owned()))?;
        all.insert(key.to_owned(), (version + 1, Bytes::from(sum.to_string())));
        Ok(sum)
    }

    async fn compare(&self, _: &CallContext, bucket: &str, key: &str) -> Result<CasHandle, KvError> {
        Self::check(bucket)?;
        let all = self.0.lock();
        let (version, value) = all
            .get(key)
            .map_or((0, None), |(version, value)| (*version, Some(value.clone())));
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
        if now.version != expected.version {
            return Err(SwapError::Changed(now));
        }
        Ok(self.set(ctx, bucket, key, value).await?)
    }

    async fn get_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        Self::check(bucket)?;
        let mut values = Vec::new();
        for key in keys {
            values.push(self.get(ctx, bucket, key).await?);
        }
        Ok(values)
    }

    async fn set_many(&self, ctx: &CallContext, bucket: &str, entries: Vec<(String, Bytes)>) -> Result<(), KvError> {
        Self::check(bucket)?;
        for (key, value) in entries {
            self.set(ctx, bucket, &key, value).await?;
        }
        Ok(())
    }

    async fn delete_many(&self, ctx: &CallContext, bucket: &str, keys: &[String]) -> Result<(), KvError> {
        Self::check(bucket)?;
        for key in keys {
            self.delete(ctx, bucket, key).await?;
        }
        Ok(())
    }
}
