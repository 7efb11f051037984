//! From bytes to a handler's method and back.

use std::future::Future;

use bytes::Bytes;
use lattice_core::Incarnation;
use serde::Deserialize;

use crate::{
    error::ControlError,
    handler::Handler,
    progress::ProgressSink,
    verb::Verb,
    verbs::Command,
    wire::{self, Body},
};

/// Has the handler carry out a command, and encodes its reply.
pub(super) async fn dispatch(
    handler: &dyn Handler,
    verb: Verb,
    body: &[u8],
    progress: ProgressSink,
) -> Result<Bytes, ControlError> {
    match verb {
        Verb::ActorFetch => run(body, |command| handler.actor_fetch(command, progress)).await,
        Verb::ActorInspect => run(body, |command| handler.actor_inspect(command, progress)).await,
        Verb::ActorScale => run(body, |command| handler.actor_scale(command, progress)).await,
        Verb::ActorStart => run(body, |command| handler.actor_start(command, progress)).await,
        Verb::ActorStop => run(body, |command| handler.actor_stop(command, progress)).await,
        Verb::AppProgress => run(body, |command| handler.apps_progress(command)).await,
        Verb::Call => run(body, |command| handler.call(command, progress)).await,
        Verb::Doctor => run(body, |command| handler.doctor(command)).await,
        Verb::HostSchedule => run(body, |command| handler.host_schedule(command, progress)).await,
        Verb::HostStop => run(body, |command| handler.host_stop(command, progress)).await,
        Verb::Inventory => run(body, |command| handler.inventory(command)).await,
        Verb::KeyedFind => run(body, |command| handler.keyed_find(command)).await,
        Verb::KeyedList => run(body, |command| handler.keyed_list(command)).await,
        Verb::KeyedMove => run(body, |command| handler.keyed_move(command, progress)).await,
        Verb::Links => run(body, |command| handler.links(command)).await,
        Verb::Logs => run(body, |command| handler.logs(command)).await,
        Verb::Ping => run(body, |command| handler.ping(command)).await,
        Verb::Placements => run(body, |command| handler.placements(command)).await,
        Verb::ProviderStart => run(body, |command| handler.provider_start(command, progress)).await,
        Verb::ProviderStop => run(body, |command| handler.provider_stop(command, progress)).await,
        Verb::Traces => run(body, |command| handler.traces(command)).await,
        Verb::Traffic => run(body, |command| handler.traffic(command)).await,
        Verb::Cancel => Err(ControlError::internal("cancel is answered before dispatch")),
    }
}

async fn run<C, F>(body: &[u8], method: impl FnOnce(C) -> F) -> Result<Bytes, ControlError>
where
    C: Command,
    F: Future<Output = Result<C::Reply, ControlError>>,
{
    let command = read_command(body)?;
    let reply = method(command).await?;
    wire::encode(&reply).map_err(|error| ControlError::internal(format!("the reply cannot be encoded: {error}")))
}

/// Reads a command's body.
pub(super) fn read_command<C: Command>(body: &[u8]) -> Result<C, ControlError> {
    let unreadable = |error| {
        ControlError::invalid(format!("the `{}` command cannot be read: {error}", C::VERB))
            .with_help("is this `lattice` as new as the host? `lattice version` shows both")
    };
    wire::decode::<Body<C>>(body)
        .map(|body| body.command)
        .map_err(unreadable)
}

/// Reads which run of the member a body is meant for, whatever the command in it.
pub(super) fn read_addressee(body: &[u8]) -> Result<Option<Incarnation>, ControlError> {
    #[derive(Deserialize)]
    struct Addressee {
        #[serde(default)]
        to: Option<Incarnation>,
    }
    let read = wire::decode::<Addressee>(body);
    read.map(|addressee| addressee.to)
        .map_err(|error| ControlError::invalid(format!("the command cannot be read: {error}")))
}
