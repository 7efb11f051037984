//! What both drafts of `wasi:keyvalue` have in common.

use std::sync::{Arc, LazyLock};

use lattice_capability::{CallContext, KeyValue, KvError};
use lattice_core::{InterfaceId, LinkLabel};
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;

use crate::ctx::{Call, Ctx};
use crate::linked::Need;

pub(super) static STORE: LazyLock<InterfaceId> = LazyLock::new(|| interface("wasi:keyvalue/store"));
pub(super) static ATOMICS: LazyLock<InterfaceId> = LazyLock::new(|| interface("wasi:keyvalue/atomics"));
pub(super) static BATCH: LazyLock<InterfaceId> = LazyLock::new(|| interface("wasi:keyvalue/batch"));

/// A bucket that a guest has opened: a name, and the link it was opened through.
#[derive(Clone, Debug)]
#[expect(unreachable_pub, reason = "the generated bindings name it")]
pub struct Bucket {
    pub(super) name: String,
    label: LinkLabel,
}

impl Bucket {
    pub(super) fn named(call: &Call, name: String) -> Self {
        Self {
            name,
            label: call.label(&STORE).clone(),
        }
    }

    /// Asks for the store anew: the link may be gone since the bucket was opened.
    pub(super) fn store(
        &self,
        call: &Call,
        interface: &InterfaceId,
        function: &str,
    ) -> Result<(Arc<dyn KeyValue>, CallContext), KvError> {
        call.keyvalue(Need {
            interface,
            function,
            label: &self.label,
        })
    }
}

impl Ctx {
    /// The bucket behind a handle, for a call of the store.
    pub(super) fn bucket(&self, handle: &Resource<Bucket>) -> Trappable<&Bucket> {
        self.call.may_reach_out()?;
        Ok(self.table.get(handle)?)
    }
}

fn interface(text: &str) -> InterfaceId {
    text.parse().expect("a constant that is an interface")
}
