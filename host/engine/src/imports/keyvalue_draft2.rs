//! `wasi:keyvalue@0.2.0-draft2`, as Spin has it: text cursors, signed increments, compare-and-swap.

use lattice_capability::{CasHandle, KvError, SwapError};
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker, Resource, Type};

use self::generated::wasi::keyvalue::{atomics, batch, store};
use super::keyvalue::{ATOMICS, BATCH, Bucket, STORE};
use crate::ctx::Ctx;
use crate::values::Signature;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasi-keyvalue-0.2.0-draft2",
        world: "imports",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::imports::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": crate::imports::keyvalue_draft2::Cas,
        },
    });
}

pub(super) fn add_store(linker: &mut Linker<Ctx>) -> Result<()> {
    store::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

pub(super) fn add_atomics(linker: &mut Linker<Ctx>) -> Result<()> {
    atomics::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)
}

/// The draft changed the result of `get-many` under the same version: components from before August 2026 expect another.
pub(super) fn add_batch(linker: &mut Linker<Ctx>, imported: &[Signature]) -> Result<()> {
    batch::add_to_linker::<_, HasSelf<Ctx>>(linker, |ctx| ctx)?;
    if imported.iter().any(is_older_get_many) {
        linker.allow_shadowing(true);
        linker.instance("wasi:keyvalue/batch@0.2.0-draft2")?.func_wrap_async(
            "get-many",
            |mut store, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
                Box::new(async move {
                    let values = batch::Host::get_many(store.data_mut(), bucket, keys).await?;
                    let present = |(key, value): (String, Option<Vec<u8>>)| value.map(|value| (key, value));
                    Ok((values.map(|values| values.into_iter().map(present).collect::<Vec<_>>()),))
                })
            },
        )?;
        linker.allow_shadowing(false);
    }
    Ok(())
}

fn is_older_get_many(function: &Signature) -> bool {
    let Some(Type::Result(result)) = function.result_types().next() else {
        return false;
    };
    let Some(Type::List(list)) = result.ok() else {
        return false;
    };
    function.name() == "get-many" && matches!(list.ty(), Type::Option(_))
}

/// What a key held when the guest looked, for a swap that fails if it changed since.
#[derive(Clone, Debug)]
#[expect(unreachable_pub, reason = "the generated bindings name it")]
pub struct Cas {
    bucket: Bucket,
    key: String,
    seen: CasHandle,
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

    async fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<String>) -> Answer<store::KeyResponse> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &STORE, "list-keys")?;
            let cursor = cursor.map(|text| text.parse()).transpose();
            let cursor = cursor.map_err(|_| store::Error::Other("the cursor is none of ours".to_owned()))?;
            let page = store.list_keys(&call, &bucket.name, cursor).await?;
            Ok(store::KeyResponse {
                keys: page.keys,
                cursor: page.cursor.map(|cursor| cursor.to_string()),
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
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &ATOMICS, "increment")?;
            Ok(store.increment(&call, &bucket.name, &key, delta).await?)
        }
        .await)
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        self.call.may_reach_out()?;
        let mut cas = self.table.delete(cas)?;
        let swapped = async {
            let (store, call) = cas.bucket.store(&self.call, &ATOMICS, "swap")?;
            store
                .swap(&call, &cas.bucket.name, &cas.key, &cas.seen, value.into())
                .await
        };
        match swapped.await {
            Ok(()) => Ok(Ok(())),
            Err(SwapError::Store(error)) => Ok(Err(atomics::CasError::StoreError(error.into()))),
            Err(SwapError::Changed(now)) => {
                cas.seen = now;
                Ok(Err(atomics::CasError::CasFailed(self.table.push(cas)?)))
            }
        }
    }
}

impl atomics::HostCas for Ctx {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        let bucket = self.bucket(&bucket)?.clone();
        let compared = async {
            let (store, call) = bucket.store(&self.call, &ATOMICS, "[static]cas.new")?;
            store.compare(&call, &bucket.name, &key).await
        };
        match compared.await {
            Ok(seen) => Ok(Ok(self.table.push(Cas { bucket, key, seen })?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        Ok(Ok(self.table.get(&cas)?.seen.value.as_deref().map(<[u8]>::to_vec)))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for Ctx {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<(String, Option<Vec<u8>>)>> {
        let bucket = self.bucket(&bucket)?;
        Ok(async {
            let (store, call) = bucket.store(&self.call, &BATCH, "get-many")?;
            let values = store.get_many(&call, &bucket.name, &keys).await?;
            Ok(keys
                .into_iter()
                .zip(values.into_iter().map(|value| value.map(Vec::from)))
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
