//! `wasi:keyvalue@0.2.0-draft`, as wasmtime and wasmCloud have it.

use lattice_capability::KvError;
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker, Resource};

use self::generated::wasi::keyvalue::{atomics, batch, store};
use super::keyvalue::{ATOMICS, BATCH, Bucket, STORE};
use crate::ctx::Ctx;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasi-keyvalue-0.2.0-draft",
        world: "imports",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": crate::imports::keyvalue::Bucket },
    });
}

pub(super) fn add_store(linker: &mut Linker<Ctx>) -> Result<()> {
    store::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

pub(super) fn add_atomics(linker: &mut Linker<Ctx>) -> Result<()> {
    atomics::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

pub(super) fn add_batch(linker: &mut Linker<Ctx>) -> Result<()> {
    batch::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

type Answer<T> = Result<Result<T, store::Error>>;

impl From<KvError> for store::Error {
    fn from(error: KvError) -> Self {
        match error {
            KvError::NoSuchStore => Self::NoSuchStore,
            KvError::AccessDenied => Self::AccessDenied,
            KvError::Other(message) => Self::Other(message),
        }
    }
}

impl store::Host for Ctx {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        self.call.may_reach_out()?;
        let bucket = Bucket::named(&self.call, identifier);
        let opened = async {
            let (store, call) = bucket.store(&self.call, &STORE, "open")?;
            store.open(&call, &bucket.name).await
        };
        match opened.await {
            Ok(()) => Ok(Ok(self.table.push(bucket)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl store::HostBucket for Ctx {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "get")?;
            Ok(store.get(&call, &bucket.name, &key).await?.map(Vec::from))
        }
        .await)
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "set")?;
            Ok(store.set(&call, &bucket.name, &key, value.into()).await?)
        }
        .await)
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "delete")?;
            Ok(store.delete(&call, &bucket.name, &key).await?)
        }
        .await)
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "exists")?;
            Ok(store.exists(&call, &bucket.name, &key).await?)
        }
        .await)
    }

    async fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Answer<store::KeyResponse> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "list-keys")?;
            let page = store.list_keys(&call, &bucket.name, cursor).await?;
            Ok(store::KeyResponse {
                keys: page.keys,
                cursor: page.cursor,
            })
        }
        .await)
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Ctx {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Answer<u64> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &ATOMICS, "increment")?;
            let delta =
                i64::try_from(delta).map_err(|_| store::Error::Other(format!("{delta} is too large a step")))?;
            let sum = store.increment(&call, &bucket.name, &key, delta).await?;
            u64::try_from(sum).map_err(|_| store::Error::Other(format!("the number is negative: {sum}")))
        }
        .await)
    }
}

impl batch::Host for Ctx {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &BATCH, "get-many")?;
            let values = store.get_many(&call, &bucket.name, &keys).await?;
            let pairs = keys.into_iter().zip(values);
            Ok(pairs
                .map(|(key, value)| value.map(|value| (key, Vec::from(value))))
                .collect())
        }
        .await)
    }

    async fn set_many(&mut self, bucket: Resource<Bucket>, key_values: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &BATCH, "set-many")?;
            let entries = key_values.into_iter().map(|(key, value)| (key, value.into())).collect();
            Ok(store.set_many(&call, &bucket.name, entries).await?)
        }
        .await)
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &BATCH, "delete-many")?;
            Ok(store.delete_many(&call, &bucket.name, &keys).await?)
        }
        .await)
    }
}
