//! The exports by which a stateful actor is woken, saved, reminded, written to and put to rest.

use std::sync::LazyLock;

use bytes::Bytes;
use lattice_core::stateful::{Cause, Image, Refusal, Saved, StopReason};
use lattice_core::{InterfaceId, KeyedActor, VersionedInterface};
use semver::Version;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

use crate::actor::instance::Instance;
use crate::compiled::Compiled;
use crate::imports::actor_types as wit;
use crate::live::Waking;

/// All interfaces of the package are of this version.
const VERSION: Version = Version::new(0, 1, 0);
const PACKAGE: &str = "lattice:actor/";
static LIFECYCLE: LazyLock<InterfaceId> = LazyLock::new(|| interface("lifecycle"));

/// Where a stateful component's entries are.
pub(in crate::actor) struct StatefulEntry {
    activate: ComponentExportIndex,
    deactivate: ComponentExportIndex,
    save: Option<ComponentExportIndex>,
    fire: Option<ComponentExportIndex>,
    receive: Option<ComponentExportIndex>,
}

type Told<T> = Result<T, wit::Fault>;

impl StatefulEntry {
    /// Finds the entries; none of a component without a lifecycle. An error says why there can be no such actor here.
    pub(in crate::actor) fn of(compiled: &Compiled) -> Result<Option<Self>, String> {
        let find = |name: &str, function: &str| {
            let exported = compiled.export(&interface(name), Some(&VERSION))?;
            Some(exported.function(function)?.index)
        };
        match (find("lifecycle", "activate"), find("lifecycle", "deactivate")) {
            (Some(activate), Some(deactivate)) => Ok(Some(Self {
                activate,
                deactivate,
                save: find("snapshot", "save"),
                fire: find("reminder-handler", "fire"),
                receive: find("peer-handler", "receive"),
            })),
            // To run it as an actor without state would lose the state it believes to have.
            _ => match compiled.export(&LIFECYCLE, None) {
                Some(other) => Err(format!(
                    "it exports `{}`, and this host knows `{}`",
                    other.interface,
                    VersionedInterface::new(LIFECYCLE.clone(), Some(VERSION))
                )),
                None => Ok(None),
            },
        }
    }

    pub(in crate::actor) async fn activate(
        &self,
        instance: &mut Instance,
        waking: Waking,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let activation = wit::Activation {
            actor: (&waking.actor).into(),
            epoch: waking.epoch,
            cause: waking.cause.into(),
            from_version: waking.from_version,
        };
        let image = waking.image.map(wit::Image::from);
        let (answer,): (Told<()>,) = call(instance, self.activate, (activation, image)).await?;
        Ok(answer.map_err(Into::into))
    }

    pub(in crate::actor) async fn deactivate(&self, instance: &mut Instance, why: StopReason) -> wasmtime::Result<()> {
        call(instance, self.deactivate, (wit::StopReason::from(why),)).await
    }

    pub(in crate::actor) fn saves(&self) -> bool {
        self.save.is_some()
    }

    pub(in crate::actor) async fn save(&self, instance: &mut Instance) -> wasmtime::Result<Saved> {
        let Some(save) = self.save else {
            return Ok(Saved::NotOffered);
        };
        let (answer,): (Told<Option<wit::Image>>,) = call(instance, save, ()).await?;
        Ok(match answer {
            Ok(Some(image)) => Saved::Image(image.into()),
            Ok(None) => Saved::Unchanged,
            Err(fault) => Saved::Refused(fault.into()),
        })
    }

    pub(in crate::actor) fn fires(&self) -> bool {
        self.fire.is_some()
    }

    pub(in crate::actor) async fn fire(
        &self,
        instance: &mut Instance,
        (name, due_ms, payload, missed): (&str, u64, &[u8], u32),
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let fire = self.fire.ok_or_else(lost)?;
        let (answer,): (Told<()>,) = call(instance, fire, (name, due_ms, payload, missed)).await?;
        Ok(answer.map_err(Into::into))
    }

    pub(in crate::actor) fn receives(&self) -> bool {
        self.receive.is_some()
    }

    pub(in crate::actor) async fn receive(
        &self,
        instance: &mut Instance,
        (sender, operation, body): (Option<&KeyedActor>, &str, &[u8]),
    ) -> wasmtime::Result<Result<Bytes, Refusal>> {
        let receive = self.receive.ok_or_else(lost)?;
        let sender = sender.map(wit::Identity::from);
        let (answer,): (Told<Vec<u8>>,) = call(instance, receive, (sender, operation, body)).await?;
        Ok(answer.map(Bytes::from).map_err(Into::into))
    }
}

/// Whether an interface is one of those that only the host drives.
pub(in crate::actor) fn is_driven_by_host(interface: &InterfaceId) -> bool {
    interface.as_str().starts_with(PACKAGE)
}

async fn call<P, R>(instance: &mut Instance, index: ComponentExportIndex, params: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let Instance { store, instance, .. } = instance;
    let func = instance.get_typed_func::<P, R>(&mut *store, index)?;
    func.call_async(store, params).await
}

fn interface(name: &str) -> InterfaceId {
    format!("{PACKAGE}{name}").parse().expect("made of constants")
}

fn lost() -> wasmtime::Error {
    wasmtime::format_err!("the component lost an export")
}

impl From<Cause> for wit::Cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Created => Self::Created,
            Cause::Reactivated => Self::Reactivated,
            Cause::Migrated => Self::Migrated,
            Cause::Recovered => Self::Recovered,
            Cause::Upgraded => Self::Upgraded,
        }
    }
}

impl From<StopReason> for wit::StopReason {
    fn from(why: StopReason) -> Self {
        match why {
            StopReason::Idle => Self::Idle,
            StopReason::Moving => Self::Moving,
            StopReason::Upgrading => Self::Upgrading,
            StopReason::DrainingHost => Self::DrainingHost,
            StopReason::Deleted => Self::Deleted,
        }
    }
}

impl From<Image> for wit::Image {
    fn from(image: Image) -> Self {
        Self {
            media_type: image.media_type,
            schema: image.schema,
            data: image.data.into(),
        }
    }
}

impl From<wit::Image> for Image {
    fn from(image: wit::Image) -> Self {
        Self {
            media_type: image.media_type,
            schema: image.schema,
            data: image.data.into(),
        }
    }
}
