//! What a component finds when it is instantiated: exactly what it was granted.

mod actor;
mod bridge;
mod bus;
mod config;
mod http;
mod keyvalue;
mod keyvalue_draft;
mod keyvalue_draft2;
mod logging;
mod messaging;
mod wanted;

use wasmtime::component::{InstancePre, Linker};

use crate::compiled::Compiled;
use crate::ctx::Ctx;
use crate::linked::Grants;
use crate::profile::Flavor;
use crate::start_error::ImportProblem;

pub(crate) use self::actor::types as actor_types;
pub(crate) use self::bus::TargetInterface;
pub(crate) use self::http::{from_wasi_error, sends_by_client, to_wasi_error};
pub(crate) use self::keyvalue::Bucket;
pub(crate) use self::keyvalue_draft2::Cas;
pub(crate) use self::messaging::BrokerMessage;
use self::wanted::{Wanted, Wants};

/// Why a component could not be linked.
pub(crate) enum LinkError {
    Imports(Vec<ImportProblem>),
    Incompatible(String),
}

/// Joins a component with what its links grant.
pub(crate) fn link(compiled: &Compiled, grants: &dyn Grants) -> Result<InstancePre<Ctx>, LinkError> {
    let wants = wanted::of(compiled.component(), grants).map_err(LinkError::Imports)?;
    let linker = build(compiled, &wants).map_err(incompatible)?;
    linker.instantiate_pre(compiled.component()).map_err(incompatible)
}

fn build(compiled: &Compiled, wants: &Wants) -> wasmtime::Result<Linker<Ctx>> {
    let mut linker = Linker::new(compiled.component().engine());
    add_wasi(&mut linker, compiled.flavor())?;
    for wanted in wants {
        add(&mut linker, wanted)?;
    }
    Ok(linker)
}

/// Everything here is empty behind its interface: no arguments, no variables, no files, no network.
fn add_wasi(linker: &mut Linker<Ctx>, flavor: Flavor) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    http::add_types(linker)?;
    config::add(linker)?;
    logging::add(linker)?;
    bus::add(linker)?;
    actor::add(linker)?;
    if flavor.is_concurrent() {
        wasmtime_wasi::p3::add_to_linker(linker)?;
        http::add_types_async(linker)?;
    }
    Ok(())
}

fn add(linker: &mut Linker<Ctx>, wanted: &Wanted) -> wasmtime::Result<()> {
    match wanted {
        Wanted::Bridge {
            name,
            interface,
            functions,
        } => bridge::add(linker, name, interface, functions),
        Wanted::Capability { interface, functions } => {
            let version = interface.version.as_ref().map(ToString::to_string).unwrap_or_default();
            match (interface.id.as_str(), version.as_str()) {
                ("wasi:http/outgoing-handler", _) => http::add_outgoing(linker),
                ("wasi:http/client", _) => http::add_client(linker),
                ("wasi:keyvalue/store", "0.2.0-draft") => keyvalue_draft::add_store(linker),
                ("wasi:keyvalue/atomics", "0.2.0-draft") => keyvalue_draft::add_atomics(linker),
                ("wasi:keyvalue/batch", "0.2.0-draft") => keyvalue_draft::add_batch(linker),
                ("wasi:keyvalue/store", _) => keyvalue_draft2::add_store(linker),
                ("wasi:keyvalue/atomics", _) => keyvalue_draft2::add_atomics(linker),
                ("wasi:keyvalue/batch", _) => keyvalue_draft2::add_batch(linker, functions),
                ("wasmcloud:messaging/consumer", _) => messaging::add_consumer(linker),
                (other, _) => wasmtime::bail!("`{other}` is listed as served and is not"),
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn incompatible(error: wasmtime::Error) -> LinkError {
    LinkError::Incompatible(format!("{error:#}"))
}
